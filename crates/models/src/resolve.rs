//! From what a configuration says about a model to where it lies.
//!
//! A configuration may say `builtin`, a name or alias of the list, the name of a directory that somebody put
//! into MODELS_DIR by hand, or a path.

use std::path::{Path, PathBuf};

use crate::manifest::{Manifest, UnknownModel};
use crate::{command_for, manifest};

/// The name of the model that comes with the program and is never downloaded.
pub const BUILTIN: &str = "builtin";

/// Where a model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The model that comes with the program.
    Builtin,
    /// A directory that exists.
    Directory(PathBuf),
}

/// Why a configured model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The list knows the model, but it is not installed. The message gives the command that installs it.
    #[error(
        "the model {name} is not installed: {} does not exist. Get it with: {}",
        directory.display(),
        command_for(name)
    )]
    NotInstalled {
        /// The name in the list.
        name: String,
        /// Where it would be.
        directory: PathBuf,
    },
    /// The value is a path, and there is no directory.
    #[error("there is no model directory {}", .0.display())]
    NoDirectory(PathBuf),
    /// The value is no known name, and no directory of that name is in MODELS_DIR.
    #[error("{unknown}; {} has no directory of that name either", models_dir.display())]
    Unknown {
        /// The name, the nearest known one and all known ones.
        unknown: UnknownModel,
        /// The directory that was looked into.
        models_dir: PathBuf,
    },
}

/// Where the model that a configuration calls `wanted` lies.
///
/// A value with a path separator, or with a dot in front, is a path, used as it stands. Anything else is [`BUILTIN`], a
/// name or alias of `manifest`, or the name of a directory inside `models_dir`.
pub fn locate(wanted: &str, models_dir: &Path, manifest: &manifest::Manifest) -> Result<Location, ResolveError> {
    if wanted == BUILTIN {
        return Ok(Location::Builtin);
    }
    if wanted.is_empty() || wanted.starts_with('.') || wanted.contains('/') {
        let path = PathBuf::from(wanted);
        return if path.is_dir() { Ok(Location::Directory(path)) } else { Err(ResolveError::NoDirectory(path)) };
    }
    named(wanted, models_dir, manifest)
}

fn named(wanted: &str, models_dir: &Path, manifest: &Manifest) -> Result<Location, ResolveError> {
    let found = manifest.find(wanted);
    let name = found.as_ref().map_or(wanted, |model| model.name.as_str());
    let directory = models_dir.join(name);
    if directory.is_dir() {
        return Ok(Location::Directory(directory));
    }
    Err(match found {
        Ok(model) => ResolveError::NotInstalled { name: model.name.clone(), directory },
        Err(unknown) => ResolveError::Unknown { unknown, models_dir: models_dir.to_owned() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate_in(wanted: &str, models_dir: &Path) -> Result<Location, ResolveError> {
        locate(wanted, models_dir, &Manifest::built_in().unwrap())
    }

    #[test]
    fn builtin_is_not_looked_for_on_disk() {
        let found = locate_in("builtin", Path::new("/does/not/exist")).unwrap();
        assert_eq!(found, Location::Builtin);
    }

    #[test]
    fn an_alias_leads_to_the_directory_of_its_model() {
        let models = tempfile::tempdir().unwrap();
        let directory = models.path().join("vosk-model-small-en-us-0.15");
        std::fs::create_dir(&directory).unwrap();
        assert_eq!(locate_in("base.en", models.path()).unwrap(), Location::Directory(directory));
    }

    #[test]
    fn a_missing_model_names_the_command_that_brings_it() {
        let models = tempfile::tempdir().unwrap();
        let error = locate_in("small-ru", models.path()).unwrap_err();
        assert!(error.to_string().contains("evervoice models pull vosk-model-small-ru-0.22"), "{error}");
    }

    #[test]
    fn a_directory_put_there_by_hand_is_found_by_its_name() {
        let models = tempfile::tempdir().unwrap();
        let own = models.path().join("our-own");
        std::fs::create_dir(&own).unwrap();
        assert_eq!(locate_in("our-own", models.path()).unwrap(), Location::Directory(own));
        assert!(matches!(locate_in("our-owm", models.path()), Err(ResolveError::Unknown { .. })));
        let own = models.path().join("наша модель");
        std::fs::create_dir(&own).unwrap();
        assert_eq!(locate_in("наша модель", models.path()).unwrap(), Location::Directory(own));
    }

    #[test]
    fn a_path_is_used_as_it_stands_and_must_exist() {
        let models = tempfile::tempdir().unwrap();
        let path = models.path().to_str().unwrap();
        assert_eq!(locate_in(path, Path::new("unused")).unwrap(), Location::Directory(models.path().to_owned()));
        for nowhere in ["../no-such-model", "./", "a/b", ".hidden", ""] {
            let found = locate_in(nowhere, models.path());
            // The working directory is there, and is what `./` says.
            assert_eq!(matches!(found, Err(ResolveError::NoDirectory(_))), nowhere != "./", "{nowhere:?}: {found:?}");
        }
    }
}
