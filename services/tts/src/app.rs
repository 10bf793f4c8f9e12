//! From settings to routes.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use axum::Router;
use evervoice_core::{
    service::{BoxError, HealthCheck, Part, Service, Shell, ops::Status, settings},
    tts::TtsProvider,
};
use evervoice_voice::{LocalVoices, LocalVoicesConfig, VoiceEngine, load_built_in, load_directory};

use crate::{
    config::{LocalSettings, TtsSettings},
    events::Events,
    http,
    speech::Speech,
};

/// The text-to-speech service.
pub struct Tts;

impl Service for Tts {
    const NAME: &'static str = "tts";
    const ABOUT: &'static str = "Evervoice text-to-speech: POST /api/tts, POST /api/tts/wav, GET /api/voices, /ws/tts";
    const CONFIG_FILE: &'static str = "configs/tts_config.yml";
    type Settings = TtsSettings;

    fn server(settings: &TtsSettings) -> &settings::ServerSettings {
        &settings.server
    }

    fn log(settings: &TtsSettings) -> &settings::LogSettings {
        &settings.log
    }

    async fn build(settings: TtsSettings, shell: &Shell) -> Result<(Router, Arc<dyn HealthCheck>), BoxError> {
        let local = settings.local.clone();
        let provider: Arc<dyn TtsProvider> =
            Arc::new(tokio::task::spawn_blocking(move || local_voices(&local)).await??);
        let events = shell.register(Events::register);
        let speech = Arc::new(Speech::new(Arc::clone(&provider), &settings.speech, events));
        let health = Arc::new(Health { provider, speech: Arc::clone(&speech) });
        Ok((http::routes(settings, speech, shell.lifecycle.clone()), health))
    }
}

fn local_voices(settings: &LocalSettings) -> Result<LocalVoices, BoxError> {
    let mut voices: Vec<Box<dyn VoiceEngine>> = Vec::new();
    if settings.built_in {
        voices.push(load_built_in()?);
    }
    for voice in &settings.voices {
        let directory = settings.models_dir.join(voice);
        if !directory.is_dir() {
            let missing = format!(
                "there is no voice in {}; get it with: {}",
                directory.display(),
                evervoice_models::command_for(&voice.display().to_string())
            );
            return Err(missing.into());
        }
        voices.push(load_directory(&directory).map_err(|error| format!("{}: {error}", directory.display()))?);
    }
    let threads = settings
        .threads
        .map_or_else(std::thread::available_parallelism, |n| n.try_into().map_err(std::io::Error::other))?;
    let config =
        LocalVoicesConfig { threads: threads.get(), queue: 256, default_voice: settings.default_voice.clone() };
    LocalVoices::new(voices, &config)
}

struct Health {
    provider: Arc<dyn TtsProvider>,
    speech: Arc<Speech>,
}

#[async_trait]
impl HealthCheck for Health {
    async fn parts(&self) -> BTreeMap<String, Part> {
        let voices: Vec<String> = self.provider.voices().into_iter().map(|voice| voice.name).collect();
        let (active, limit) = self.speech.load();
        let speech = Part::new(if active < limit { Status::Ok } else { Status::Degraded });
        BTreeMap::from([
            (self.provider.name().to_owned(), Part::new(Status::Ok).with("voices", voices)),
            ("speech".to_owned(), speech.with("active", active).with("limit", limit)),
        ])
    }
}
