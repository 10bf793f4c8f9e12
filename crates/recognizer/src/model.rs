//! Where a model comes from, and what its directory must hold.
//!
//! The two layouts are those that libvosk 0.3.45 knows (`src/model.cc` of vosk-api): the usual one with `am/`, `conf/` and
//! `graph/`, and the older one with every file in the top directory.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use evervoice_core::asr::AsrError;
use vosk::{LogLevel, Model};

use crate::builtin;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// The small English model inside the program.
    BuiltIn,
    /// A model directory, such as an unpacked official Vosk model.
    Directory(PathBuf),
}

/// Why there is no recogniser.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The directory is no model, or not a whole one.
    #[error("{} is not a Vosk model: {} missing", directory.display(), missing.join(", "))]
    Incomplete {
        /// The directory.
        directory: PathBuf,
        /// What is not there, as paths inside the directory.
        missing: Vec<&'static str>,
    },
    /// The files are there, and libvosk cannot load them.
    #[error("libvosk cannot load the model in {}: its files are damaged or of another version", .0.display())]
    Refused(PathBuf),
    /// The model is loaded, and does not decode.
    #[error("the model is loaded but does not work")]
    Failed(#[source] AsrError),
    /// The path is not UTF-8, which is all that the binding takes.
    #[error("the model path {} is not UTF-8", .0.display())]
    Path(PathBuf),
    /// The built-in model cannot be unpacked.
    #[error("the built-in model cannot be unpacked to a temporary directory: {0}")]
    Unpack(#[source] io::Error),
    /// The system gives no threads.
    #[error("the recogniser's threads cannot be started: {0}")]
    Threads(#[source] io::Error),
}

/// A model in memory; its directory is not needed any more.
pub struct LoadedModel {
    pub model: Model,
    /// Whether it has a look-ahead graph, which run-time grammars need.
    pub takes_grammar: bool,
}

struct Layout {
    required: [&'static str; 3],
    static_graph: &'static str,
    lookahead_graph: [&'static str; 3],
}

const USUAL: Layout = Layout {
    required: ["am/final.mdl", "conf/model.conf", "conf/mfcc.conf"],
    static_graph: "graph/HCLG.fst",
    lookahead_graph: ["graph/HCLr.fst", "graph/Gr.fst", "graph/disambig_tid.int"],
};

const OLD: Layout = Layout {
    required: ["final.mdl", "mfcc.conf", "word_boundary.int"],
    static_graph: "HCLG.fst",
    lookahead_graph: ["HCLr.fst", "Gr.fst", "disambig_tid.int"],
};

/// Loads a model. Takes 25 to 60 ms for the built-in one, seconds for a large one.
///
/// # Errors
/// [`LoadError`].
pub fn load(source: &ModelSource) -> Result<LoadedModel, LoadError> {
    vosk::set_log_level(LogLevel::Error);
    match source {
        ModelSource::Directory(directory) => load_directory(directory),
        ModelSource::BuiltIn => {
            let unpacked = builtin::unpack().map_err(LoadError::Unpack)?;
            load_directory(unpacked.path())
        }
    }
}

/// The first bytes of every OpenFst file (`kFstMagicNumber` in `fst.cc`, little-endian).
const FST_MAGIC: [u8; 4] = 2_125_659_606_u32.to_le_bytes();

fn load_directory(directory: &Path) -> Result<LoadedModel, LoadError> {
    let takes_grammar = check(directory)?;
    // libvosk loads a model without its graph when it cannot read that one, and crashes at the first word.
    if !graphs(directory).all(|graph| starts_like_an_fst(&graph)) {
        return Err(LoadError::Refused(directory.to_owned()));
    }
    let path = directory.to_str().ok_or_else(|| LoadError::Path(directory.to_owned()))?;
    let model = Model::new(path).ok_or_else(|| LoadError::Refused(directory.to_owned()))?;
    Ok(LoadedModel { model, takes_grammar })
}

/// The graph files that there are, in either layout.
fn graphs(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let names = [USUAL, OLD].map(|layout| [layout.static_graph, layout.lookahead_graph[0], layout.lookahead_graph[1]]);
    names.into_iter().flatten().map(|name| directory.join(name)).filter(|path| path.is_file())
}

fn starts_like_an_fst(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == FST_MAGIC
}

/// Whether the model in `directory` takes grammars.
fn check(directory: &Path) -> Result<bool, LoadError> {
    let there = |path: &str| directory.join(path).is_file();
    // libvosk takes the old layout when its acoustic model lies in the top directory and the usual one is not there.
    let old = !there(USUAL.required[0]) && there(OLD.required[0]);
    let layout = if old { OLD } else { USUAL };
    let static_graph = there(layout.static_graph);
    let graph: &[&str] = if static_graph { &[] } else { &layout.lookahead_graph };
    let missing: Vec<&str> = layout.required.iter().chain(graph).copied().filter(|path| !there(path)).collect();
    if missing.is_empty() {
        // With both graphs in a directory libvosk takes the static one.
        return Ok(!static_graph);
    }
    Err(LoadError::Incomplete { directory: directory.to_owned(), missing })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn directory_with(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        directory
    }

    #[test]
    fn an_incomplete_model_names_its_directory_and_what_is_missing() {
        let directory = directory_with(&["am/final.mdl", "conf/mfcc.conf", "graph/Gr.fst"]);
        let error = load(&ModelSource::Directory(directory.path().to_owned())).err().unwrap().to_string();
        assert!(error.contains(directory.path().to_str().unwrap()), "{error}");
        assert!(error.ends_with("conf/model.conf, graph/HCLr.fst, graph/disambig_tid.int missing"), "{error}");
    }

    #[test]
    fn a_directory_that_does_not_exist_is_incomplete() {
        let error = check(Path::new("/no/such/model")).unwrap_err();
        assert!(matches!(error, LoadError::Incomplete { missing, .. } if missing.len() == 6));
    }

    #[test]
    fn only_a_lookahead_graph_takes_grammars() {
        let files: Vec<&str> = USUAL.required.into_iter().chain(USUAL.lookahead_graph).collect();
        assert!(check(directory_with(&files).path()).unwrap());
        let files: Vec<&str> = files.into_iter().chain([USUAL.static_graph]).collect();
        assert!(!check(directory_with(&files).path()).unwrap());
        let files: Vec<&str> = OLD.required.into_iter().chain([OLD.static_graph]).collect();
        assert!(!check(directory_with(&files).path()).unwrap());
    }

    #[test]
    fn a_model_with_any_damaged_file_is_refused() {
        for file in USUAL.required.into_iter().chain(USUAL.lookahead_graph) {
            let directory = builtin::unpack().unwrap();
            fs::write(directory.path().join(file), "no model").unwrap();
            let error = load(&ModelSource::Directory(directory.path().to_owned())).err().unwrap();
            assert!(matches!(error, LoadError::Refused(_)), "{file}: {error}");
        }
    }
}
