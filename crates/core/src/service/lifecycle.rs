//! Ready, draining, done.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

/// The life of a process, shared by its services.
#[derive(Clone)]
pub struct Lifecycle {
    stop: CancellationToken,
    close: CancellationToken,
    sockets: TaskTracker,
    ready: Arc<AtomicBool>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        let stop = CancellationToken::new();
        Self { close: stop.child_token(), stop, sockets: TaskTracker::new(), ready: Arc::default() }
    }
}

impl Lifecycle {
    /// A life that has just begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// The life of services behind another one of this process. They stop with it, but go on listening until
    /// [`close`](Self::close): a request that is still running in front may need them.
    pub fn behind(&self) -> Self {
        Self { close: CancellationToken::new(), sockets: TaskTracker::new(), ..self.clone() }
    }

    /// The life of a part, such as one conversation: it stops with the whole, or before it.
    pub fn part(&self) -> Self {
        Self { stop: self.stop.child_token(), ..self.clone() }
    }

    /// Everything is warm: `/ready` says so from now on.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Warm, and not draining.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.is_stopping()
    }

    /// Begins the drain: no new connections, running streams end whole.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether the drain has begun.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits for the drain to begin.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Ends the listening of services that are [`behind`](Self::behind).
    pub fn close(&self) {
        self.close.cancel();
    }

    /// Waits until no more connections are to be accepted: when the drain begins, or for services behind, later.
    pub async fn closing(&self) {
        self.close.cancelled().await;
    }

    /// The drain waits until this is dropped. HTTP requests are counted by the accept loop; a WebSocket is not, because
    /// its connection leaves the HTTP server with the upgrade. Take it before the upgrade, or a drain that begins in
    /// between misses the socket. Connections that have ended hold the drain too, until the client has taken everything (`linger`).
    pub fn hold(&self) -> TaskTrackerToken {
        self.sockets.token()
    }

    /// Waits until nothing is held any more. Call after [`stop`](Self::stop).
    pub async fn sockets_done(&self) {
        self.sockets.close();
        self.sockets.wait().await;
    }

    /// How many are held.
    pub fn open_sockets(&self) -> usize {
        self.sockets.len()
    }
}
