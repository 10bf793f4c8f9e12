//! The gateway: the one public door. It passes streams through untouched and composes recognition and speech.
//!
//! # Layout
//! - [`config`]: its settings, `configs/gateway.yml`
//! - `app`: from settings to routes
//! - `http`: one file an endpoint
//! - `upstream`: a service behind the gateway: forwarding, time limits, and problems when it is not there
//! - `relay`: a WebSocket to a service behind the gateway
//! - `watch`: whether a service that says nothing still lives
//! - `events`: each thing worth knowing, as a log line and a metric

mod app;
pub mod config;
mod events;
mod http;
mod relay;
mod upstream;
mod watch;

pub use app::Gateway;
pub use config::GatewaySettings;
