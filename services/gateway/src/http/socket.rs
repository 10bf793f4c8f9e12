//! `GET /ws/tts` and `GET /ws/stt`: WebSockets through the gateway.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{
        RawQuery, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use evervoice_core::service::{Problem, observe::RequestId};

use super::Context;
use crate::{relay, upstream::Upstream};

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

pub async fn to_tts(
    State(context): State<Arc<Context>>,
    Extension(id): Extension<RequestId>,
    RawQuery(query): RawQuery,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    through(&context, &context.upstreams.tts, "/ws/tts", query, upgrade, id).await
}

pub async fn to_asr(
    State(context): State<Arc<Context>>,
    Extension(id): Extension<RequestId>,
    RawQuery(query): RawQuery,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    through(&context, &context.upstreams.asr, "/ws/stt", query, upgrade, id).await
}

/// Connects to the service first, so that a problem is still an HTTP answer.
async fn through(
    context: &Context,
    upstream: &Upstream,
    path: &str,
    query: Option<String>,
    upgrade: Upgrade,
    id: RequestId,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| Problem::bad_request("websocket_expected", error.body_text()))?;
    let (lifecycle, held) = (context.lifecycle.clone(), context.lifecycle.hold());
    let service = relay::connect(upstream, path, query.as_deref(), &id.0).await?;
    let upgrade = upgrade.max_message_size(relay::MAX_MESSAGE).max_frame_size(relay::MAX_MESSAGE);
    let upgrade = upgrade.read_buffer_size(relay::READ_BUFFER);
    Ok(upgrade.on_upgrade(async move |client| {
        relay::run(client, service, &lifecycle, &id.0).await;
        drop(held);
    }))
}
