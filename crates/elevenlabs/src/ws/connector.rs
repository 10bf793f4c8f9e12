//! Opens sockets for the pool.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use evervoice_core::pool::{Connector, Slot};
use reqwest::{
    StatusCode, Url,
    header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
    redirect::Policy,
};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::{
    connection::{Options, WsConnection},
    context, script,
};
use crate::{
    config::{ElevenLabsSettings, WsEndpoint},
    error::{Answer, ElevenLabsError},
    events::Events,
    format::OutputFormat,
};

/// Longest body of a refused upgrade that is read, in bytes.
const LONGEST_REFUSAL: usize = 64 << 10;

/// How long a socket may be without text, as a part of what the service allows. The pool replaces it at 75 %.
const LONGEST_IDLE: f64 = 0.8;

/// What is fixed when a socket is opened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Whose voice.
    pub voice_id: String,
    /// By which model.
    pub model_id: String,
    /// In which format.
    pub format: OutputFormat,
    /// In which language, for models that take one.
    pub language: Option<String>,
}

/// Opens sockets to one of the two WebSocket interfaces.
pub struct WsConnector {
    client: reqwest::Client,
    settings: Arc<ElevenLabsSettings>,
    events: Events,
    sockets: AtomicU64,
}

impl WsConnector {
    /// A connector for `settings`. It connects like every HTTP client of this project: same roots, same proxies.
    ///
    /// # Errors
    /// [`ElevenLabsError::Connect`] when no client can be made.
    pub fn new(settings: Arc<ElevenLabsSettings>, events: Events) -> Result<Self, ElevenLabsError> {
        let client = settings
            .client_builder()
            .connect_timeout(Duration::from_secs_f64(settings.ws_connect_timeout_sec))
            .redirect(Policy::none())
            // A WebSocket begins as HTTP/1.1.
            .http1_only()
            // A connection becomes a socket or is of no use.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(connect_error)?;
        Ok(Self { client, settings, events, sockets: AtomicU64::new(1) })
    }

    /// The address of a socket, in the scheme of the request that is upgraded to it.
    fn url(&self, key: &Key) -> Result<Url, ElevenLabsError> {
        let settings = &self.settings;
        let wrong = |what: &str| ElevenLabsError::Connect(format!("ws_base_url: {what}").into());
        let mut url = Url::parse(&settings.ws_base_url).map_err(|error| wrong(&error.to_string()))?;
        let scheme = if matches!(url.scheme(), "wss" | "https") { "https" } else { "http" };
        url.set_scheme(scheme).map_err(|()| wrong("no scheme of a WebSocket"))?;
        let interface = match settings.ws_endpoint {
            WsEndpoint::Multi => "multi-stream-input",
            WsEndpoint::Single => "stream-input",
        };
        url.path_segments_mut().map_err(|()| wrong("no address of a host"))?.pop_if_empty().extend([
            "v1",
            "text-to-speech",
            &key.voice_id,
            interface,
        ]);
        let mut query = url.query_pairs_mut();
        query
            .append_pair("model_id", &key.model_id)
            .append_pair("output_format", key.format.name())
            .append_pair("inactivity_timeout", &settings.ws_inactivity_timeout.to_string())
            .append_pair("auto_mode", flag(settings.ws_auto_mode))
            .append_pair("enable_ssml_parsing", flag(settings.ws_enable_ssml_parsing))
            .append_pair("enable_logging", flag(settings.enable_logging))
            .append_pair("apply_text_normalization", settings.apply_text_normalization.name())
            .append_pair("sync_alignment", "true");
        if let Some(language) = &key.language {
            query.append_pair("language_code", language);
        }
        if let Some(seed) = settings.seed {
            query.append_pair("seed", &seed.to_string());
        }
        drop(query);
        Ok(url)
    }

    /// Name, TCP, TLS and upgrade.
    async fn upgrade(&self, key: &Key) -> Result<reqwest::Upgraded, ElevenLabsError> {
        let nonce = generate_key();
        let mut request = self
            .client
            .get(self.url(key)?)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &nonce);
        if !self.settings.ws_key_in_first_message {
            let mut api_key = HeaderValue::from_str(self.settings.api_key.expose())
                .map_err(|_| ElevenLabsError::Connect("api_key has characters that no header may have".into()))?;
            api_key.set_sensitive(true);
            request = request.header("xi-api-key", api_key);
        }
        let mut response = request.send().await.map_err(connect_error)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let mut body = vec![];
            while let Ok(Some(piece)) = response.chunk().await
                && body.len() < LONGEST_REFUSAL
            {
                body.extend_from_slice(&piece);
            }
            let answer = Answer::parse(response.status().as_u16(), response.headers(), &body);
            return Err(ElevenLabsError::Answer(answer));
        }
        let accept = response.headers().get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
        if accept != Some(derive_accept_key(nonce.as_bytes()).as_bytes()) {
            return Err(ElevenLabsError::Protocol("the upgrade was answered by something else".to_owned()));
        }
        response.upgrade().await.map_err(connect_error)
    }
}

