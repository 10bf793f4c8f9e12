//! A pretend ElevenLabs beside the program under test.

use elevenlabs_emulator::{Config, Emulator};
use tokio::runtime::Runtime;

/// An emulator, and the threads that it runs on.
pub struct Far {
    // Before the threads, so that it is dropped before them.
    emulator: Emulator,
    _runtime: Runtime,
}

impl Far {
    pub fn start(config: Config) -> Far {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let emulator = runtime.block_on(Emulator::start(config)).unwrap();
        Far { emulator, _runtime: runtime }
    }

    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// What a program needs to speak with it.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("ELEVEN_API_KEY", "test-key".to_owned()),
            ("ELEVEN_VOICE_ID", "voice-a".to_owned()),
            ("ELEVEN_MODEL_ID", "eleven_flash_v2_5".to_owned()),
            ("ELEVEN_HTTP_BASE_URL", self.emulator.http_url()),
            ("ELEVEN_WS_BASE_URL", self.emulator.ws_url()),
        ]
    }
}
