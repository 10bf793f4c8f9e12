//! A service behind the gateway.

use std::{
    collections::BTreeMap,
    error::Error,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use evervoice_core::{
    fault::with_sources,
    service::{
        HealthCheck, Part, Problem,
        observe::REQUEST_ID,
        ops::{Health, Status},
    },
};
use futures_util::{Stream, TryStreamExt, stream};
use reqwest::Url;
use tokio::time::timeout;

use crate::{
    config::UpstreamSettings,
    events::Events,
    watch::{self, Silence, Watch},
};

/// The services behind the gateway.
pub struct Upstreams {
    pub tts: Arc<Upstream>,
    pub asr: Arc<Upstream>,
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
    watch: Arc<Watch>,
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
        let watch = Watch::new(name, &base, &settings, events.clone());
        Self { name, base, client, settings, watch, events }
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

    /// Waits for a piece of an answer: as long as the service lives, and at most `request_timeout`. `peer` is where it is to come
    /// from, once that is known.
    ///
    /// # Errors
    /// [`Silence`]
    pub async fn wait<T>(&self, peer: Option<SocketAddr>, work: impl Future<Output = T>) -> Result<T, Silence> {
        self.watch.wait(peer, Some(self.settings.request_timeout()), work).await
    }

    /// Waits for a message of a dialogue: as long as the service lives.
    ///
    /// # Errors
    /// [`Silence`]
    pub async fn wait_for_message<T>(
        &self,
        peer: Option<SocketAddr>,
        work: impl Future<Output = T>,
    ) -> Result<T, Silence> {
        self.watch.wait(peer, None, work).await
    }

    /// Sends a request. Returns with the head of the answer; whatever its status, it is an answer.
    ///
    /// # Errors
    /// 502 `upstream_unreachable`, 502 `upstream_broken`, 504 `upstream_timeout` or 504 `upstream_unresponsive`.
    pub async fn send(&self, forward: Forward<'_>) -> Result<reqwest::Response, Problem> {
        let Forward { method, path, query, headers, body, request_id } = forward;
        let mut request = self.client.request(method, self.url(path, query)).header(REQUEST_ID, request_id).body(body);
        for name in REQUEST_HEADERS {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value);
            }
        }
        let began = Instant::now();
        match self.wait(None, request.send()).await {
            Ok(Ok(response)) => {
                let ms = began.elapsed().as_secs_f64() * 1000.0;
                self.events.upstream_answered(self.name, response.status().as_u16(), request_id, ms);
                Ok(response)
            }
            Ok(Err(error)) if error.is_connect() => Err(self.failed("upstream_unreachable", request_id, &error)),
            // The kernel's own limits: nobody there takes what is sent, or knows of the connection.
            Ok(Err(error)) if found_silence(&error) => Err(self.failed("upstream_unresponsive", request_id, &error)),
            Ok(Err(error)) => Err(self.failed("upstream_broken", request_id, &error)),
            Err(silence) => Err(self.failed(silence.code(), request_id, &silence)),
        }
    }

    /// Logs a failure and says it to the client, without the details of our network.
    pub fn failed(&self, code: &'static str, request_id: &str, error: &dyn Error) -> Problem {
        self.events.upstream_failed(self.name, code, request_id, &with_sources(error));
        let name = self.name;
        match code {
            "upstream_timeout" => {
                let what = format!("the {name} service did not answer within {} s", self.settings.request_timeout);
                Problem::new(StatusCode::GATEWAY_TIMEOUT, code, what)
            }
            "upstream_unresponsive" => {
                let what = format!("the {name} service does not respond any more");
                Problem::new(StatusCode::GATEWAY_TIMEOUT, code, what).retry_after(Duration::from_secs(1))
            }
            "upstream_unreachable" => {
                let what = format!("the {name} service cannot be reached");
                Problem::new(StatusCode::BAD_GATEWAY, code, what).retry_after(Duration::from_secs(1))
            }
            _ => Problem::new(StatusCode::BAD_GATEWAY, code, format!("the {name} service broke off")),
        }
    }

    /// An answer as it comes, unbuffered. When the service breaks off or falls silent, so does the body.
    pub fn pass_through(self: &Arc<Self>, response: reqwest::Response, request_id: &str) -> Response {
        let (status, mut headers, peer) = (response.status(), response.headers().clone(), response.remote_addr());
        for name in HOP_BY_HOP {
            headers.remove(name);
        }
        // The gateway's own is the one that was handed on.
        headers.remove(REQUEST_ID);
        let body = self.body(response.bytes_stream(), peer, request_id.to_owned());
        (status, headers, Body::from_stream(body)).into_response()
    }

    fn body(
        self: &Arc<Self>,
        chunks: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
        peer: Option<SocketAddr>,
        request_id: String,
    ) -> impl Stream<Item = Result<Bytes, BrokenOff>> + Send + 'static {
        let state = (Arc::clone(self), Box::pin(chunks), request_id);
        stream::try_unfold(state, move |(upstream, mut chunks, request_id)| async move {
            let failed = match upstream.wait(peer, chunks.try_next()).await {
                Ok(Ok(chunk)) => return Ok(chunk.map(|chunk| (chunk, (upstream, chunks, request_id)))),
                Ok(Err(error)) if found_silence(&error) => {
                    upstream.failed("upstream_unresponsive", &request_id, &error)
                }
                Ok(Err(error)) => upstream.failed("upstream_broken", &request_id, &error),
                Err(silence) => upstream.failed(silence.code(), &request_id, &silence),
            };
            // The head is out: there is no place for a problem any more.
            drop(failed);
            Err(BrokenOff)
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

/// Whether the kernel has given the other end up.
fn found_silence(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    error.is_timeout() || causes.filter_map(|cause| cause.downcast_ref()).any(watch::is_silence)
}

/// The body ends before its end. The log has the reason.
#[derive(Debug, thiserror::Error)]
#[error("the service behind the gateway broke off")]
struct BrokenOff;
