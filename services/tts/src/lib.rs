//! The text-to-speech service: text in, sound out while it is made.
//!
//! # Layout
//! - [`config`]: its settings, `configs/tts_config.yml`
//! - `app`: from settings to routes
//! - `http`: one file an endpoint
//! - `speech`: what happens between a request and its sound: admission, one utterance, who speaks
//! - `stock`: phrases that are rendered before anybody asks
//! - `events`: each thing worth knowing, as a log line and a metric

mod app;
pub mod config;
mod events;
mod http;
mod speech;
mod stock;

pub use app::{Tts, provider};
pub use config::TtsSettings;
