//! Settings of the gateway. `configs/gateway.yml` is their manual.

use std::time::Duration;

use evervoice_core::{
    config::{Mistakes, Settings},
    service::settings::{LogSettings, ServerSettings},
};
use serde::{Deserialize, Serialize};

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatewaySettings {
    /// Where to listen.
    pub server: ServerSettings,
    /// How to log.
    pub log: LogSettings,
    /// The services behind the gateway.
    pub upstream: UpstreamSettings,
}

/// Key `upstream`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpstreamSettings {
    /// Base URL of the text-to-speech service.
    pub tts_url: String,
    /// Base URL of the speech recognition service.
    pub asr_url: String,
    /// Longest time to connect, in seconds.
    pub connect_timeout: f64,
    /// Longest time until an answer begins, and between two pieces of it, in seconds.
    pub request_timeout: f64,
    /// When nothing has come from a service for so long, it is asked whether it lives, in seconds.
    pub probe_after: f64,
    /// Longest time that the answer may take, in seconds. It is asked twice.
    pub probe_timeout: f64,
}

impl UpstreamSettings {
    /// [`Self::connect_timeout`] as a duration.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.connect_timeout)
    }

    /// [`Self::request_timeout`] as a duration.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.request_timeout)
    }

    /// [`Self::probe_after`] as a duration.
    pub fn probe_after(&self) -> Duration {
        Duration::from_secs_f64(self.probe_after)
    }

    /// [`Self::probe_timeout`] as a duration.
    pub fn probe_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.probe_timeout)
    }
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            // Fewer than each service takes: a question whether it lives must not wait for a place there.
            server: ServerSettings { max_connections: 4000, ..ServerSettings::on_port(8000) },
            log: LogSettings::default(),
            upstream: UpstreamSettings {
                tts_url: "http://127.0.0.1:8082".into(),
                asr_url: "http://127.0.0.1:8081".into(),
                connect_timeout: 2.0,
                request_timeout: 60.0,
                probe_after: 2.0,
                probe_timeout: 1.5,
            },
        }
    }
}

impl Settings for GatewaySettings {
    const VARIABLES: &'static [(&'static str, &'static str)] = &[
        ("BIND_ADDRESS", "server.bind_address"),
        ("GATEWAY_PORT", "server.port"),
        ("TTS_SERVICE_URL", "upstream.tts_url"),
        ("ASR_SERVICE_URL", "upstream.asr_url"),
        ("REQUEST_TIMEOUT", "upstream.request_timeout"),
        ("LOG_LEVEL", "log.level"),
        ("LOG_DIR", "log.dir"),
    ];

    fn check(&self, mistakes: &mut Mistakes) {
        self.server.check(mistakes);
        self.log.check(mistakes);
        mistakes.range("upstream.connect_timeout", self.upstream.connect_timeout, 0.01..=60.0);
        mistakes.range("upstream.request_timeout", self.upstream.request_timeout, 0.1..=3600.0);
        mistakes.range("upstream.probe_after", self.upstream.probe_after, 0.1..=3600.0);
        mistakes.range("upstream.probe_timeout", self.upstream.probe_timeout, 0.1..=60.0);
        for (key, url) in [("upstream.tts_url", &self.upstream.tts_url), ("upstream.asr_url", &self.upstream.asr_url)] {
            let usable = reqwest::Url::parse(url).is_ok_and(|url| url.scheme() == "http" && url.has_host());
            if !usable {
                mistakes.add(key, "must be a URL such as http://tts:8082");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use evervoice_core::config::{Environment, load};

    use super::*;

    /// The file is the manual: it names every key, with its default.
    #[test]
    fn the_shipped_file_is_the_defaults() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/gateway.yml");
        evervoice_core::config::assert_manual::<GatewaySettings>(&file);
    }

    #[test]
    fn the_variables_of_the_compose_file_work() {
        let environment: Environment = [
            ("GATEWAY_PORT", "9000"),
            ("TTS_SERVICE_URL", "http://tts:8082"),
            ("ASR_SERVICE_URL", "ftp://asr"),
            ("REQUEST_TIMEOUT", "5"),
        ]
        .into_iter()
        .collect();
        let error = load::<GatewaySettings>(None, &environment).unwrap_err();
        assert_eq!(error.mistakes.len(), 1);
        assert_eq!(error.mistakes[0].place, "ASR_SERVICE_URL");
    }
}
