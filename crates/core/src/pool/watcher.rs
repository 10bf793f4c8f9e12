//! Who is told what happens in a pool.

use std::{error::Error, fmt::Debug, time::Duration};

/// Told what happens in a [`Pool`](super::Pool), for logs and metrics. Called outside of all locks; must not block.
#[expect(unused_variables, reason = "the names say what the arguments are")]
pub trait PoolWatcher: Send + Sync + 'static {
    /// An attempt to connect begins.
    fn connect_start(&self, key: &dyn Debug) {}
    /// It took so long and succeeded.
    fn connected(&self, key: &dyn Debug, took: Duration) {}
    /// It failed.
    fn connect_failed(&self, key: &dyn Debug, error: &dyn Error) {}
    /// The far end is back: a connection is open after attempts that failed or connections that stopped to answer, or
    /// something was answered at last. Told once for each time that it was away; one that only takes connections and never
    /// works has not been away.
    fn back(&self, key: &dyn Debug) {}
    /// An open connection left the pool; every one that was `connected` does so once.
    fn evicted(&self, key: &dyn Debug, reason: &Eviction) {}
    /// An idle connection gave a sign of life after so long.
    fn pinged(&self, key: &dyn Debug, took: Duration) {}
    /// It gave none.
    fn ping_failed(&self, key: &dyn Debug, reason: &str) {}
    /// The far end has worked, and took so long.
    fn warmed(&self, key: &dyn Debug, took: Duration) {}
    /// It has not.
    fn warm_failed(&self, key: &dyn Debug, reason: &str) {}
    /// A request got a connection: one that had `waited` for it or a fresh one, after so long.
    fn acquired(&self, key: &dyn Debug, waited: bool, took: Duration) {}
}

/// A watcher that does not look.
impl PoolWatcher for () {}

/// Why a connection left the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Eviction {
    /// It had been idle for long, and another one stands ready in its place.
    Idle,
    /// It had been idle for long, and there were enough without it.
    Surplus,
    /// It ended by itself; why.
    Closed(String),
    /// It gave no sign of life.
    PingFailed,
    /// A user, or its warm-up, found it broken.
    Spoiled,
    /// It was good for one use, and has had it.
    Used,
    /// The pool is being closed.
    Drained,
}

impl Eviction {
    /// The name as a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Surplus => "surplus",
            Self::Closed(_) => "closed",
            Self::PingFailed => "ping_failed",
            Self::Spoiled => "spoiled",
            Self::Used => "used",
            Self::Drained => "drained",
        }
    }
}
