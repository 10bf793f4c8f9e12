//! Keeps connections open and awake, so that a request costs no handshake.
//!
//! Connections are kept by key: two connections of one key are interchangeable. A pool knows nothing of what runs over them;
//! a [`Connector`] opens them, and a [`Connection`] tells when it is of no more use. What it does not know, it does not trust: a
//! handshake proves nothing, an idle connection is watched and pinged, an old one is replaced before it goes.
//!
//! # The life of a connection
//!
//! | It is | until | then |
//! |---|---|---|
//! | connecting | the handshake is done | to whoever waits longest, else idle |
//! | | the attempt fails | backoff; those who waited are told |
//! | idle | a request comes | in use |
//! | | 75 % to 90 % of `max_idle` have passed | it stays idle until another one stands ready in its place, then closes |
//! | | `max_idle` has passed, it ends, or gives no sign of life | closed, and replaced |
//! | | `rewarm_after_idle` has passed without any request | it is made to work once, beside its users if it may have several |
//! | in use | its last slot comes back | idle again; closed if it was good for one use |
//! | | a user finds it broken | no new users; closed when the last slot is back |
//! | | it ends | gone; its users notice by themselves |
//!
//! # Failures
//!
//! An attempt that fails, and a connection that ends soon or in use and without having been of any use, delay the next
//! attempt, each time longer, up to a limit; the limit is a few seconds as long as nothing connects, and longer when
//! connections are of no use. Meanwhile requests are refused at once rather than made to wait. Then one attempt at a time is
//! made, until a connection has been of use, or is idle and has been open for long. Where there is no hope (a wrong key),
//! connections are no longer kept ready: a request is let through now and then to see whether that has changed.
//!
//! # Files
//! [`Pool`] is the outside. Each key has a `KeyPool`: its `state` (an event changes it, then `settle` draws the consequences),
//! the `plan` for its `keeper` task, its `breaker`. Each connection is an `entry` there, and has a task, the guard in `idle`.

mod breaker;
mod config;
mod connector;
mod entry;
mod error;
mod idle;
mod keeper;
mod key_pool;
mod lease;
mod plan;
mod settle;
mod shared;
mod state;
mod status;
mod watcher;

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

pub use config::{Backoff, PoolConfig};
pub use connector::{Capacity, Closed, Connection, Connector};
pub use error::{Failure, PoolError};
pub use lease::{Lease, Slot};
pub use status::KeyStatus;
pub use watcher::{Eviction, PoolWatcher};

use key_pool::KeyPool;
use shared::{Phase, Shared};

/// Connections to one far end, by key. Cloning it is cheap; when the last clone is dropped, the pool drains by itself.
pub struct Pool<C: Connector> {
    handle: Arc<Handle<C>>,
}

struct Handle<C: Connector>(Arc<Shared<C>>);

impl<C: Connector> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self { handle: Arc::clone(&self.handle) }
    }
}

impl<C: Connector> Drop for Handle<C> {
    fn drop(&mut self) {
        self.0.advance(Phase::Draining);
    }
}

impl<C: Connector> Pool<C> {
    /// Starts a pool, empty.
    ///
    /// # Panics
    /// Outside a tokio runtime with timers, on which its tasks run.
    pub fn start(connector: C, config: PoolConfig, watcher: Arc<dyn PoolWatcher>) -> Self {
        Self { handle: Arc::new(Handle(Arc::new(Shared::new(connector, config, watcher)))) }
    }

    /// Keeps `key` ready from now on, for ever.
    pub fn keep(&self, key: C::Key) {
        while let Some(keys) = self.shared().key_pool(&key, true) {
            let over = keys.change(|state, _| {
                state.permanent = true;
                state.over
            });
            if !over {
                return;
            }
        }
    }

    /// A place on a connection: at once if there is one, else on the next that is opened or given back, first come first
    /// served. Dropping the future gives up the wait.
    ///
    /// # Errors
    /// [`PoolError`], while the key's last attempts have failed at once.
    pub async fn acquire(&self, key: &C::Key) -> Result<Lease<C>, PoolError<C::Error>> {
        self.lease(key, false).await
    }

    /// A place on a connection that is opened from now on: for the one retry after a failure on one that had
    /// [waited](Lease::waited).
    ///
    /// # Errors
    /// [`PoolError`]
    pub async fn acquire_fresh(&self, key: &C::Key) -> Result<Lease<C>, PoolError<C::Error>> {
        self.lease(key, true).await
    }

    async fn lease(&self, key: &C::Key, fresh: bool) -> Result<Lease<C>, PoolError<C::Error>> {
        let asked = Instant::now();
        loop {
            let keys = self.shared().key_pool(key, false).ok_or(PoolError::Exhausted)?;
            let Some(reply) = keys.change(|state, now| (!state.over).then(|| state.ask(now, fresh))) else { continue };
            let lease = keys.wait(reply?, &self.shared().config).await?;
            // It may have ended this instant, and its guard not know yet.
            if let Some(closed) = lease.connection().closed().now_or_never() {
                keys.change(|state, now| state.found_lost(now, lease.slot().connection(), closed));
                continue;
            }
            self.shared().watcher.acquired(key, lease.waited(), asked.elapsed());
            return Ok(lease);
        }
    }

    /// What the pool looks like now, a line per key.
    pub fn status(&self) -> Vec<KeyStatus<C::Key>> {
        let all = self.shared().all();
        let status = |keys: &Arc<KeyPool<C>>| {
            // What nobody told, such as proof, is noticed here.
            keys.change(|_, _| ());
            keys.look(|state, now| state.status(now, keys.key.clone()))
        };
        all.iter().map(status).collect()
    }

    /// Gives out no more leases, closes connections as their slots come back, and returns when all are closed.
    pub async fn drain(&self) {
        self.shared().advance(Phase::Draining);
        self.shared().phase.closed().await;
    }

    /// Drains, and after `deadline` also closes connections that are still in use.
    pub async fn close(&self, deadline: Duration) {
        if timeout(deadline, self.drain()).await.is_err() {
            self.shared().advance(Phase::Closed);
            self.shared().phase.closed().await;
        }
    }

    fn shared(&self) -> &Arc<Shared<C>> {
        &self.handle.0
    }
}
