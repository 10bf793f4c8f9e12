//! What a service is built in.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{Router, middleware};
use futures_util::future::join_all;
use prometheus_client::registry::Registry;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tower_http::catch_panic::CatchPanicLayer;

use super::{
    HealthCheck, Lifecycle, Problem,
    observe::{self, HttpMetrics},
    ops::{self, Ops},
    serve::{Drained, serve},
    settings::{LogSettings, ServerSettings},
};
use crate::config::Settings;

/// Any error that ends a start.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A service: a name, settings, and routes.
pub trait Service: Send + 'static {
    /// Name in logs, in `/health`, and of the process.
    const NAME: &'static str;
    /// One sentence for `--help`.
    const ABOUT: &'static str;
    /// The configuration file that is read when it is there and no other is named.
    const CONFIG_FILE: &'static str;
    /// The configuration.
    type Settings: Settings + Send + Sync;

    /// Where to listen.
    fn server(settings: &Self::Settings) -> &ServerSettings;
    /// How to log.
    fn log(settings: &Self::Settings) -> &LogSettings;

    /// Makes everything warm and gives the routes, without those of [`ops`].
    fn build(
        settings: Self::Settings,
        shell: &Shell,
    ) -> impl Future<Output = Result<(Router, Arc<dyn HealthCheck>), BoxError>> + Send;
}

type Goodbye = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a service is given to build itself.
#[derive(Clone)]
pub struct Shell {
    /// The life of the process.
    pub lifecycle: Lifecycle,
    /// The metrics of this service. Register at build time; `/metrics` shows them.
    pub registry: Arc<Mutex<Registry>>,
    /// What is done after the last request.
    at_end: Arc<Mutex<Vec<Goodbye>>>,
}

/// Longest time that a service takes to say goodbye to others after its last request.
const GOODBYE: Duration = Duration::from_secs(2);

impl Shell {
    /// For something that lives so long.
    pub fn new(lifecycle: &Lifecycle) -> Self {
        Self { lifecycle: lifecycle.clone(), registry: Arc::default(), at_end: Arc::default() }
    }

    /// Says goodbye to others, once the last request has ended. It takes two seconds at most.
    pub async fn goodbye(&self) {
        let at_end = std::mem::take(&mut *self.at_end.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = timeout(GOODBYE, join_all(at_end)).await;
    }

    /// Registers metrics.
    pub fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        // A poisoned registry is still a registry: the panic was in someone's constructor.
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds something to be done after the last request has ended, such as closing connections in order.
    pub fn at_end(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.at_end.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(work));
    }
}

/// A service that listens.
pub struct Running {
    /// Where.
    pub address: SocketAddr,
    /// Ends when the life does, and says how the drain went.
    pub done: JoinHandle<Drained>,
}

/// Listens, builds and serves. Returns when the service is warm and answers.
///
/// # Errors
/// When the address cannot be had, or the service cannot be built.
pub async fn start<S: Service>(settings: S::Settings, lifecycle: &Lifecycle) -> Result<Running, BoxError> {
    let began = Instant::now();
    let server = S::server(&settings).clone();
    // The port first: a start that fails should fail before models are loaded.
    let listener = TcpListener::bind(server.address())
        .await
        .map_err(|error| format!("{} cannot listen on {}: {error}", S::NAME, server.address()))?;
    let address = listener.local_addr()?;

    let shell = Shell::new(lifecycle);
    let http = shell.register(|registry| HttpMetrics::register(S::NAME, registry));
    let (routes, health) = S::build(settings, &shell).await?;
    let ops = Ops { service: S::NAME, lifecycle: lifecycle.clone(), health, registry: Arc::clone(&shell.registry) };
    let app = routes
        .merge(ops::routes(ops))
        .fallback(async |uri: axum::http::Uri| {
            let detail = format!("there is nothing at {}", uri.path());
            Problem::new(axum::http::StatusCode::NOT_FOUND, "not_found", detail)
        })
        .method_not_allowed_fallback(async || {
            Problem::new(
                axum::http::StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path does not answer to this method; the header Allow names those it answers to",
            )
        })
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(middleware::from_fn_with_state(http, observe::observe));

    let life = lifecycle.clone();
    let done = tokio::spawn(async move {
        let drained = serve(listener, app, &server, &life).await;
        shell.goodbye().await;
        drained
    });
    let ms = began.elapsed().as_secs_f64() * 1000.0;
    tracing::info!(event = "service_started", service = S::NAME, address = %address, ms);
    Ok(Running { address, done })
}
