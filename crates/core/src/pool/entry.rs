//! One open connection, as its key's state sees it.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{Capacity, Connection, Connector, Eviction, Lease, PoolConfig, Slot, config::after, lease::Owner};

pub(super) struct Entry<C: Connector> {
    pub(super) id: u64,
    pub(super) connection: Arc<C::Connection>,
    /// When the attempt to connect began.
    pub(super) began: Instant,
    pub(super) opened: Instant,
    /// When a place on it was last taken or given back.
    touched: Instant,
    /// Idle for so long it is to be replaced; by chance, so that those opened together do not go together.
    ages_after: Duration,
    places: usize,
    pub(super) once: bool,
    pub(super) used: usize,
    /// Nobody has been offered it yet.
    pub(super) fresh: bool,
    /// It has been idle for long: it goes when it is not missed, for this reason.
    pub(super) aging: Option<Eviction>,
    /// It gets no new users, and goes when it has no more.
    pub(super) leaving: Option<Eviction>,
    /// Tells its guard that it has left.
    pub(super) leave: oneshot::Sender<Eviction>,
}

impl<C: Connector> Entry<C> {
    pub(super) fn new(
        id: u64,
        connection: Arc<C::Connection>,
        began: Instant,
        config: &PoolConfig,
    ) -> (Self, oneshot::Receiver<Eviction>) {
        let opened = Instant::now();
        let (once, places) = match connection.capacity() {
            Capacity::Once => (true, 1),
            Capacity::Shared(places) => (false, places.get()),
        };
        let ages_after = config.max_idle.mul_f64(0.75 + 0.15 * fastrand::f64());
        let (leave, left) = oneshot::channel();
        let entry = Self {
            id,
            connection,
            began,
            opened,
            touched: opened,
            ages_after,
            places,
            once,
            used: 0,
            fresh: true,
            aging: None,
            leaving: None,
            leave,
        };
        (entry, left)
    }

    pub(super) fn places(&self) -> usize {
        self.places
    }

    /// Whether it can take one more user.
    pub(super) fn has_room(&self) -> bool {
        self.leaving.is_none() && self.used < self.places
    }

    /// Whether it counts among those kept ready.
    pub(super) fn is_ready(&self) -> bool {
        self.has_room() && self.aging.is_none()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.leaving.is_none() && self.used == 0
    }

    /// Order of preference, the least first: the least used, since those who share a connection share its fate and its
    /// bandwidth; then the one used last, since it is furthest from the far end's timeout, and the others may idle away
    /// after a burst.
    pub(super) fn preference(&self) -> (usize, std::cmp::Reverse<Instant>) {
        (self.used, std::cmp::Reverse(self.touched))
    }

    /// Takes a place. There must be room.
    pub(super) fn take(&mut self, now: Instant, owner: Arc<dyn Owner>, warm: bool) -> Lease<C> {
        self.used += 1;
        self.touched = now;
        self.aging = None;
        Lease::new(Arc::clone(&self.connection), Slot::new(owner, self.id, warm), !self.fresh)
    }

    /// Takes a place back.
    pub(super) fn give_back(&mut self, now: Instant) {
        self.used = self.used.saturating_sub(1);
        self.touched = now;
        if self.once {
            self.leaving.get_or_insert(Eviction::Used);
        }
    }

    /// When it is to be replaced, and when it has to go, if it stays idle.
    pub(super) fn deadlines(&self, config: &PoolConfig) -> (Instant, Instant) {
        (after(self.touched, self.ages_after), after(self.touched, config.max_idle))
    }
}
