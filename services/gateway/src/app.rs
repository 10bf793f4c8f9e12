//! From settings to routes.

use std::{sync::Arc, time::Duration};

use axum::Router;
use evervoice_core::service::{BoxError, HealthCheck, Service, Shell, settings};

use crate::{
    config::GatewaySettings,
    events::Events,
    http,
    upstream::{Upstream, Upstreams},
    watch::KEEPALIVE,
};

/// Longest time that a service's kernel may leave a piece of a request unacknowledged, or untaken: the services read requests as
/// they come.
const UNTAKEN: Duration = Duration::from_secs(5);

/// The gateway.
pub struct Gateway;

impl Service for Gateway {
    const NAME: &'static str = "gateway";
    const ABOUT: &'static str =
        "Evervoice gateway: POST /api/tts, /api/tts/wav, /api/stt/bytes, /api/echo-bytes; /ws/tts, /ws/stt";
    const CONFIG_FILE: &'static str = "configs/gateway.yml";
    type Settings = GatewaySettings;

    fn server(settings: &GatewaySettings) -> &settings::ServerSettings {
        &settings.server
    }

    fn log(settings: &GatewaySettings) -> &settings::LogSettings {
        &settings.log
    }

    async fn build(settings: GatewaySettings, shell: &Shell) -> Result<(Router, Arc<dyn HealthCheck>), BoxError> {
        let (idle, interval, retries) = KEEPALIVE;
        let client = evervoice_http_client::builder()
            // The services are ours and near; a proxy of the environment is for the world outside.
            .no_proxy()
            .connect_timeout(settings.upstream.connect_timeout())
            // A kept connection may be to a service that is gone, or has another address since, and would swallow a request. So
            // only a fresh answer is proof enough; and as there are few, a service has room for whoever asks whether it lives.
            .pool_idle_timeout(Duration::from_secs(1))
            .pool_max_idle_per_host(32)
            .tcp_keepalive(idle)
            .tcp_keepalive_interval(interval)
            .tcp_keepalive_retries(retries)
            // What is sent to a host that is gone is found by this. Not for WebSockets: a service may leave one unread.
            .tcp_user_timeout(UNTAKEN)
            .build()?;
        let events = shell.register(Events::register);
        let upstream = |name, url: &str| -> Result<Arc<Upstream>, BoxError> {
            let upstream = Upstream::new(name, url.parse()?, client.clone(), settings.upstream.clone(), events.clone());
            Ok(Arc::new(upstream))
        };
        let upstreams = Arc::new(Upstreams {
            tts: upstream("tts", &settings.upstream.tts_url)?,
            asr: upstream("asr", &settings.upstream.asr_url)?,
        });
        Ok((http::routes(Arc::clone(&upstreams), shell.lifecycle.clone()), upstreams))
    }
}
