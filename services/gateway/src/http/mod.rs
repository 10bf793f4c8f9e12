//! The routes of the gateway, one file an endpoint.

mod echo;
mod pass;
mod socket;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use evervoice_core::service::Lifecycle;

use crate::upstream::Upstreams;

/// What handlers need.
pub struct Context {
    upstreams: Arc<Upstreams>,
    lifecycle: Lifecycle,
}

pub fn routes(upstreams: Arc<Upstreams>, lifecycle: Lifecycle) -> Router {
    Router::new()
        .route("/api/tts", post(pass::to_tts))
        .route("/api/tts/wav", post(pass::to_tts))
        .route("/api/voices", get(pass::to_tts))
        .route("/api/schema/ws-tts", get(pass::to_tts))
        .route("/api/stt/bytes", post(pass::to_asr))
        .route("/api/echo-bytes", post(echo::bytes))
        .route("/ws/tts", get(socket::to_tts))
        .route("/ws/stt", get(socket::to_asr))
        .with_state(Arc::new(Context { upstreams, lifecycle }))
}
