//! The configuration of the service. `configs/asr.yml` is the manual; a test keeps its values equal to these defaults.

use std::{path::PathBuf, time::Duration};

use evervoice_core::{
    config::{Mistakes, Settings},
    service::settings::{LogSettings, ServerSettings},
};
use evervoice_recognizer::EngineSettings;
use serde::{Deserialize, Serialize};

/// All keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AsrSettings {
    /// Where to listen and how patient to be.
    pub server: ServerSettings,
    /// The JSON lines.
    pub log: LogSettings,
    /// Which model.
    pub model: ModelSettings,
    /// How much to do at once, and for how long.
    pub recognition: RecognitionSettings,
    /// WebSocket streams.
    pub stream: StreamSettings,
}

/// Key `model`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSettings {
    /// `builtin`, a name or alias of `configs/models.yml`, the name of a directory inside `dir`, or a path.
    pub name: String,
    /// Directory with the installed models.
    pub dir: PathBuf,
    /// A list of models in place of `configs/models.yml` as it was compiled in.
    pub manifest: Option<PathBuf>,
    /// Language of a model that is not in the list, as a BCP 47 tag; `null` takes the list's, else `en`.
    pub language: Option<String>,
}

/// Key `recognition`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecognitionSettings {
    /// Threads that decode; `null` for one per core.
    pub threads: Option<usize>,
    /// Requests beyond `threads` that may wait their turn; further ones get 503.
    pub queue: usize,
    /// What a 503 says about when to come back, in seconds.
    pub retry_after: f64,
    /// Longest sound of one request, in seconds.
    pub max_audio_duration: f64,
    /// Longest time from the whole body to the answer, in seconds.
    pub request_timeout: f64,
    /// Most time of work inside the engine, in seconds, beyond the length of the sound.
    pub decode_budget: f64,
}

/// Key `stream`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamSettings {
    /// Streams at once; further ones get 503.
    pub max_streams: usize,
    /// Longest sound of one stream, in seconds.
    pub max_audio_duration: f64,
    /// Longest silence of a client (no message at all), in seconds; also for a client that does not read.
    pub idle_timeout: f64,
}

impl Default for AsrSettings {
    fn default() -> Self {
        Self {
            server: ServerSettings::on_port(8081),
            log: LogSettings::default(),
            model: ModelSettings {
                name: evervoice_models::BUILTIN.into(),
                dir: evervoice_models::DEFAULT_MODELS_DIR.into(),
                manifest: None,
                language: None,
            },
            recognition: RecognitionSettings {
                threads: None,
                queue: 32,
                retry_after: 1.0,
                max_audio_duration: 15.0,
                request_timeout: 60.0,
                decode_budget: 10.0,
            },
            stream: StreamSettings { max_streams: 100, max_audio_duration: 3600.0, idle_timeout: 30.0 },
        }
    }
}

impl Settings for AsrSettings {
    const VARIABLES: &'static [(&'static str, &'static str)] = &[
        ("BIND_ADDRESS", "server.bind_address"),
        ("ASR_PORT", "server.port"),
        ("LOG_LEVEL", "log.level"),
        ("LOG_DIR", "log.dir"),
        ("ASR_MODEL_SIZE", "model.name"),
        ("MODELS_DIR", "model.dir"),
        ("MODELS_MANIFEST", "model.manifest"),
        ("ASR_LANGUAGE", "model.language"),
        ("ASR_THREADS", "recognition.threads"),
        ("MAX_AUDIO_DURATION", "recognition.max_audio_duration"),
        ("REQUEST_TIMEOUT", "recognition.request_timeout"),
    ];

    fn check(&self, mistakes: &mut Mistakes) {
        self.server.check(mistakes);
        self.log.check(mistakes);
        if self.model.name.trim().is_empty() {
            mistakes.add("model.name", "must be builtin, the name of a model, or a path");
        }
        let recognition = &self.recognition;
        if let Some(threads) = recognition.threads {
            mistakes.range("recognition.threads", threads, 1..=256);
        }
        mistakes.range("recognition.queue", recognition.queue, 0..=100_000);
        mistakes.range("recognition.retry_after", recognition.retry_after, 0.0..=3600.0);
        mistakes.range("recognition.max_audio_duration", recognition.max_audio_duration, 0.1..=3600.0);
        mistakes.range("recognition.request_timeout", recognition.request_timeout, 0.1..=3600.0);
        mistakes.range("recognition.decode_budget", recognition.decode_budget, 0.0..=3600.0);
        mistakes.range("stream.max_streams", self.stream.max_streams, 0..=100_000);
        mistakes.range("stream.max_audio_duration", self.stream.max_audio_duration, 1.0..=86_400.0);
        mistakes.range("stream.idle_timeout", self.stream.idle_timeout, 0.1..=3600.0);
    }
}

impl AsrSettings {
    /// What the engine may do at once.
    pub(crate) fn engine(&self) -> EngineSettings {
        let RecognitionSettings { threads, queue, retry_after, .. } = self.recognition;
        EngineSettings {
            threads: threads.unwrap_or(EngineSettings::default().threads),
            queue,
            streams: self.stream.max_streams,
            retry_after: Duration::from_secs_f64(retry_after),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use evervoice_core::config::{assert_manual, load};

    use super::*;

    #[test]
    fn the_manual_says_what_the_code_does() {
        assert_manual::<AsrSettings>(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/asr.yml"));
    }

    #[test]
    fn variables_win_and_wrong_values_are_told_by_name() {
        let variables = [("ASR_PORT", "9000"), ("MAX_AUDIO_DURATION", "30"), ("ASR_MODEL_SIZE", "base.en")];
        let config: AsrSettings = load(None, &variables.into_iter().collect()).unwrap();
        assert_eq!((config.server.port, config.recognition.max_audio_duration), (9000, 30.0));
        assert_eq!(config.model.name, "base.en");

        let variables = [("ASR_THREADS", "0"), ("MAX_AUDIO_DURATION", "-1"), ("BIND_ADDRESS", "everywhere")];
        let error = load::<AsrSettings>(None, &variables.into_iter().collect()).unwrap_err().to_string();
        assert!(error.contains("BIND_ADDRESS"), "{error}");
        let error = load::<AsrSettings>(None, &variables[..2].iter().copied().collect()).unwrap_err().to_string();
        assert!(error.contains("ASR_THREADS") && error.contains("MAX_AUDIO_DURATION"), "{error}");
    }
}
