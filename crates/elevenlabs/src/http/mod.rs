//! Speech over HTTP: one request, one body of sound.
//!
//! # Layout
//! - [`request`]: what can be asked for
//! - [`client`]: the four endpoints; a request is sent again until its first byte of sound, never after
//! - `patience`: when to ask again
//! - [`body`]: sound as it comes, with a limit on every silence
//! - [`timed`]: sound with the times of its characters
//! - `report`: log and metrics of a request
//! - [`provider`]: requests to speak, spoken over HTTP

pub mod body;
pub mod client;
mod patience;
pub mod provider;
mod report;
pub mod request;
pub mod timed;

pub use body::{Piece, ResponseInfo, SpeechBody};
pub use client::HttpClient;
pub use provider::HttpProvider;
pub use request::{Body, HttpRequest, PronunciationDictionary, UpToThree};
