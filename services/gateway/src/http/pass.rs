//! Paths that the gateway hands on as they are.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use evervoice_core::service::{Problem, observe::RequestId};

use super::Context;
use crate::upstream::{Forward, Upstream};

/// `POST /api/tts`, `POST /api/tts/wav`, `GET /api/voices`, `GET /api/schema/ws-tts`
pub async fn to_tts(
    State(context): State<Arc<Context>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, Problem> {
    pass(&context.upstreams.tts, request, &id.0).await
}

/// `POST /api/stt/bytes`
pub async fn to_asr(
    State(context): State<Arc<Context>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, Problem> {
    pass(&context.upstreams.asr, request, &id.0).await
}

async fn pass(upstream: &Arc<Upstream>, request: Request, request_id: &str) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let forward = Forward {
        method: head.method,
        path: head.uri.path(),
        query: head.uri.query(),
        headers: &head.headers,
        body: reqwest::Body::wrap_stream(body.into_data_stream()),
        request_id,
    };
    Ok(upstream.pass_through(upstream.send(forward).await?, request_id))
}
