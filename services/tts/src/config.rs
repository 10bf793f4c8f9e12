//! Settings of the text-to-speech service. `configs/tts_config.yml` is their manual.

use std::path::PathBuf;

use evervoice_core::{
    config::{Mistakes, Settings},
    service::settings::{LogSettings, ServerSettings},
};
use serde::{Deserialize, Serialize};

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TtsSettings {
    /// Where to listen.
    pub server: ServerSettings,
    /// How to log.
    pub log: LogSettings,
    /// What is spoken, and how much at once.
    pub speech: SpeechSettings,
    /// The voices of this machine.
    pub local: LocalSettings,
}

/// Key `speech`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpeechSettings {
    /// Longest text of an utterance, in characters.
    pub max_chars: usize,
    /// Utterances at once; further ones get 503 at once.
    pub max_utterances: usize,
    /// How long a client may take no sound before its utterance is given up, in seconds.
    pub client_stall_timeout: f64,
    /// WebSockets at once; further ones get 503.
    pub max_sockets: usize,
    /// How long a WebSocket may stay open with nothing to say, in seconds.
    pub socket_idle_timeout: f64,
    /// Utterances that may wait on one WebSocket.
    pub socket_queue: usize,
}

/// Key `local`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalSettings {
    /// Threads that compute speech; `null` for one per core.
    pub threads: Option<usize>,
    /// Where `voices` are looked for.
    pub models_dir: PathBuf,
    /// Voices besides the built-in one: directories in `models_dir`.
    pub voices: Vec<PathBuf>,
    /// Whether the built-in English voice is loaded.
    pub built_in: bool,
    /// Voice of requests that name none; `null` for the first one that can read the text.
    pub default_voice: Option<String>,
}

impl Default for TtsSettings {
    fn default() -> Self {
        Self {
            server: ServerSettings::on_port(8082),
            log: LogSettings::default(),
            speech: SpeechSettings {
                max_chars: 5_000,
                max_utterances: 64,
                client_stall_timeout: 30.0,
                max_sockets: 1000,
                socket_idle_timeout: 300.0,
                socket_queue: 16,
            },
            local: LocalSettings {
                threads: None,
                models_dir: evervoice_models::DEFAULT_MODELS_DIR.into(),
                voices: Vec::new(),
                built_in: true,
                default_voice: None,
            },
        }
    }
}

impl Settings for TtsSettings {
    const VARIABLES: &'static [(&'static str, &'static str)] = &[
        ("BIND_ADDRESS", "server.bind_address"),
        ("TTS_PORT", "server.port"),
        ("TTS_MAX_CHARS", "speech.max_chars"),
        ("TTS_MAX_UTTERANCES", "speech.max_utterances"),
        ("TTS_THREADS", "local.threads"),
        ("TTS_VOICES", "local.voices"),
        ("TTS_DEFAULT_VOICE", "local.default_voice"),
        ("MODELS_DIR", "local.models_dir"),
        ("LOG_LEVEL", "log.level"),
        ("LOG_DIR", "log.dir"),
    ];

    fn check(&self, mistakes: &mut Mistakes) {
        self.server.check(mistakes);
        self.log.check(mistakes);
        mistakes.range("speech.max_chars", self.speech.max_chars, 1..=100_000);
        mistakes.range("speech.max_utterances", self.speech.max_utterances, 1..=100_000);
        mistakes.range("speech.client_stall_timeout", self.speech.client_stall_timeout, 0.1..=3600.0);
        mistakes.range("speech.socket_idle_timeout", self.speech.socket_idle_timeout, 1.0..=86_400.0);
        mistakes.range("speech.max_sockets", self.speech.max_sockets, 1..=100_000);
        mistakes.range("speech.socket_queue", self.speech.socket_queue, 1..=1_000);
        if let Some(threads) = self.local.threads {
            mistakes.range("local.threads", threads, 1..=256);
        }
        if !self.local.built_in && self.local.voices.is_empty() {
            mistakes.add("local.built_in", "is false and local.voices is empty: there would be no voice");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The file is the manual: it names every key, with its default.
    #[test]
    fn the_shipped_file_is_the_defaults() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/tts_config.yml");
        evervoice_core::config::assert_manual::<TtsSettings>(&file);
    }
}
