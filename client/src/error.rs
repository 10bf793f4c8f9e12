//! What can go wrong, in the words that a user sees, and the exit code for each.

use std::error::Error;
use std::path::PathBuf;

use evervoice_core::config::ConfigError;
use evervoice_core::tts::{ProviderFailure, TtsError};

use crate::gateway::Refusal;

/// Why a program did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The options contradict the API: nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// The settings cannot be used.
    #[error("настройки непригодны. {0}")]
    Settings(ConfigError),
    /// ElevenLabs cannot be asked without these keys (variables in brackets).
    #[error("для ElevenLabs не заданы: {0}; задайте их в окружении, в .env или в файле настроек")]
    Missing(String),
    /// No HTTP connection: nothing listens there, or the name is unknown.
    #[error("шлюз недоступен по адресу {url}; запустите его командой `cargo xtask up` ({cause})")]
    Unreachable {
        /// The gateway's address as configured.
        url: String,
        /// The innermost cause.
        cause: String,
    },
    /// The server answered with a status other than 200.
    #[error("{0}")]
    Refused(Refusal),
    /// The answer began or was awaited, and did not come whole.
    #[error("ответ оборвался, звук неполный: {0}. Файл не сохранён")]
    Broken(String),
    /// The answer is whole and cannot be used: no sound in it, or sound of another format.
    #[error("ответ непригоден: {0}. Файл не сохранён")]
    Unusable(String),
    /// ElevenLabs did not speak, or not to the end.
    #[error("{}", told(.0))]
    Speech(TtsError),
    /// Some runs of a measurement failed; the reports are there.
    #[error("не удалось прогонов: {failed} из {runs}; причины названы в отчёте")]
    Runs {
        /// How many failed.
        failed: usize,
        /// Of how many.
        runs: usize,
    },
    /// Some utterances of a load failed, or were not heard letter by letter; the reports are there.
    #[error("не удалось реплик: {failed} из {utterances}; {heard}")]
    Load {
        /// How many failed.
        failed: usize,
        /// Of how many.
        utterances: usize,
        /// What was lost, repeated or silent, in words.
        heard: String,
    },
    /// A file cannot be read or written.
    #[error("файл {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system or the WAV reader said.
        cause: String,
    },
    /// The asynchronous runtime cannot be started.
    #[error("не удалось начать работу: {0}")]
    Start(std::io::Error),
}

impl ClientError {
    /// The exit code, as listed in `--help`.
    pub fn exit_code(&self) -> u8 {
        match self {
            ClientError::Start(_) => 1,
            ClientError::Usage(_) | ClientError::Settings(_) | ClientError::Missing(_) => 2,
            ClientError::Unreachable { .. } => 3,
            ClientError::Refused(_) => 4,
            ClientError::Broken(_) | ClientError::Unusable(_) => 5,
            ClientError::File { .. } => 6,
            ClientError::Runs { .. } | ClientError::Load { .. } => 7,
            ClientError::Speech(TtsError::Provider { failure, .. }) => match failure {
                ProviderFailure::Unreachable => 3,
                ProviderFailure::Busy | ProviderFailure::Refused | ProviderFailure::Rejected => 4,
                ProviderFailure::Timeout | ProviderFailure::Broken => 5,
            },
            // The caller's fault: the text, the voice, the pace.
            ClientError::Speech(_) => 2,
        }
    }

    /// A [`ClientError::File`] for `path`.
    pub fn file(path: &std::path::Path, cause: impl ToString) -> Self {
        ClientError::File { path: path.to_owned(), cause: cause.to_string() }
    }
}

/// A provider's error names the kind; what happened exactly is in its source.
pub fn told(error: &TtsError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
