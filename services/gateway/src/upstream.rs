//! A service behind the gateway.

use std::{
    collections::BTreeMap,
    error::Error,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use evervoice_core::service::{
    HealthCheck, Part, Problem,
    observe::REQUEST_ID,
    ops::{Health, Status},
};
use futures_util::{Stream, TryStreamExt, stream};
use reqwest::Url;
use tokio::time::timeout;

use crate::{config::UpstreamSettings, events::Events};

/// The services behind the gateway.
pub struct Upstreams {
    pub tts: Upstream,
    pub asr: Upstream,
}

#[async_trait]
impl HealthCheck for Upstreams {
    async fn parts(&self) -> BTreeMap<String, Part> {
        let (tts, asr) = tokio::join!(self.tts.health(), self.asr.health());
        BTreeMap::from([("tts".to_owned(), tts), ("asr".to_owned(), asr)])
    }
}

/// What a request hands on to the service behind.
const REQUEST_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::ACCEPT];

/// What belongs to one connection, not to the answer (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [HeaderName; 4] = [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::TRAILER];

/// How long `/health` waits for the service.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// A service behind the gateway.
pub struct Upstream {
    name: &'static str,
    base: Url,
    client: reqwest::Client,
    settings: UpstreamSettings,
    events: Events,
}

/// A request to hand on.
pub struct Forward<'a> {
    pub method: Method,
    pub path: &'a str,
    /// Without the question mark.
    pub query: Option<&'a str>,
    /// Headers of the client; only some are handed on.
    pub headers: &'a HeaderMap,
    pub body: reqwest::Body,
    pub request_id: &'a str,
}

impl Upstream {
    pub fn new(
        name: &'static str,
        base: Url,
        client: reqwest::Client,
        settings: UpstreamSettings,
        events: Events,
    ) -> Self {
        Self { name, base, client, settings, events }
    }

    /// Where a path of this service is.
    pub fn url(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }

    /// Longest time to connect to this service.
    pub fn connect_timeout(&self) -> Duration {
        self.settings.connect_timeout()
    }

    /// Longest silence of this service.
    pub fn patience(&self) -> Duration {
        self.settings.request_timeout()
    }

    /// Sends a request. Returns with the head of the answer; whatever its status, it is an answer.
    ///
    /// # Errors
    /// 502 `upstream_unreachable`, 502 `upstream_broken` or 504 `upstream_timeout`.
    pub async fn send(&self, forward: Forward<'_>) -> Result<reqwest::Response, Problem> {
        let Forward { method, path, query, headers, body, request_id } = forward;
        let mut request = self.client.request(method, self.url(path, query)).header(REQUEST_ID, request_id).body(body);
        for name in REQUEST_HEADERS {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value);
            }
        }
        let began = Instant::now();
        match timeout(self.patience(), request.send()).await {
            Ok(Ok(response)) => {
                let ms = began.elapsed().as_secs_f64() * 1000.0;
                self.events.upstream_answered(self.name, response.status().as_u16(), request_id, ms);
                Ok(response)
            }
            Ok(Err(error)) if error.is_connect() => Err(self.failed("upstream_unreachable", request_id, &error)),
            Ok(Err(error)) if error.is_timeout() => Err(self.failed("upstream_timeout", request_id, &error)),
            Ok(Err(error)) => Err(self.failed("upstream_broken", request_id, &error)),
            Err(late) => Err(self.failed("upstream_timeout", request_id, &late)),
        }
    }

    /// Logs a failure and says it to the client, without the details of our network.
    pub fn failed(&self, code: &'static str, request_id: &str, error: &dyn Error) -> Problem {
        let mut causes = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        self.events.upstream_failed(self.name, code, request_id, &causes);
        let name = self.name;
        match code {
            "upstream_timeout" => {
                let what = format!("the {name} service did not answer within {} s", self.patience().as_secs_f64());
                Problem::new(StatusCode::GATEWAY_TIMEOUT, code, what)
            }
            "upstream_unreachable" => {
                let what = format!("the {name} service cannot be reached");
                Problem::new(StatusCode::BAD_GATEWAY, code, what).retry_after(Duration::from_secs(1))
            }
            _ => Problem::new(StatusCode::BAD_GATEWAY, code, format!("the {name} service broke off")),
        }
    }

    /// An answer as it comes, unbuffered. When the service breaks off or falls silent, so does the body.
    pub fn pass_through(&self, response: reqwest::Response, request_id: &str) -> Response {
        let (status, mut headers) = (response.status(), response.headers().clone());
        for name in HOP_BY_HOP {
            headers.remove(name);
        }
        // The gateway's own is the one that was handed on.
        headers.remove(REQUEST_ID);
        let body = self.body(response.bytes_stream(), request_id.to_owned());
        (status, headers, Body::from_stream(body)).into_response()
    }

    fn body(
        &self,
        chunks: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
        request_id: String,
    ) -> impl Stream<Item = Result<Bytes, BrokenOff>> + Send + 'static {
        let (patience, name, events) = (self.patience(), self.name, self.events.clone());
        let failed = move |code, error: &dyn Error| {
            events.upstream_failed(name, code, &request_id, &error.to_string());
            BrokenOff
        };
        stream::try_unfold(Box::pin(chunks), move |mut chunks| {
            let failed = failed.clone();
            async move {
                match timeout(patience, chunks.try_next()).await {
                    Ok(Ok(chunk)) => Ok(chunk.map(|chunk| (chunk, chunks))),
                    Ok(Err(error)) => Err(failed("upstream_broken", &error)),
                    Err(late) => Err(failed("upstream_timeout", &late)),
                }
            }
        })
    }

    /// How the service is doing.
    pub async fn health(&self) -> Part {
        let asked = async {
            let response = self.client.get(self.url("/health", None)).send().await?;
            response.json::<Health>().await
        };
        match timeout(HEALTH_TIMEOUT, asked).await {
            Ok(Ok(health)) => {
                let parts = serde_json::to_value(health.parts).unwrap_or_default();
                Part::new(health.status).with("version", health.version).with("parts", parts)
            }
            Ok(Err(_)) => Part::new(Status::Down).with("reason", "cannot be reached"),
            Err(_) => Part::new(Status::Down).with("reason", "does not answer"),
        }
    }
}

/// The body ends before its end. The log has the reason.
#[derive(Debug, thiserror::Error)]
#[error("the service behind the gateway broke off")]
struct BrokenOff;
