//! From settings to routes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::Router;
use evervoice_core::{
    service::{BoxError, HealthCheck, Part, Service, Shell, ops::Status, settings},
    tts::TtsProvider,
};
use evervoice_elevenlabs::{HttpProvider, WebSocketProvider};
use evervoice_models::{Location, Manifest, locate};
use evervoice_voice::{LocalVoices, LocalVoicesConfig, VoiceEngine, load_built_in, load_directory};

use crate::{
    config::{LocalSettings, ProviderChoice, ProviderName, TtsSettings},
    events::Events,
    http,
    speech::{Chain, ChainSettings, Speech, breaker::BreakerSettings},
    stock::{Keeper, Stock},
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
        let speech = start_speech(&settings, shell).await?;
        let health = Arc::new(Health { speech: Arc::clone(&speech) });
        Ok((http::routes(settings, speech, shell.lifecycle.clone()), health))
    }
}

/// Speech without a server: everyone who may speak, warm, and what is in stock. Must be called within a tokio runtime; the stock is
/// filled until the shell's life ends.
///
/// # Errors
/// When a provider cannot be made: a voice that is missing or damaged, an address that is none.
pub async fn start_speech(settings: &TtsSettings, shell: &Shell) -> Result<Arc<Speech>, BoxError> {
    let events = shell.register(Events::register);
    let chain = Arc::new(chain(settings, &events, shell).await?);
    let stock = Arc::new(Stock::new(&settings.stock));
    let speech = Arc::new(Speech::new(Arc::clone(&chain), Arc::clone(&stock), &settings.speech, events.clone()));
    let keeper = Keeper::new(stock, chain, settings.stock.dir.clone(), speech.limits(), events);
    let lifecycle = shell.lifecycle.clone();
    // Neither the start nor anybody's health waits for it.
    tokio::spawn(async move {
        tokio::select! {
            () = keeper.run() => {}
            () = lifecycle.stopping() => {}
        }
    });
    Ok(speech)
}

/// Everyone who may speak, warm.
async fn chain(settings: &TtsSettings, events: &Events, shell: &Shell) -> Result<Chain, BoxError> {
    let names = settings.providers();
    let elevenlabs = Arc::new(settings.elevenlabs.clone());
    // A service without ElevenLabs shows no metrics of it.
    let metrics = match names[..] {
        [ProviderName::Local] => evervoice_elevenlabs::Events::unregistered(),
        _ => shell.register(evervoice_elevenlabs::Events::register),
    };
    let mut providers: Vec<Arc<dyn TtsProvider>> = Vec::new();
    for name in &names {
        providers.push(match name {
            ProviderName::ElevenLabsWs => {
                let provider = WebSocketProvider::start(Arc::clone(&elevenlabs), metrics.clone())?;
                let sockets = provider.clone();
                shell.at_end(async move { sockets.drain().await });
                Arc::new(provider)
            }
            ProviderName::ElevenLabsHttp => Arc::new(HttpProvider::new(settings.elevenlabs.clone(), metrics.clone())?),
            ProviderName::Local => {
                let local = settings.local.clone();
                Arc::new(tokio::task::spawn_blocking(move || local_voices(&local)).await??)
            }
        });
    }
    let speech = &settings.speech;
    let breaker = BreakerSettings {
        failures: speech.breaker_failures,
        open: Duration::from_secs_f64(speech.breaker_open),
        longest: Duration::from_secs_f64(speech.breaker_longest),
    };
    let waits = ChainSettings {
        breaker,
        first_audio_timeout: Duration::from_secs_f64(speech.first_audio_timeout),
        first_audio_budget: speech.first_audio_budget_ms.map(Duration::from_millis),
        stall: Duration::from_millis(speech.stall_ms),
    };
    let chain = Chain::new(providers, waits, events.clone());
    events.config_loaded(&settings.elevenlabs, &chain.names());
    if names == [ProviderName::Local] && settings.provider == ProviderChoice::Auto {
        events.elevenlabs_off(&settings.elevenlabs.missing());
    } else if settings.elevenlabs.optimize_streaming_latency == Some(4) {
        events.latency_mode_warning();
    }
    Ok(chain)
}

/// One provider of the chain, alone and without metrics: for whoever wants to know whether it works. Must be called within a tokio
/// runtime.
///
/// # Errors
/// When it cannot be made: a voice that is missing or damaged, an address that is none.
pub async fn provider(name: ProviderName, settings: &TtsSettings) -> Result<Arc<dyn TtsProvider>, BoxError> {
    let (elevenlabs, events) = (settings.elevenlabs.clone(), evervoice_elevenlabs::Events::unregistered());
    Ok(match name {
        ProviderName::ElevenLabsWs => Arc::new(WebSocketProvider::start(Arc::new(elevenlabs), events)?),
        ProviderName::ElevenLabsHttp => Arc::new(HttpProvider::new(elevenlabs, events)?),
        ProviderName::Local => {
            let local = settings.local.clone();
            Arc::new(tokio::task::spawn_blocking(move || local_voices(&local)).await??)
        }
    })
}

fn local_voices(settings: &LocalSettings) -> Result<LocalVoices, BoxError> {
    let mut voices: Vec<Box<dyn VoiceEngine>> = Vec::new();
    if settings.built_in {
        voices.push(load_built_in()?);
    }
    let manifest = Manifest::load(settings.manifest.as_deref())?;
    for voice in &settings.voices {
        voices.push(match locate(voice, &settings.models_dir, &manifest)? {
            Location::Builtin => load_built_in()?,
            Location::Directory(directory) => {
                load_directory(&directory).map_err(|error| format!("{}: {error}", directory.display()))?
            }
        });
    }
    let threads = settings
        .threads
        .map_or_else(std::thread::available_parallelism, |n| n.try_into().map_err(std::io::Error::other))?;
    let config =
        LocalVoicesConfig { threads: threads.get(), queue: 256, default_voice: settings.default_voice.clone() };
    LocalVoices::new(voices, &config)
}

struct Health {
    speech: Arc<Speech>,
}

#[async_trait]
impl HealthCheck for Health {
    async fn parts(&self) -> BTreeMap<String, Part> {
        let (active, limit) = self.speech.load();
        let speech = Part::new(if active < limit { Status::Ok } else { Status::Degraded });
        let mut parts = self.speech.chain().parts();
        parts.insert("speech".to_owned(), speech.with("active", active).with("limit", limit));
        parts
    }
}
