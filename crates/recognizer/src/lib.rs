//! Speech recognition by Vosk (libvosk): one model shared by a fixed set of threads, one session per utterance or stream.
//!
//! # Layout
//! - [`RecognizerEngine`] (`engine`): the loaded model, its threads, and how many sessions there may be at once
//! - [`Session`] (`session`): one piece of speech; each step is a job on a thread, between steps it holds none
//! - [`Grammar`] (`grammar`): the phrases a session may be limited to, checked, because libvosk crashes on bad ones
//! - [`ModelSource`] (`model`): where a model comes from and what its directory must hold
//! - `builtin`: the small English model that is compiled in
//! - `binding`: the crate `vosk` behind [`evervoice_core::asr::Recognizer`]
//!
//! Sound goes in as mono `i16` at 16 kHz; words come out with times in ms from the first sample.
#![warn(missing_docs)]

mod binding;
mod builtin;
mod engine;
mod grammar;
mod model;
mod session;

pub use engine::{EngineSettings, RecognizerEngine, SessionKind, SessionOptions};
pub use grammar::Grammar;
pub use model::{LoadError, ModelSource};
pub use session::{Heard, STEP_SAMPLES, Session};
