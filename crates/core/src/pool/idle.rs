//! The task behind each open connection: an idle connection is watched, not trusted.

use std::{sync::Arc, time::Duration};

use tokio::{
    select,
    sync::{oneshot, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Closed, Connection, Connector, Eviction,
    key_pool::KeyPool,
    shared::{Phase, Shared, reached},
    state::LATE,
};

/// How long a connection may take to close in order.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Watches a connection until it leaves the pool, and closes it.
pub(super) async fn guard<C: Connector>(
    pool: &Shared<C>,
    keys: &Arc<KeyPool<C>>,
    id: u64,
    connection: &C::Connection,
    mut left: oneshot::Receiver<Eviction>,
    mut phase: watch::Receiver<Phase>,
) {
    let _forget = Forget { keys, id };
    let mut closed = connection.closed();
    let mut pinged = std::pin::pin!(async {
        ping(pool, keys, id, connection).await;
        std::future::pending().await
    });
    let eviction = select! {
        biased;
        eviction = &mut left => eviction.unwrap_or(Eviction::Drained),
        closed = &mut closed => {
            let reason = closed.reason.clone();
            keys.change(|state, now| state.lost(now, id, closed));
            // It may have left for another reason at the same moment.
            left.try_recv().unwrap_or(Eviction::Closed(reason))
        }
        () = reached(&mut phase, Phase::Closed) => Eviction::Drained,
        never = age(pool, keys, id) => never,
        never = &mut pinged => never,
    };
    pool.watcher.evicted(&keys.key, &eviction);
    // It may be that nobody listens any more.
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
}

/// Tells the state when the connection has been idle for long.
async fn age<C: Connector>(pool: &Shared<C>, keys: &Arc<KeyPool<C>>, id: u64) -> Eviction {
    // In use it cannot age; it is looked at so often that no deadline after its use is missed.
    let rest = (pool.config.max_idle / 2).max(Duration::from_millis(1));
    loop {
        let look = keys.look(|state, now| {
            let idle = state.entries.iter().find(|entry| entry.id == id && entry.is_idle());
            idle.map(|entry| entry.deadlines(&pool.config))
                .map(|(replace, evict)| if now < replace { replace } else { evict })
        });
        match look {
            Some(time) => sleep_until(time).await,
            None => sleep(rest).await,
        }
        keys.change(|state, now| state.age(now, id));
    }
}

/// Asks an idle connection for signs of life. Returns when there is none.
async fn ping<C: Connector>(pool: &Shared<C>, keys: &Arc<KeyPool<C>>, id: u64, connection: &C::Connection) {
    // Only of one that has answered does silence say that something has changed.
    let mut answered = false;
    loop {
        sleep(pool.config.ping_interval).await;
        // A connection in use shows its health to its users; full of sound, it may even be slow to answer.
        if !keys.look(|state, _| state.entries.iter().any(|entry| entry.id == id && entry.is_idle())) {
            continue;
        }
        answered |= connection.proven();
        let asked = Instant::now();
        let reason = match timeout(pool.config.ping_timeout, connection.ping()).await {
            Ok(Ok(())) => {
                let took = asked.elapsed();
                pool.watcher.pinged(&keys.key, took);
                if took < LATE {
                    answered = true;
                } else if std::mem::take(&mut answered) {
                    pool.watcher.back(&keys.key);
                }
                continue;
            }
            Ok(Err(closed)) => closed,
            Err(_) => Closed {
                reason: format!("no pong within {} ms", pool.config.ping_timeout.as_millis()),
                hopeless: false,
            },
        };
        pool.watcher.ping_failed(&keys.key, &reason.reason);
        return keys.change(|state, now| {
            state.unreachable |= answered;
            state.retire(now, id, Eviction::PingFailed, reason);
        });
    }
}

/// Takes the connection out of the state, however its guard ends.
struct Forget<'a, C: Connector> {
    keys: &'a Arc<KeyPool<C>>,
    id: u64,
}

impl<C: Connector> Drop for Forget<'_, C> {
    fn drop(&mut self) {
        self.keys.change(|state, _| state.forget(self.id));
    }
}
