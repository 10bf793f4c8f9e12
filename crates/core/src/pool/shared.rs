//! What all tasks of a pool share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{runtime, sync::watch};

use super::{Connector, PoolConfig, PoolWatcher, keeper, key_pool::KeyPool};

/// How far the pool's life has come. Each task holds a receiver, so the sender knows when all have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// No new leases; connections close as their slots come back.
    Draining,
    /// Connections close now.
    Closed,
}

/// Waits until the phase is `goal` or later.
pub(super) async fn reached(phase: &mut watch::Receiver<Phase>, goal: Phase) {
    // Without a sender there is no pool.
    let _ = phase.wait_for(|phase| *phase >= goal).await;
}

pub(super) struct Shared<C: Connector> {
    pub(super) connector: C,
    pub(super) config: Arc<PoolConfig>,
    pub(super) watcher: Arc<dyn PoolWatcher>,
    pub(super) runtime: runtime::Handle,
    pub(super) phase: watch::Sender<Phase>,
    keys: Mutex<HashMap<C::Key, Arc<KeyPool<C>>>>,
}

impl<C: Connector> Shared<C> {
    pub(super) fn new(connector: C, config: PoolConfig, watcher: Arc<dyn PoolWatcher>) -> Self {
        let (phase, _) = watch::channel(Phase::Open);
        let runtime = runtime::Handle::current();
        Self { connector, config: Arc::new(config.at_least()), watcher, runtime, phase, keys: Mutex::default() }
    }

    /// The connections of `key`; `None` when there are as many keys as there may be, unless it must be.
    pub(super) fn key_pool(self: &Arc<Self>, key: &C::Key, must: bool) -> Option<Arc<KeyPool<C>>> {
        let mut all = self.lock();
        if let Some(keys) = all.get(key).filter(|keys| !keys.look(|state, _| state.over)) {
            return Some(Arc::clone(keys));
        }
        if !must && all.len() >= self.config.max_keys {
            return None;
        }
        let keys = Arc::new(KeyPool::new(key.clone(), Arc::clone(&self.config)));
        all.insert(key.clone(), Arc::clone(&keys));
        if *self.phase.borrow() == Phase::Open {
            self.runtime.spawn(keeper::keep(Arc::clone(self), Arc::clone(&keys), self.phase.subscribe()));
        } else {
            keys.change(|state, _| state.close());
        }
        Some(keys)
    }

    /// All there are.
    pub(super) fn all(&self) -> Vec<Arc<KeyPool<C>>> {
        self.lock().values().map(Arc::clone).collect()
    }

    /// Forgets a key whose keeper has ended.
    pub(super) fn forget(&self, keys: &Arc<KeyPool<C>>) {
        let mut all = self.lock();
        if all.get(&keys.key).is_some_and(|current| Arc::ptr_eq(current, keys)) {
            all.remove(&keys.key);
        }
    }

    /// Moves on to `phase`; never back.
    pub(super) fn advance(&self, phase: Phase) {
        let all = {
            let keys = self.lock();
            self.phase.send_if_modified(|now| std::mem::replace(now, phase.max(*now)) < phase);
            keys.values().map(Arc::clone).collect::<Vec<_>>()
        };
        for keys in all {
            keys.change(|state, _| state.close());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<C::Key, Arc<KeyPool<C>>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
