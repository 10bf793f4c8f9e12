//! A request to speak, who can fulfil it, and what can go wrong.

mod error;
mod request;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

pub use error::{ProviderFailure, TtsError};
pub use request::{SpeechLimits, SpeechRequest, has_words, speakable};

use crate::audio::AudioStream;

/// Someone who turns text into sound: the local voice, a cloud service.
#[async_trait]
pub trait TtsProvider: Send + Sync {
    /// The name told in `X-Voice-Provider`, in logs and in metrics.
    fn name(&self) -> &'static str;

    /// The voices that can be asked for by name.
    fn voices(&self) -> Vec<VoiceInfo>;

    /// Starts to speak, and returns with the first sound: what can fail before it fails here, where someone else may
    /// still be asked. Dropping the stream, or this future, cancels the utterance.
    ///
    /// # Errors
    /// [`TtsError`], before the first sample. Later errors are items of the stream. [`Fault::Caller`](crate::fault::Fault)
    /// means that this provider cannot speak such a request; another one may.
    async fn speak(&self, request: SpeechRequest) -> Result<AudioStream, TtsError>;

    /// Whether it works with the network unplugged. Such a provider is never left alone after failures and never cut short:
    /// behind it there is only silence.
    fn is_local(&self) -> bool {
        false
    }

    /// Whether it has the voice of this name.
    fn has_voice(&self, name: &str) -> bool {
        self.voices().iter().any(|voice| voice.name == name)
    }

    /// Everything that decides how it would speak a request besides text, language and speed: provider, voice, model, settings,
    /// format. Two requests with the same answer sound the same, also after a restart. `None` when it cannot speak such a
    /// request, as far as it can tell without trying.
    fn rendering(&self, request: &SpeechRequest) -> Option<String> {
        Some(format!("{} {}", self.name(), request.voice().unwrap_or_default()))
    }

    /// When its connections last began to succeed again after they had failed; `None` when they never failed, or it keeps none.
    /// Not that it speaks: one that takes every connection and never makes a sound has not recovered with each of them.
    fn recovered_at(&self) -> Option<Instant> {
        None
    }

    /// What there is to know about its state, by name, for `/health`: never a secret.
    fn details(&self) -> BTreeMap<String, Value> {
        BTreeMap::new()
    }
}

/// A voice as `GET /api/voices` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VoiceInfo {
    /// The name to ask for.
    pub name: String,
    /// Languages as BCP 47 tags, such as `en`.
    pub languages: Vec<String>,
    /// Who speaks with it.
    pub provider: &'static str,
    /// Its own sample rate in Hz.
    pub sample_rate: u32,
    /// Whether it speaks when a request names no voice.
    pub default: bool,
}

/// Whether a voice or model for `have` serves a request for `want` (BCP 47 tags): `en-GB` is served by `en`, and `en`
/// by `en-US`. Case does not matter.
pub fn language_matches(have: &str, want: &str) -> bool {
    let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    primary(have) == primary(want)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_do_not_matter() {
        assert!(language_matches("en-US", "EN"));
        assert!(language_matches("en", "en_gb"));
        assert!(!language_matches("en", "ru"));
    }
}
