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

/// What tells a service that the gateway stops: tts sends the rest at once, not at the listener's pace, and asr ends at the speaker's
/// next pause.
const DRAIN: &str = r#"{"type": "drain"}"#;

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
    upstream: &Arc<Upstream>,
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
    let upstream = Arc::clone(upstream);
    Ok(upgrade.on_upgrade(async move |client| {
        relay::run(client, service, &upstream, DRAIN, &lifecycle, &id.0).await;
        drop(held);
    }))
}

#[cfg(test)]
mod tests {
    use evervoice_core::api::TtsCommand;

    #[test]
    fn tts_knows_the_drain() {
        assert_eq!(serde_json::from_str::<TtsCommand>(super::DRAIN).unwrap(), TtsCommand::Drain);
    }
}
