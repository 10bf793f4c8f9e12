//! Speech recognition service: sound in, text with the time of every word out.
//!
//! # Layout
//! - `main`: the program; the command line is that of every service (`evervoice_core::service::cli`)
//! - [`config`]: the configuration keys, documented in `configs/asr.yml`
//! - [`app`]: the service put together
//! - `events`: what is logged and counted
//! - `http`: `POST /api/stt/bytes` and `GET /ws/stt`
//! - `recognition`: bytes → samples → words, without HTTP
//!
//! Start it in a process of your own with `evervoice_core::service::shell::start::<Asr>(config, &lifecycle)`.
#![warn(missing_docs)]

pub mod app;
pub mod config;
mod events;
mod http;
mod recognition;

pub use app::Asr;
pub use config::AsrSettings;
pub use http::messages::ServerMessage;
pub use recognition::{Recognition, sound::Sound};
