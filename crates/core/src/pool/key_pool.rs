//! The connections of one key, behind their lock.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout},
};

use super::{
    Connector, PoolConfig, PoolError,
    lease::{Owner, Place},
    plan::Plan,
    state::{Reply, State},
};

pub(super) struct KeyPool<C: Connector> {
    pub(super) key: C::Key,
    state: Mutex<State<C>>,
    /// Tells the keeper that something happened.
    pub(super) turn: Notify,
}

impl<C: Connector> KeyPool<C> {
    pub(super) fn new(key: C::Key, config: Arc<PoolConfig>) -> Self {
        Self { key, state: Mutex::new(State::new(config)), turn: Notify::new() }
    }

    /// Reads the state.
    pub(super) fn look<T>(&self, look: impl FnOnce(&State<C>, Instant) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner), Instant::now())
    }

    /// Lets an event change the state, and does what follows from it.
    pub(super) fn change<T>(self: &Arc<Self>, event: impl FnOnce(&mut State<C>, Instant) -> T) -> T {
        let owner: Arc<dyn Owner> = Arc::clone(self) as _;
        let (value, effects) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            state.look_around(now);
            (event(&mut state, now), state.settle(now, &owner))
        };
        effects.run();
        self.turn.notify_one();
        value
    }

    /// What is to be done now. For the keeper.
    pub(super) fn plan(self: &Arc<Self>) -> Plan<C> {
        let owner: Arc<dyn Owner> = Arc::clone(self) as _;
        let (plan, effects) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            state.look_around(now);
            let effects = state.settle(now, &owner);
            (state.plan(now, &owner), effects)
        };
        effects.run();
        plan
    }

    /// Waits for a place. A lease that arrives as the wait is given up is dropped with `reply`, which frees the place.
    pub(super) async fn wait(&self, reply: oneshot::Receiver<Reply<C>>, config: &PoolConfig) -> Reply<C> {
        match timeout(config.acquire_timeout, reply).await {
            Ok(answer) => answer.unwrap_or(Err(PoolError::Closing)),
            Err(_) if self.look(|state, _| state.entries.len() >= config.max) => Err(PoolError::Exhausted),
            Err(_) => Err(PoolError::TimedOut),
        }
    }
}

impl<C: Connector> Owner for KeyPool<C> {
    fn release(self: Arc<Self>, place: Place) {
        self.change(|state, now| state.release(now, place));
    }
}
