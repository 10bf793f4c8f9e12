//! The emulator as a process of its own, and the program pointed at it.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use elevenlabs_emulator::{Config, Emulator};
use serde_json::{Value, json};

use crate::{
    measure::block_on,
    process::{self, Process},
};

/// The argument that makes this program the emulator; behind it comes what it is like.
pub const EMULATOR: &str = "emulator-process";

/// The emulator: says where it is, and ends when its stdin does. `real-time` sends sound exactly as fast as it is heard;
/// `distant` as fast as it can, 75 ms after the text (what a fast model takes, by the service's documentation) and over a round
/// trip of 50 ms.
pub fn emulator(kind: &str) {
    let config = match kind {
        "real-time" => Config { tls: true, pace: 1.0, frame_ms: 100, ..Config::default() },
        _ => Config {
            tls: true,
            rtt: Duration::from_millis(50),
            first_byte: Duration::from_millis(75),
            ..Config::default()
        },
    };
    block_on(async {
        let emulator = Emulator::start(config).await.unwrap();
        let urls = json!({
            "https": emulator.https_url(),
            "wss": emulator.wss_url(),
            "http": emulator.http_url(),
            "pem": emulator.certificate_pem(),
        });
        println!("{urls}");
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    });
}

/// The emulator, running.
pub struct Far {
    child: Child,
    urls: Value,
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Far {
    pub fn start(kind: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([EMULATOR, kind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, urls: serde_json::from_str(&line).unwrap() }
    }

    /// One of its addresses, or its certificate.
    pub fn text(&self, name: &str) -> &str {
        self.urls[name].as_str().unwrap()
    }

    /// The program with the configuration in `directory`, and this as ElevenLabs.
    pub fn process(&self, directory: &Path, provider: &str) -> Process {
        let certificate = directory.join("emulator.pem");
        std::fs::write(&certificate, self.text("pem")).unwrap();
        process::start(
            &["--config-dir", directory.to_str().unwrap()],
            &[
                ("TTS_PROVIDER", provider),
                ("ELEVEN_API_KEY", "test-key"),
                ("ELEVEN_VOICE_ID", "voice-a"),
                ("ELEVEN_MODEL_ID", "eleven_flash_v2_5"),
                ("ELEVEN_HTTP_BASE_URL", self.text("https")),
                ("ELEVEN_WS_BASE_URL", self.text("wss")),
                ("SSL_CERT_FILE", certificate.to_str().unwrap()),
            ],
        )
    }
}
