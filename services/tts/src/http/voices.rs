//! `GET /api/voices`

use std::sync::Arc;

use axum::{Json, extract::State};
use evervoice_core::tts::VoiceInfo;
use serde::Serialize;

use super::Context;

#[derive(Serialize)]
pub struct Voices {
    voices: Vec<VoiceInfo>,
}

pub async fn list(State(context): State<Arc<Context>>) -> Json<Voices> {
    Json(Voices { voices: context.speech.voices() })
}
