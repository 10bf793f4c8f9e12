//! What can go wrong, in the words that a user sees, and the exit code for each.

use std::path::PathBuf;

use crate::gateway::Refusal;

/// Why a program did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The options contradict the API: nothing was sent.
    #[error("{0}")]
    Usage(String),
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
            ClientError::Usage(_) => 2,
            ClientError::Unreachable { .. } => 3,
            ClientError::Refused(_) => 4,
            ClientError::Broken(_) | ClientError::Unusable(_) => 5,
            ClientError::File { .. } => 6,
        }
    }

    /// A [`ClientError::File`] for `path`.
    pub fn file(path: &std::path::Path, cause: impl ToString) -> Self {
        ClientError::File { path: path.to_owned(), cause: cause.to_string() }
    }
}
