//! The language every part of Evervoice speaks.
//!
//! # Layout
//! - [`audio`]: formats, decoding and encoding of samples, WAV, resampling, chunks
//! - [`tts`]: a request to speak, the provider trait, its errors
//! - [`asr`]: a transcript, the recogniser trait, its errors
//! - [`fault`]: the two questions every error answers: whose fault, may we retry
//! - [`pool`]: keeps connections open and awake, by key, so that a request costs no handshake
//! - [`worker`]: a fixed set of threads behind a bounded queue, for engines that block
//! - [`config`]: YAML, `${VAR}`, `.env` and environment; every mistake in one report
//! - [`api`]: the public JSON bodies and WebSocket messages
//! - `service` (feature `service`): what every HTTP service has: serve, drain, readiness, logs, metrics, problems
//!
//! Engines use this crate without the feature `service`, so that no engine compiles an HTTP server.

pub mod api;
pub mod asr;
pub mod audio;
pub mod config;
pub mod fault;
pub mod pool;
#[cfg(feature = "service")]
pub mod service;
pub mod tts;
pub mod worker;
