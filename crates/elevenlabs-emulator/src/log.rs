//! What clients sent.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;

/// The oldest entries are forgotten beyond this many.
const LIMIT: usize = 500_000;

/// Something that a client sent. Nothing is masked, keys neither: clients of an emulator have no real ones.
#[derive(Clone, Debug, Serialize)]
pub struct Received {
    /// Milliseconds since the emulator started.
    pub at_ms: f64,
    /// The TCP connection, counted from 1.
    pub connection: u64,
    /// What it was.
    #[serde(flatten)]
    pub event: Event,
}

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A TCP connection.
    Connect {
        /// On the TLS port.
        tls: bool,
    },
    /// An HTTP request that asks for no upgrade, with its whole body.
    Request {
        /// Such as `POST`.
        method: String,
        /// Without the query.
        path: String,
        /// Decoded.
        query: BTreeMap<String, String>,
        /// Names in lower case.
        headers: BTreeMap<String, String>,
        /// JSON; a string where it is none; null where there is none.
        body: Value,
    },
    /// A WebSocket upgrade, whether granted or not.
    Upgrade {
        /// The socket, counted from 1.
        socket: u64,
        /// Without the query.
        path: String,
        /// Decoded.
        query: BTreeMap<String, String>,
        /// Names in lower case.
        headers: BTreeMap<String, String>,
    },
    /// A text or binary message.
    Frame {
        /// The socket.
        socket: u64,
        /// JSON; a string where it is none.
        json: Value,
    },
    /// A ping.
    Ping {
        /// The socket.
        socket: u64,
    },
    /// A close frame.
    Close {
        /// The socket.
        socket: u64,
        /// Its code, if any.
        code: Option<u16>,
    },
    /// The end of a WebSocket, for whatever reason.
    Gone {
        /// The socket.
        socket: u64,
    },
}

#[derive(Debug)]
pub(crate) struct Log {
    started: Instant,
    entries: Mutex<VecDeque<Received>>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), entries: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Received>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, connection: u64, event: Event) {
        let at_ms = self.started.elapsed().as_secs_f64() * 1000.0;
        let mut entries = self.lock();
        if entries.len() >= LIMIT {
            entries.pop_front();
        }
        entries.push_back(Received { at_ms, connection, event });
    }

    pub(crate) fn all(&self) -> Vec<Received> {
        self.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}
