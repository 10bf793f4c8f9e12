//! The configuration keys that every service has.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::config::Mistakes;

/// Key `server`: where to listen and how patient to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSettings {
    /// Address to listen on.
    pub bind_address: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// Longest time a client may take to send the head of a request, in seconds; also the longest time that a connection
    /// may wait for its next request.
    pub header_timeout: f64,
    /// Longest time a client may take to send a request body, in seconds.
    pub body_timeout: f64,
    /// Longest time that a client may take nothing of what is sent to it, in seconds; then its connection is closed.
    pub write_timeout: f64,
    /// Longest time that running streams get to end after SIGTERM, in seconds.
    pub drain_timeout: f64,
}

impl ServerSettings {
    /// The defaults, on this port of the loopback address.
    pub fn on_port(port: u16) -> Self {
        Self {
            bind_address: Ipv4Addr::LOCALHOST.into(),
            port,
            max_connections: 4096,
            header_timeout: 10.0,
            body_timeout: 10.0,
            write_timeout: 60.0,
            drain_timeout: 25.0,
        }
    }

    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind_address, self.port)
    }

    /// [`Self::body_timeout`] as a duration.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.body_timeout)
    }

    /// Adds what is wrong.
    pub fn check(&self, mistakes: &mut Mistakes) {
        mistakes.range("server.max_connections", self.max_connections, 1..=1_000_000);
        mistakes.range("server.header_timeout", self.header_timeout, 0.1..=300.0);
        mistakes.range("server.body_timeout", self.body_timeout, 0.1..=300.0);
        mistakes.range("server.write_timeout", self.write_timeout, 0.1..=3600.0);
        mistakes.range("server.drain_timeout", self.drain_timeout, 0.0..=3600.0);
    }
}

/// Key `log`: the JSON lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, or a filter of the crate `tracing-subscriber` such as `info,hyper=warn`.
    pub level: String,
    /// Directory for a copy of the log in files, a file a day; `null` for none.
    pub dir: Option<PathBuf>,
    /// How many days of files to keep.
    pub keep_days: usize,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".into(), dir: None, keep_days: 7 }
    }
}

impl LogSettings {
    /// Adds what is wrong.
    pub fn check(&self, mistakes: &mut Mistakes) {
        if self.level.parse::<tracing_subscriber::EnvFilter>().is_err() {
            mistakes.add("log.level", "must be error, warn, info, debug, trace, or a filter such as info,hyper=warn");
        }
        mistakes.range("log.keep_days", self.keep_days, 1..=3650);
    }
}
