//! What every service has, so that a service is only its routes and its domain.
//!
//! - [`cli`]: `--help`, `check-config`, `healthcheck`, serve; logs, signals, exit codes
//! - [`shell`]: what a service is built in: metrics registry, life cycle, health
//! - [`lifecycle`]: ready, draining, and the sockets that must end before the process does
//! - [`serve`]: the accept loop and the drain with its deadline
//! - [`observe`]: request id, access log and HTTP metrics of every request, at the end of its body
//! - [`problem`]: the one place where errors become HTTP (RFC 9457)
//! - [`body`]: reading a request body within its limits; JSON with clear errors
//! - [`ops`]: `/live`, `/ready`, `/health`, `/metrics`
//! - [`telemetry`]: JSON lines
//! - [`settings`]: the configuration keys that every service has

pub mod body;
pub mod cli;
pub mod lifecycle;
mod linger;
pub mod observe;
pub mod ops;
pub mod problem;
pub mod serve;
pub mod settings;
pub mod shell;
pub mod telemetry;

pub use lifecycle::Lifecycle;
pub use ops::{HealthCheck, Part};
pub use problem::Problem;
pub use shell::{BoxError, Running, Service, Shell};
