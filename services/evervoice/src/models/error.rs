//! What can go wrong with models. Every message says what to do next where something can be done.

use std::io;
use std::path::{Path, PathBuf};

use evervoice_core::config::ConfigError;
use evervoice_models::{Kind, ManifestError, ResolveError, UnknownModel};
use indicatif::BinaryBytes;

use super::{archive::ArchiveError, install::parts_of};

/// Why a model could not be listed, pulled or verified.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// The list of models cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The list has no model of that name.
    #[error(transparent)]
    Unknown(#[from] UnknownModel),
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// The settings name something that is neither there nor in the list.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The settings name a model where one of another kind belongs.
    #[error("{name} is a {is}, and a {wanted} is needed")]
    WrongKind {
        /// The name in the list.
        name: String,
        /// What it is.
        is: Kind,
        /// What is needed.
        wanted: Kind,
    },
    /// Some of the models that the settings name cannot be had; each with the key that names it.
    #[error("{} of the models in the settings cannot be had:{}", .0.len(), lines(.0))]
    Configured(Vec<(&'static str, ModelsError)>),
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
    #[error("{origin} holds no {kind}: there is no {} in it", parts_of(*kind).join(" and no "))]
    NotAModel {
        /// The address or path that the archive came from.
        origin: String,
        /// What it should hold.
        kind: Kind,
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
    /// The exit code of a process that ends with this error, as in `evervoice_core::service::cli`.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, ModelsError::Settings(_)) { 2 } else { 1 }
    }

    /// A function that wraps what the system said about `path`.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| ModelsError::File { path, source }
    }
}

fn lines(failures: &[(&str, ModelsError)]) -> String {
    failures.iter().map(|(place, error)| format!("\n  {place}: {error}")).collect()
}
