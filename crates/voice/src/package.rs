//! A voice on disk, or compiled in: a manifest `voice.json` and the files it names.

use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    engine::VoiceEngine,
    error::LoadError,
    silero::SileroVoice,
    statistical::{Manifest, StatisticalFiles, StatisticalVoice},
};

/// The built-in English voice.
///
/// # Errors
/// Only when the program was built with broken files.
pub fn load_built_in() -> Result<Box<dyn VoiceEngine>, LoadError> {
    let files = StatisticalFiles {
        encoder: include_bytes!("../../../voices/en-us-slt/encoder.onnx").as_slice().into(),
        decoder: include_bytes!("../../../voices/en-us-slt/decoder.onnx").as_slice().into(),
        overrides: include_str!("../../../voices/en-us-slt/overrides.json").into(),
    };
    statistical(include_bytes!("../../../voices/en-us-slt/voice.json"), &files)
}

/// The voice in a directory.
///
/// # Errors
/// [`LoadError`], which names the file at fault.
pub fn load_directory(directory: &Path) -> Result<Box<dyn VoiceEngine>, LoadError> {
    #[derive(Deserialize)]
    struct Kind {
        format: String,
    }
    let manifest = read(directory, "voice.json")?;
    let Kind { format } = serde_json::from_slice(&manifest)?;
    match format.as_str() {
        "statvoice-1" => {
            let files = StatisticalFiles {
                encoder: read(directory, "encoder.onnx")?.into(),
                decoder: read(directory, "decoder.onnx")?.into(),
                overrides: String::from_utf8_lossy(&read(directory, "overrides.json")?).into_owned().into(),
            };
            statistical(&manifest, &files)
        }
        "silero-1" => {
            Ok(Box::new(SileroVoice::load(serde_json::from_slice(&manifest)?, |name| read(directory, name))?))
        }
        _ => {
            let what = format!("format {format:?} is not known; known are statvoice-1 and silero-1");
            Err(LoadError::Unsupported(what))
        }
    }
}

fn statistical(manifest: &[u8], files: &StatisticalFiles) -> Result<Box<dyn VoiceEngine>, LoadError> {
    let mut parsed: Manifest = serde_json::from_slice(manifest)?;
    parsed.version = version(&[manifest, &files.encoder, &files.decoder, files.overrides.as_bytes()]);
    Ok(Box::new(StatisticalVoice::load(parsed, files)?))
}

/// The version of a voice of these files: the beginning of their SHA-256, and the version of this crate, which speaks them.
pub(crate) fn version(files: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        hash.update((file.len() as u64).to_le_bytes());
        hash.update(file);
    }
    let hash: String = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{hash}", env!("CARGO_PKG_VERSION"))
}

fn read(directory: &Path, name: &str) -> Result<Vec<u8>, LoadError> {
    let path = directory.join(name);
    std::fs::read(&path).map_err(|source| LoadError::File { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_another_version() {
        let built_in = load_built_in().unwrap();
        assert_eq!(built_in.version(), load_built_in().unwrap().version());
        assert_eq!(version(&[b"ab", b"c"]), version(&[b"ab", b"c"]));
        assert_ne!(version(&[b"ab", b"c"]), version(&[b"a", b"bc"]));
        assert!(![&version(&[]), ""].contains(&built_in.version()), "of its files");
    }
}
