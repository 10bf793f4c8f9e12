//! Measures the client of ElevenLabs, as the service uses it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use evervoice_core::audio::AudioStream;
use evervoice_core::tts::{SpeechLimits, SpeechRequest, TtsProvider};
use evervoice_elevenlabs::{ElevenLabsSettings, Events, HttpProvider, WebSocketProvider};
use futures_util::StreamExt;

use super::cases::{Case, Timing};
use super::probe::{Probe, RawEvent};
use super::{ms, pieces};
use crate::error::ClientError;
use crate::settings;

/// How long a socket may take to close after its use.
const CLOSE: Duration = Duration::from_secs(2);

/// Between two looks at a pool that is connecting.
const LOOK: Duration = Duration::from_millis(1);

/// ElevenLabs, without a gateway between.
pub struct Direct {
    settings: ElevenLabsSettings,
    probe: Probe,
    /// The pool of [`Case::Warm`], from its first run on.
    warm: Option<WebSocketProvider>,
}

impl Direct {
    /// `settings` must be complete.
    pub fn new(settings: ElevenLabsSettings, probe: Probe) -> Self {
        Direct { settings, probe, warm: None }
    }

    /// One run; `id` names it in the events.
    pub async fn run(&mut self, case: Case, text: &str, id: &str) -> Result<Timing, ClientError> {
        match case {
            Case::WsShort | Case::WsLong => self.socket(text, id).await,
            Case::Reconnect => {
                self.socket(text, id).await?;
                self.socket(text, id).await
            }
            Case::HttpShort | Case::HttpLong => self.http(text, id).await,
            Case::Warm => self.warm(text, id).await,
            Case::Cold => self.cold(text, id).await,
        }
    }

    /// Closes what is still open.
    pub async fn close(self) {
        if let Some(provider) = self.warm {
            provider.close(CLOSE).await;
        }
    }

    /// A socket is opened, speaks a text that comes in pieces, and is closed.
    async fn socket(&self, text: &str, id: &str) -> Result<Timing, ClientError> {
        let mark = self.probe.count();
        // No second socket: it would be opened while the first one speaks.
        let provider = self.pool(1, 1)?;
        ready(&provider).await?;
        let timing = spoken_in_pieces(&provider, text, id).await;
        provider.close(CLOSE).await;
        Ok(Timing { handshake_ms: self.handshake(mark), ..timing? })
    }

    async fn warm(&mut self, text: &str, id: &str) -> Result<Timing, ClientError> {
        let provider = match &self.warm {
            Some(provider) => provider.clone(),
            None => self.warm.insert(self.pool(self.settings.pool_size.max(1), self.settings.pool_max)?).clone(),
        };
        ready(&provider).await?;
        let mark = self.probe.count();
        let timing = spoken_whole(&provider, text, id).await?;
        let waited = |event: &RawEvent| event.is("ws_pool_lease") && event.get("waited") == Some(&true.into());
        if !self.probe.since(mark).iter().any(waited) {
            return Err(ClientError::Broken("сокет из пула не был готов".to_owned()));
        }
        Ok(timing)
    }

    async fn cold(&self, text: &str, id: &str) -> Result<Timing, ClientError> {
        let mark = self.probe.count();
        let provider = self.pool(0, 1)?;
        let timing = spoken_whole(&provider, text, id).await;
        provider.close(CLOSE).await;
        Ok(Timing { handshake_ms: self.handshake(mark), ..timing? })
    }

    async fn http(&self, text: &str, id: &str) -> Result<Timing, ClientError> {
        let provider = HttpProvider::new(self.settings.clone(), Events::unregistered()).map_err(settings::unusable)?;
        spoken_whole(&provider, text, id).await
    }

    fn pool(&self, ready: usize, most: usize) -> Result<WebSocketProvider, ClientError> {
        let settings = ElevenLabsSettings { pool_size: ready, pool_max: most, ..self.settings.clone() };
        WebSocketProvider::start(Arc::new(settings), Events::unregistered()).map_err(settings::unusable)
    }

    /// The last handshake after a mark.
    fn handshake(&self, mark: usize) -> Option<f64> {
        let events = self.probe.since(mark);
        events.iter().rev().find(|event| event.is("ws_handshake_finish"))?.get("ms")?.as_f64()
    }
}

/// Waits until the pool has a socket; there is no limit but the caller's.
async fn ready(provider: &WebSocketProvider) -> Result<(), ClientError> {
    loop {
        let status = provider.pool_status();
        if status.iter().any(|key| key.ready > 0) {
            return Ok(());
        }
        if let Some(error) = status.into_iter().find_map(|key| key.last_error) {
            return Err(ClientError::Broken(error));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn spoken_in_pieces(provider: &WebSocketProvider, text: &str, id: &str) -> Result<Timing, ClientError> {
    let stream = provider.start_llm_stream(None, None, 1.0, id).map_err(ClientError::Speech)?;
    let sender = stream.text;
    let began = Instant::now();
    let write = async move {
        for piece in pieces(text) {
            // When the utterance is over before its text is, the sound says why.
            if sender.send(piece).await.is_err() {
                break;
            }
        }
        sender.finish();
    };
    let (heard, ()) = tokio::join!(heard(stream.audio, began), write);
    heard
}

async fn spoken_whole(provider: &dyn TtsProvider, text: &str, id: &str) -> Result<Timing, ClientError> {
    let limits = SpeechLimits { max_chars: usize::MAX };
    let request = SpeechRequest::new(text.to_owned(), None, None, None, limits).map_err(ClientError::Speech)?;
    let began = Instant::now();
    let stream = provider.speak(request.with_id(id)).await.map_err(ClientError::Speech)?;
    heard(stream, began).await
}

/// Listens to the end. What comes first comes with its error, if it has one: a cut utterance has no times.
async fn heard(mut stream: AudioStream, began: Instant) -> Result<Timing, ClientError> {
    let mut first_ms = None;
    while let Some(chunk) = stream.chunks.next().await {
        chunk.map_err(ClientError::Speech)?;
        first_ms.get_or_insert_with(|| ms(began));
    }
    let first_ms = first_ms.ok_or_else(|| ClientError::Unusable("в нём нет звука".to_owned()))?;
    Ok(Timing { handshake_ms: None, first_ms, total_ms: ms(began) })
}
