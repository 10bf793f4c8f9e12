//! What is done to every request: an id, a log line and metrics at the end of its body, and a body for its problem.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::Problem;

/// Header that carries the id of a request, both ways.
pub const REQUEST_ID: &str = "x-request-id";

/// The id of the request, in its extensions: the client's own where it is short and printable, else a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        // What goes into a log line must not be able to forge one or fill it.
        let usable = |id: &&str| (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        Self(given.filter(usable).map_or_else(|| uuid::Uuid::new_v4().simple().to_string(), ToOwned::to_owned))
    }
}

/// Buckets of all times in ms, dense around 20 ms to 3 s.
pub const MS_BUCKETS: [f64; 16] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0, 200.0, 350.0, 500.0, 800.0, 1500.0, 3000.0, 10_000.0];

/// A histogram of times in ms.
pub fn ms_histogram() -> Histogram {
    Histogram::new(MS_BUCKETS)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

/// HTTP metrics of a service.
#[derive(Clone)]
pub(super) struct HttpMetrics {
    service: &'static str,
    requests: Family<RequestLabels, Counter>,
    first_byte: Family<RouteLabels, Histogram, fn() -> Histogram>,
    total: Family<RouteLabels, Histogram, fn() -> Histogram>,
    active: Gauge,
}

impl HttpMetrics {
    pub fn register(service: &'static str, registry: &mut Registry) -> Self {
        let metrics = Self {
            service,
            requests: Family::default(),
            first_byte: Family::new_with_constructor(ms_histogram),
            total: Family::new_with_constructor(ms_histogram),
            active: Gauge::default(),
        };
        registry.register(
            "http_requests",
            "Requests by route, status and how the body ended",
            metrics.requests.clone(),
        );
        registry.register("http_first_byte_ms", "Request head to first body byte, ms", metrics.first_byte.clone());
        registry.register("http_total_ms", "Request head to last body byte, ms", metrics.total.clone());
        registry.register("http_active", "Requests whose body has not ended", metrics.active.clone());
        metrics
    }
}

pub(super) async fn observe(State(metrics): State<HttpMetrics>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = RequestId::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", |path| path.as_str()).to_owned();
    let method = request.method().clone();
    request.extensions_mut().insert(id.clone());

    let mut exchange =
        Exchange { metrics, began, id, route, method, status: 0, bytes: 0, first_byte: None, ended: None };
    exchange.metrics.active.inc();
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.render(&exchange.id.0);
    }
    if let Ok(value) = HeaderValue::from_str(&exchange.id.0) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    exchange.status = response.status().as_u16();
    exchange.ended = match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => Some("upgraded"),
        // Nobody polls a body that has nothing.
        _ if response.body().is_end_stream() => Some("complete"),
        _ => None,
    };
    response.map(|body| Body::new(Observed { body, exchange }))
}

/// A method as a label. A client may send any word as a method; each would become a time series for ever.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// One request and its answer, told to log and metrics when it is dropped: the body is the work, not the head.
struct Exchange {
    metrics: HttpMetrics,
    began: Instant,
    id: RequestId,
    route: String,
    method: Method,
    status: u16,
    bytes: u64,
    first_byte: Option<f64>,
    ended: Option<&'static str>,
}

impl Exchange {
    fn ms(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1000.0
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // Neither ended nor failed nor handed over: nobody was there any more to read it.
        let outcome = self.ended.unwrap_or("client_gone");
        let total = self.ms();
        let labels = RouteLabels { route: self.route.clone() };
        self.metrics.active.dec();
        self.metrics.total.get_or_create(&labels).observe(total);
        if let Some(first) = self.first_byte {
            self.metrics.first_byte.get_or_create(&labels).observe(first);
        }
        self.metrics
            .requests
            .get_or_create(&RequestLabels {
                route: std::mem::take(&mut self.route),
                method: known(&self.method),
                status: self.status,
                outcome,
            })
            .inc();
        // Probes ask every few seconds; their answers are not news.
        let probe = ["/live", "/ready", "/health", "/metrics"].contains(&labels.route.as_str());
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    event = "http_request",
                    service = self.metrics.service,
                    request_id = self.id.0,
                    method = self.method.as_str(),
                    route = labels.route,
                    status = self.status,
                    outcome,
                    bytes = self.bytes,
                    first_byte_ms = self.first_byte,
                    total_ms = total,
                )
            };
        }
        if probe { line!(tracing::Level::DEBUG) } else { line!(tracing::Level::INFO) }
    }
}

struct Observed {
    body: Body,
    exchange: Exchange,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let exchange = &mut self.exchange;
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                if bytes > 0 && exchange.first_byte.is_none() {
                    exchange.first_byte = Some(exchange.ms());
                }
                exchange.bytes += bytes;
            }
            Poll::Ready(Some(Err(_))) => exchange.ended = Some("aborted"),
            Poll::Ready(None) => exchange.ended = exchange.ended.or(Some("complete")),
            Poll::Pending => {}
        }
        // A body of known length is not polled again after its last frame.
        if self.body.is_end_stream() {
            self.exchange.ended = self.exchange.ended.or(Some("complete"));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// For panics that reach a handler: a problem instead of a dropped connection. The log has the message.
pub(super) fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    use axum::response::IntoResponse;
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(event = "handler_panicked", error = text);
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the service made a mistake").into_response()
}
