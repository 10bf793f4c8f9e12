//! A pretend ElevenLabs: good enough that a client proven against it should work on the real service.
//!
//! It serves text to speech over HTTP and WebSocket, plain and with TLS, and knows every way in which the real service is
//! known to fail ([`Faults`]). What it does follows recordings and reports of the real service; where there are none, or they
//! contradict each other, [`Guesses`] says so. It shares no code with any client, so it shares no mistakes either.
//!
//! Its voices speak tones that [`decode`] reads back, so a test can prove which characters were heard, in which order. The text is
//! spoken exactly as it came: nothing is normalised. In the formats `mp3_*` the sound is valid and as long as it
//! should be, but silent.
//!
//! # Layout
//! - [`Emulator`]: start, urls, log, counts. [`Config`]: pace, delays, limits. [`Clock`]: time that can be set ahead.
//! - `tones`: text to samples and back. `audio`: formats. `synthesis`: characters to sound and their times.
//! - `net`: sockets, the simulated round trip, TLS. `http`, `ws`: the endpoints. `faults`: the switches.
//! - `http/control.rs`: the same controls for other processes, under `/__emulator/`.
//!
//! ```
//! # use elevenlabs_emulator::{Config, Emulator, Faults, Trigger};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), elevenlabs_emulator::StartError> {
//! let emulator = Emulator::start(Config::default()).await?;
//! emulator.set_faults(Faults { http_5xx: Some(Trigger::once().status(503)), ..Faults::default() });
//! // A client of emulator.http_url() with the key "test-key" gets one 503.
//! emulator.stop().await;
//! # Ok(()) }
//! ```

mod audio;
mod clock;
mod config;
mod emulator;
mod faults;
mod http;
mod log;
mod net;
mod random;
mod state;
mod synthesis;
mod tones;
mod ws;

pub use clock::Clock;
pub use config::Config;
pub use emulator::{Emulator, StartError};
pub use faults::{Fault, Faults, Group, Guesses, Trigger};
pub use log::{Event, Received};
pub use tones::{decode, encode};
