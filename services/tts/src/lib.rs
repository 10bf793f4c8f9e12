//! The text-to-speech service: text in, sound out while it is made.
//!
//! # Layout
//! - [`config`]: its settings, `configs/tts_config.yml`
//! - `app`: from settings to routes
//! - `http`: one file an endpoint
//! - [`speech`]: what happens between a request and its sound: admission, phrases, who speaks. Without a server: [`start_speech`]
//! - `stock`: phrases that are rendered before anybody asks
//! - `events`: each thing worth knowing, as a log line and a metric

mod app;
pub mod config;
mod events;
mod http;
pub mod speech;
mod stock;

pub use app::{Tts, provider, start_speech};
pub use config::TtsSettings;
