//! Settings of ElevenLabs for programs that speak with it themselves: the same file and variables as of the service.

use std::path::{Path, PathBuf};

use evervoice_core::config::{self, Environment, Mistakes, Settings};
use evervoice_elevenlabs::{ElevenLabsError, ElevenLabsSettings};
use serde::{Deserialize, Serialize};

use crate::error::ClientError;

/// Where settings are read from when no file is named.
pub const FILE: &str = "configs/tts_config.yml";

/// What else stands in that file, for the service.
const OTHERS: [&str; 7] = ["provider", "chain", "server", "log", "speech", "local", "stock"];

#[derive(Default, Serialize, Deserialize)]
struct Part {
    #[serde(flatten)]
    elevenlabs: ElevenLabsSettings,
}

impl Settings for Part {
    const VARIABLES: &'static [(&'static str, &'static str)] = &ElevenLabsSettings::VARIABLES;

    fn check(&self, mistakes: &mut Mistakes) {
        self.elevenlabs.check(mistakes);
    }
}

/// The variables of this process and of `.env`.
pub fn environment() -> Result<Environment, ClientError> {
    Environment::of_process().map_err(|error| ClientError::file(Path::new(".env"), error))
}

/// Reads `file`. Without one, [`FILE`] is read if it is there.
pub fn load(file: Option<PathBuf>, environment: &Environment) -> Result<ElevenLabsSettings, ClientError> {
    let file = file.or_else(|| Some(PathBuf::from(FILE)).filter(|file| file.exists()));
    let part: Part = config::load_part(file.as_deref(), &OTHERS, environment).map_err(ClientError::Settings)?;
    Ok(part.elevenlabs)
}

/// Refuses settings with which nobody could be asked, and names everything that is wrong with them.
pub fn complete(settings: ElevenLabsSettings) -> Result<ElevenLabsSettings, ClientError> {
    let mut mistakes = Mistakes::default();
    settings.check(&mut mistakes);
    if !mistakes.list().is_empty() {
        return Err(ClientError::Settings(config::ConfigError { mistakes: mistakes.list().to_vec() }));
    }
    let variable = |key: &&str| ElevenLabsSettings::VARIABLES.iter().find(|(_, of)| of == key).map(|(name, _)| *name);
    let missing = settings.missing();
    if missing.is_empty() {
        return Ok(settings);
    }
    let named: Vec<String> =
        missing.iter().map(|key| format!("{key} ({})", variable(key).unwrap_or_default())).collect();
    Err(ClientError::Missing(named.join(", ")))
}

/// A client of ElevenLabs could not be made with the settings: nothing was sent.
pub fn unusable(error: ElevenLabsError) -> ClientError {
    ClientError::Usage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(variables: &[(&str, &str)]) -> Result<ElevenLabsSettings, ClientError> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(FILE);
        load(Some(file), &variables.iter().copied().collect()).and_then(complete)
    }

    #[test]
    fn the_file_of_the_service_is_read_and_what_is_missing_is_named() {
        let set = [("ELEVEN_API_KEY", "sk_secret"), ("ELEVEN_VOICE_ID", "v"), ("ELEVEN_MODEL_ID", "m")];
        assert_eq!(shipped(&set).unwrap().voice_id, "v");
        let error = shipped(&set[..1]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        assert!(text.contains("voice_id (ELEVEN_VOICE_ID), model_id (ELEVEN_MODEL_ID)"), "{text}");
        assert!(!text.contains("api_key") && !text.contains("sk_secret"), "{text}");
    }

    #[test]
    fn an_unknown_key_is_a_mistake() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("settings.yml");
        std::fs::write(&file, "ws_auto_mod: true\nserver: {port: 1}\n").unwrap();
        let error = load(Some(file), &Environment::default()).unwrap_err();
        assert!(error.to_string().contains("\"ws_auto_mode\" meant"), "{error}");
    }
}
