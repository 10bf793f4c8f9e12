//! Local neural voices: text to speech on the CPU of this machine, without a network.
//!
//! # Layout
//! - [`provider`]: [`LocalVoices`], the provider: picks a voice, runs it step by step on worker threads
//! - [`package`]: a voice on disk (or compiled in): its manifest and its files
//! - [`engine`]: what a voice is to the provider: text in, chunks out
//! - [`error`]: why a voice cannot be loaded
//! - [`graph`]: ONNX graphs on `tract`, planned for fixed lengths
//! - `statistical`: the built-in kind (`statvoice-1`): two networks and a source-filter vocoder, streamed
//! - `silero`: the kind that Silero publishes (`silero-1`): one network, a sentence at a time

pub mod engine;
pub mod error;
pub mod graph;
pub mod package;
pub mod provider;
mod silero;
mod statistical;

pub use engine::{Speaking, VoiceEngine};
pub use error::LoadError;
pub use package::{load_built_in, load_directory};
pub use provider::{LocalVoices, LocalVoicesConfig};
