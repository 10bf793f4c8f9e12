//! What can go wrong with models. Every message says what to do next where something can be done.

use std::io;
use std::path::{Path, PathBuf};

use evervoice_models::{ManifestError, UnknownModel};
use indicatif::BinaryBytes;

use super::archive::ArchiveError;

/// Why a model could not be listed, pulled or verified.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// The list of models cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The list has no model of that name.
    #[error(transparent)]
    Unknown(#[from] UnknownModel),
    /// No checksum is known, and the caller did not accept that.
    #[error(
        "{name}: no published SHA-256 of this model is known, so a damaged or exchanged file could not be told from \
         the real one ({source_note}). To install it all the same: {command} --accept-unverified"
    )]
    Unverified {
        /// The model.
        name: String,
        /// What the list says about where its facts are from.
        source_note: String,
        /// The command line to repeat.
        command: String,
    },
    /// The server cannot be reached, or the connection broke again and again.
    #[error(
        "cannot download {url}: {cause}. What has arrived is kept; run the same command again to go on. \
         Without a network, bring {file_name} here by other means and run: {command} --mirror DIRECTORY_OF_THAT_FILE"
    )]
    Network {
        /// What was asked for.
        url: String,
        /// The innermost cause.
        cause: String,
        /// The name that the archive must have in a mirror.
        file_name: String,
        /// The command line to repeat.
        command: String,
    },
    /// The server answered that it will not give the file.
    #[error("cannot download {url}: the server answered {status}. Another place can be given with --mirror")]
    Refused {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: reqwest::StatusCode,
    },
    /// What is offered has another size than the list says: another file, or a sign-in page in between.
    #[error("{origin} has {offered} bytes where {declared} are expected: it is not the listed file")]
    WrongSize {
        /// The address or path.
        origin: String,
        /// The size in the list, in bytes.
        declared: u64,
        /// The size that is offered, in bytes.
        offered: u64,
    },
    /// A mirror directory without the file.
    #[error("the mirror has no file {}", .0.display())]
    NotInMirror(PathBuf),
    /// The archive is not what was published.
    #[error("{origin} has the wrong SHA-256\n  expected {expected}\n  found    {found}\n{consequence}")]
    Checksum {
        /// The address or path that the archive came from.
        origin: String,
        /// The sum in the list.
        expected: String,
        /// The sum of what came.
        found: String,
        /// What became of the file.
        consequence: &'static str,
    },
    /// The archive cannot be unpacked.
    #[error("{origin}: {source}")]
    Archive {
        /// The address or path that the archive came from.
        origin: String,
        /// Why.
        source: ArchiveError,
    },
    /// The archive holds something else than a model of its kind.
    #[error("{origin} holds no Vosk model: neither am/final.mdl nor final.mdl is in it")]
    NotAModel {
        /// The address or path that the archive came from.
        origin: String,
    },
    /// The disk is too full.
    #[error(
        "{} has {} free, and {} are needed",
        directory.display(), BinaryBytes(*free), BinaryBytes(*needed)
    )]
    NoSpace {
        /// The models directory.
        directory: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// Something stands where the model belongs, and no pull put it there.
    #[error("{} exists and was not installed by this command; move it away, or replace it with --force", .0.display())]
    InTheWay(PathBuf),
    /// Nothing is installed under this name.
    #[error("{} is not installed", .0)]
    NotInstalled(String),
    /// Installed files differ from what was installed.
    #[error("{} damaged:\n  {}", .0.len(), .0.join("\n  "))]
    Damaged(Vec<String>),
    /// A file or directory cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The HTTP client cannot be made.
    #[error("cannot prepare the download: {0}")]
    Client(reqwest::Error),
}

impl ModelsError {
    /// A function that wraps what the system said about `path`.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| ModelsError::File { path, source }
    }
}
