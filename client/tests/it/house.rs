//! The service that speaks, with a pretend ElevenLabs behind it.

use std::net::SocketAddr;

use elevenlabs_emulator::{Config, Emulator, Faults};
use evervoice_core::service::{Lifecycle, shell::start};
use evervoice_tts::{Tts, TtsSettings};
use tokio::runtime::{Builder, Runtime};

/// Both, and the threads that they run on.
pub struct House {
    // Before the threads, so that they are dropped before them.
    emulator: Emulator,
    address: SocketAddr,
    _lifecycle: Lifecycle,
    runtime: Runtime,
}

impl House {
    /// Starts them on free ports. Sound runs as far ahead of a listener as it can: nobody here plays it.
    pub fn start() -> House {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let emulator = runtime.block_on(Emulator::start(Config::default())).unwrap();
        let mut settings = TtsSettings::default();
        settings.server.port = 0;
        settings.speech.lead_ms = 600_000;
        settings.stock.enabled = false;
        settings.elevenlabs.api_key = "test-key".into();
        settings.elevenlabs.voice_id = "voice-a".to_owned();
        settings.elevenlabs.model_id = "eleven_flash_v2_5".to_owned();
        settings.elevenlabs.http_base_url = emulator.http_url();
        settings.elevenlabs.ws_base_url = emulator.ws_url();
        let lifecycle = Lifecycle::new();
        let running = runtime.block_on(start::<Tts>(settings, &lifecycle)).unwrap();
        lifecycle.set_ready();
        House { emulator, address: running.address, _lifecycle: lifecycle, runtime }
    }

    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// The switches of the emulator, as its control interface tells them.
    pub fn faults(&self) -> Faults {
        let url = format!("{}/__emulator/faults", self.emulator.http_url());
        let client = evervoice_http_client::builder().build().unwrap();
        self.runtime.block_on(async { client.get(url).send().await.unwrap().json().await.unwrap() })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
