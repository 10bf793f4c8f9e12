//! Why a voice cannot be loaded.

use std::{io, path::PathBuf};

/// Why a voice was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file of the package cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is not one that we know.
    #[error("voice.json: {0}")]
    Manifest(#[from] serde_json::Error),
    /// The manifest is of a kind that we do not know, or its values do not fit together.
    #[error("voice.json: {0}")]
    Unsupported(String),
    /// A graph cannot be planned or does not do what the manifest says.
    #[error("the networks of the voice do not load: {0:#}")]
    Graph(#[from] anyhow::Error),
}
