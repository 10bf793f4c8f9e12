//! The list of downloadable models, and where an installed one lies on disk.
//!
//! No HTTP here: the recogniser and the voice need to know *where* a model is and *which command* brings a
//! missing one; only the command itself (`evervoice models pull`) talks to the network.
//!
//! * [`manifest`]: the list in `configs/models.yml`, its rules and its look-up
//! * [`resolve`]: a configured name → a directory
#![warn(missing_docs)]

pub mod manifest;
pub mod resolve;

pub use manifest::{Kind, Manifest, ManifestError, Model, UnknownModel};
pub use resolve::{BUILTIN, Location, ResolveError, locate};

/// Where models are kept unless `MODELS_DIR` says otherwise, relative to the working directory.
/// It is not `models/`: that directory holds the built-in recogniser and belongs to the repository.
pub const DEFAULT_MODELS_DIR: &str = "models-data";

/// The file inside an installed model that says what was installed, as written by `evervoice models pull`.
pub const MARKER: &str = "installed.json";

/// The command line that fetches `name` (a manifest name or an alias), for messages about a missing model.
pub fn command_for(name: &str) -> String {
    format!("evervoice models pull {name}")
}
