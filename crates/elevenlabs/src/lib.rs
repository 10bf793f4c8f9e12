//! ElevenLabs as a provider of speech.
//!
//! # Layout
//! - [`config`]: its settings, the flat keys of `configs/tts_config.yml`
//! - [`decode`]: sound as the service sends it, to samples
//! - [`error`]: what can go wrong, whose fault it is, and whether to ask again
//! - [`events`]: each thing worth knowing, as a log line and a metric
//! - [`mod@format`]: the names of the output formats
//! - [`http`]: speech over HTTP
//! - [`voice`]: who speaks a request, and how
//! - [`aligned`]: which part of the text a piece of sound is
//! - [`protocol`]: the messages of the WebSocket interfaces, without IO
//! - [`ws`]: speech over WebSockets out of a warm pool

pub mod aligned;
pub mod api_key;
pub mod config;
pub mod decode;
pub mod error;
pub mod events;
pub mod format;
pub mod http;
pub mod protocol;
pub mod voice;
pub mod ws;

pub use api_key::ApiKey;
pub use config::ElevenLabsSettings;
pub use error::ElevenLabsError;
pub use events::Events;
pub use format::OutputFormat;
pub use http::{HttpClient, HttpProvider};
pub use ws::{LlmStream, TextSender, WebSocketProvider};
