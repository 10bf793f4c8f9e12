//! What a pool looks like from outside.

use std::time::Duration;

/// The connections of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus<K> {
    /// Which key.
    pub key: K,
    /// Open connections with at least one free place.
    pub ready: usize,
    /// Attempts to connect under way.
    pub connecting: usize,
    /// Open connections, used or not.
    pub connections: usize,
    /// Places in use.
    pub in_use: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
    /// Whether the far end has done real work for this key, and nothing failed since. A handshake proves nothing.
    pub proven: bool,
    /// For how long no connection is tried after failures.
    pub backoff: Option<Duration>,
    /// What failed last, until something succeeds.
    pub last_error: Option<String>,
    /// Whether it fails until someone changes the settings.
    pub hopeless: bool,
}
