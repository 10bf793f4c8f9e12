//! How an utterance gets its place on a socket.

use std::{sync::Arc, time::Duration};

use evervoice_core::pool::{Connection, Lease, Pool};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::timeout;

use super::{
    connection::WsConnection,
    connector::{Key, WsConnector},
    context::Context,
    script,
};
use crate::{
    aligned::Aligned, config::ElevenLabsSettings, decode::Decoder, error::ElevenLabsError, events::Events,
    format::Codec,
};

/// How long a socket that had waited may take to give a sign of life: much less than the first sound may take.
const ALIVE: Duration = Duration::from_secs(2);

/// What every utterance needs.
pub(super) struct Line {
    pub settings: Arc<ElevenLabsSettings>,
    pub pool: Pool<WsConnector>,
    pub events: Events,
}

impl Line {
    /// Writes an error down. It leaves without the key.
    pub fn told(&self, request_id: &str, error: ElevenLabsError) -> ElevenLabsError {
        let error = error.without(&self.settings.api_key);
        let text = error.to_string();
        if matches!(error, ElevenLabsError::Protocol(_) | ElevenLabsError::Decode(_)) {
            self.events.tts_protocol_error(request_id, &text);
        }
        self.events.tts_ws_error(request_id, error.failure(), &text);
        error
    }
}

/// Who shall speak, and for whom.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub key: Key,
    pub speed: f32,
    pub request_id: String,
}

/// A place on a socket, and what is known of the sound that comes there.
pub(super) struct Place {
    pub context: Context,
    /// Whether the socket had waited in the pool, so that it may have died unseen.
    pub waited: bool,
    /// Its sign of life, until something came.
    pub alive: Option<BoxFuture<'static, Result<(), ElevenLabsError>>>,
    pub decoder: Decoder,
    pub aligned: Aligned,
}

/// What is needed to begin, once or again.
pub(super) struct Opening<'a> {
    pub line: &'a Line,
    pub order: &'a Order,
    pub text: &'a str,
    /// Whether that is all the text.
    pub finished: bool,
    /// Whether the sound of it is asked for at once.
    pub flush: bool,
}

impl Opening<'_> {
    /// On a socket of the pool. One that turns out to be gone is replaced by a fresh one.
    pub async fn place(&self) -> Result<Place, ElevenLabsError> {
        let lease = self.line.pool.acquire(&self.order.key).await?;
        let waited = lease.waited();
        match self.open(lease).await {
            Err(error) if waited && error.repeatable() => self.fresh_place().await,
            opened => opened,
        }
    }

    /// On a socket that has not waited.
    pub async fn fresh_place(&self) -> Result<Place, ElevenLabsError> {
        let lease = self.line.pool.acquire_fresh(&self.order.key).await?;
        let place = self.open(lease).await?;
        Ok(Place { waited: false, alive: None, ..place })
    }

    async fn open(&self, lease: Lease<WsConnector>) -> Result<Place, ElevenLabsError> {
        let Self { line: Line { settings, .. }, order: Order { key, speed, .. }, text, finished, flush } = *self;
        let waited = lease.waited();
        let (connection, slot) = lease.into_parts();
        let messages = |context: &Context| match finished {
            true => script::whole(context, settings, *speed, text),
            false => vec![script::open(context, settings, *speed), script::text(context, text, true, flush)],
        };
        let context = connection.open(slot, messages).await?;
        let alive = waited.then(|| sign_of_life(connection).boxed());
        let exact = matches!(key.format.codec(), Codec::Pcm | Codec::Ulaw | Codec::Alaw);
        let decoder = Decoder::new(key.format)?;
        let aligned = Aligned::new(text, decoder.sample_rate(), exact && !settings.ws_enable_ssml_parsing);
        Ok(Place { context, waited, alive, decoder, aligned })
    }
}

async fn sign_of_life(connection: Arc<WsConnection>) -> Result<(), ElevenLabsError> {
    match timeout(ALIVE, connection.ping()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(closed)) => Err(ElevenLabsError::Closed { code: None, reason: closed.reason }),
        Err(_) => Err(ElevenLabsError::Timeout { what: "sign of life", after: ALIVE }),
    }
}
