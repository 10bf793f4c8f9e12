//! A voice on disk, or compiled in: a manifest `voice.json` and the files it names.

use std::path::Path;

use serde::Deserialize;

use crate::{
    engine::VoiceEngine,
    error::LoadError,
    silero::SileroVoice,
    statistical::{StatisticalFiles, StatisticalVoice},
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
    let manifest = include_str!("../../../voices/en-us-slt/voice.json");
    Ok(Box::new(StatisticalVoice::load(serde_json::from_str(manifest)?, &files)?))
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
            Ok(Box::new(StatisticalVoice::load(serde_json::from_slice(&manifest)?, &files)?))
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

fn read(directory: &Path, name: &str) -> Result<Vec<u8>, LoadError> {
    let path = directory.join(name);
    std::fs::read(&path).map_err(|source| LoadError::File { path, source })
}
