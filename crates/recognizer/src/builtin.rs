//! The small English model that is compiled in, so that recognition works without a download.
//!
//! libvosk reads a model from a directory only, and reads all of it: the files are unpacked to a temporary directory,
//! loaded, and removed. `words.txt` is left out: with a look-ahead graph the words are inside `Gr.fst`.

use std::{fs, io};

use tempfile::TempDir;

macro_rules! model_file {
    ($path:literal) => {
        ($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/asr-en/", $path)).as_slice())
    };
}

const FILES: [(&str, &[u8]); 7] = [
    model_file!("am/final.mdl"),
    model_file!("conf/mfcc.conf"),
    model_file!("conf/model.conf"),
    model_file!("graph/Gr.fst"),
    model_file!("graph/HCLr.fst"),
    model_file!("graph/disambig_tid.int"),
    model_file!("graph/phones/word_boundary.int"),
];

/// Writes the model to a fresh temporary directory, which is removed when the returned value is dropped.
///
/// # Errors
/// When the system's directory for temporary files cannot be written.
pub fn unpack() -> io::Result<TempDir> {
    let directory = tempfile::Builder::new().prefix("evervoice-model-").tempdir()?;
    for (path, content) in FILES {
        let path = directory.path().join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_graph_is_compiled_in_but_the_word_list() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/asr-en");
        for directory in ["am", "conf", "graph", "graph/phones"] {
            for entry in fs::read_dir(model.join(directory)).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&model).unwrap().to_str().unwrap();
                let compiled_in = FILES.iter().any(|(path, _)| *path == name);
                assert_eq!(compiled_in, path.is_file() && name != "graph/words.txt", "{name}");
            }
        }
    }

    #[test]
    fn the_directory_goes_with_its_guard() {
        let guard = unpack().unwrap();
        let path = guard.path().to_owned();
        assert_eq!(fs::read(path.join("graph/HCLr.fst")).unwrap(), FILES[4].1);
        drop(guard);
        assert!(!path.exists());
    }
}
