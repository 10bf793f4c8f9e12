//! The front door: `POST /api/stt/bytes` and `GET /ws/stt`.
//!
//! - `query`: the parameters of both
//! - `bytes`: a whole piece of sound, one answer
//! - `body`: reading that sound within its limits
//! - `stream`: sound as it is spoken, over a WebSocket
//! - [`messages`]: what the WebSocket says

mod body;
mod bytes;
pub mod messages;
mod query;
mod stream;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::app::App;

/// The routes of this service.
pub fn routes(app: Arc<App>) -> Router {
    Router::new().route("/api/stt/bytes", post(bytes::transcribe)).route("/ws/stt", get(stream::open)).with_state(app)
}