#[async_trait]
impl Connector for WsConnector {
    type Key = Key;
    type Connection = WsConnection;
    type Error = ElevenLabsError;

    async fn connect(&self, key: &Key) -> Result<WsConnection, ElevenLabsError> {
        let settings = &self.settings;
        let number = self.sockets.fetch_add(1, Relaxed);
        let limit = Duration::from_secs_f64(settings.ws_connect_timeout_sec);
        let began = Instant::now();
        self.events.ws_handshake_start(number);
        let upgraded = timeout(limit, self.upgrade(key))
            .await
            .unwrap_or(Err(ElevenLabsError::Timeout { what: "connection", after: limit }))
            .map_err(|error| error.without(&settings.api_key))
            .inspect_err(|error| self.events.ws_handshake_failed(number, began.elapsed(), error))?;
        self.events.ws_handshake_finish(number, began.elapsed());
        let options = Options {
            number,
            endpoint: settings.ws_endpoint,
            key: settings.api_key.clone(),
            close_timeout: Duration::from_secs_f64(settings.ws_context_close_timeout_sec),
            longest_idle: Duration::from_secs(settings.ws_inactivity_timeout.into()).mul_f64(LONGEST_IDLE),
            room: context::room(key.format),
            events: self.events.clone(),
        };
        Ok(WsConnection::start(upgraded, options).await)
    }

    async fn warm(&self, connection: &WsConnection, slot: Slot) -> Result<(), ElevenLabsError> {
        let settings = &self.settings;
        let limit = Duration::from_secs_f64(settings.ws_first_audio_timeout_sec);
        let heard = async {
            let first = |context: &_| script::whole(context, settings, settings.voice_speed, &settings.warm_text);
            let mut context = connection.open(slot, first).await?;
            loop {
                let sound = context.next().await?;
                if !sound.bytes.is_empty() {
                    return Ok(());
                }
                if sound.last {
                    return Err(ElevenLabsError::Silent);
                }
            }
        };
        let heard = timeout(limit, heard).await;
        let heard = heard.unwrap_or(Err(ElevenLabsError::Timeout { what: "first sound", after: limit }));
        heard.map_err(|error| error.without(&settings.api_key))
    }

    fn hopeless(&self, error: &ElevenLabsError) -> bool {
        error.hopeless()
    }

    fn retry_after(&self, error: &ElevenLabsError) -> Option<Duration> {
        error.told()
    }
}

fn flag(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

fn connect_error(error: reqwest::Error) -> ElevenLabsError {
    // The address is in the settings; in an error it is only long.
    ElevenLabsError::Connect(Box::new(error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(change: impl FnOnce(&mut ElevenLabsSettings)) -> String {
        let mut settings = ElevenLabsSettings { api_key: "secret".into(), ..Default::default() };
        change(&mut settings);
        let key = Key {
            voice_id: "v/1".into(),
            model_id: "m".into(),
            format: settings.ws_output_format,
            language: Some("ru".into()),
        };
        WsConnector::new(Arc::new(settings), Events::unregistered()).unwrap().url(&key).unwrap().to_string()
    }

    #[test]
    fn the_address_says_all_that_is_fixed() {
        assert_eq!(
            url(|settings| settings.seed = Some(7)),
            "https://api.elevenlabs.io/v1/text-to-speech/v%2F1/multi-stream-input?model_id=m&output_format=pcm_16000\
             &inactivity_timeout=20&auto_mode=true&enable_ssml_parsing=false&enable_logging=true\
             &apply_text_normalization=auto&sync_alignment=true&language_code=ru&seed=7"
        );
    }

    #[test]
    fn a_base_address_may_have_a_path_and_no_tls() {
        let url = url(|settings| {
            settings.ws_base_url = "ws://localhost:8000/proxy/".into();
            settings.ws_endpoint = WsEndpoint::Single;
        });
        assert!(url.starts_with("http://localhost:8000/proxy/v1/text-to-speech/v%2F1/stream-input?"), "{url}");
    }
}
