//! A pretend ElevenLabs for the bench: needs no key and no network.

use std::time::Duration;

use elevenlabs_emulator::{Config, Emulator};
use evervoice_elevenlabs::ElevenLabsSettings;
use tokio::runtime::{Builder, Runtime};

use crate::error::ClientError;

/// From a text to its first sound: what is published about the fastest model.
pub const FIRST_BYTE: Duration = Duration::from_millis(75);

/// How fast sound comes after that, in multiples of real time: about as was seen.
pub const PACE: f64 = 20.0;

/// An emulator on a thread of its own, so that its work does not stand in the way of what is measured.
pub struct Far {
    emulator: Emulator,
    runtime: Option<Runtime>,
}

impl Far {
    /// Starts one with TLS and a simulated round trip.
    pub async fn start(rtt: Duration) -> Result<Far, ClientError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(ClientError::Start)?;
        let config = Config { tls: true, rtt, first_byte: FIRST_BYTE, pace: PACE, ..Config::default() };
        let started = runtime.spawn(Emulator::start(config)).await.map_err(std::io::Error::other);
        let emulator =
            started.and_then(|started| started.map_err(std::io::Error::other)).map_err(ClientError::Start)?;
        Ok(Far { emulator, runtime: Some(runtime) })
    }

    /// Settings that speak with it.
    pub fn settings(&self, settings: ElevenLabsSettings) -> ElevenLabsSettings {
        let known = Config::default();
        ElevenLabsSettings {
            api_key: known.api_keys[0].as_str().into(),
            voice_id: known.voices[0].clone(),
            model_id: "eleven_flash_v2_5".to_owned(),
            http_base_url: self.emulator.https_url(),
            ws_base_url: self.emulator.wss_url(),
            trusted_pem: self.emulator.certificate_pem().to_owned(),
            ..settings
        }
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // To wait for it is not allowed within another runtime, and nothing is lost with it.
            runtime.shutdown_background();
        }
    }
}
