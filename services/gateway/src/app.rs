//! From settings to routes.

use std::sync::Arc;

use axum::Router;
use evervoice_core::service::{BoxError, HealthCheck, Service, Shell, settings};

use crate::{
    config::GatewaySettings,
    events::Events,
    http,
    upstream::{Upstream, Upstreams},
};

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
        let client = evervoice_http_client::builder()
            // The services are ours and near; a proxy of the environment is for the world outside.
            .no_proxy()
            .connect_timeout(settings.upstream.connect_timeout())
            // The services close idle connections after 10 s (`server.header_timeout`); a request must not meet that.
            .pool_idle_timeout(std::time::Duration::from_secs(5))
            .build()?;
        let events = shell.register(Events::register);
        let upstream = |name, url: &str| -> Result<Upstream, BoxError> {
            Ok(Upstream::new(name, url.parse()?, client.clone(), settings.upstream.clone(), events.clone()))
        };
        let upstreams = Arc::new(Upstreams {
            tts: upstream("tts", &settings.upstream.tts_url)?,
            asr: upstream("asr", &settings.upstream.asr_url)?,
        });
        Ok((http::routes(Arc::clone(&upstreams), shell.lifecycle.clone()), upstreams))
    }
}
