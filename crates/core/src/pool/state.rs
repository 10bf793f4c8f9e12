//! What is known about one key, and what each event does to it. No input or output happens here.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{
    Closed, Connection, Connector, Eviction, Failure, KeyStatus, Lease, PoolConfig, PoolError,
    breaker::{BadNews, Breaker},
    config::after,
    entry::Entry,
    lease::{Owner, Place},
};

/// A handshake or a pong that takes so long has met an outage which is over now: otherwise it would be much faster.
pub(super) const LATE: Duration = Duration::from_secs(2);

pub(super) type Reply<C> = Result<Lease<C>, PoolError<<C as Connector>::Error>>;

/// A request that waits.
pub(super) struct Waiter<C: Connector> {
    pub(super) reply: oneshot::Sender<Reply<C>>,
    /// Only a connection that is opened from now on will do.
    pub(super) fresh: bool,
}

/// A connection that has just been taken in.
pub(super) struct Admitted<C: Connector> {
    pub(super) id: u64,
    pub(super) left: oneshot::Receiver<Eviction>,
    /// The place to warm it with, if it was opened for that.
    pub(super) warm: Option<Lease<C>>,
}

/// The connections of one key, and who waits for one.
pub(super) struct State<C: Connector> {
    pub(super) config: Arc<PoolConfig>,
    pub(super) entries: Vec<Entry<C>>,
    /// Those that left, until they can be let go of without the lock: a connection may hold slots of its own.
    pub(super) gone: Vec<Entry<C>>,
    pub(super) waiters: VecDeque<Waiter<C>>,
    pub(super) connecting: usize,
    /// One of these is to be warmed and thrown away, unless someone waits for it.
    pub(super) extra: bool,
    /// Places on a connection: as many as the last one had, one until there was one.
    pub(super) places: usize,
    /// Whether connections are good for one use; not known until there was one.
    pub(super) once: Option<bool>,
    pub(super) breaker: Breaker<C::Error>,
    /// Since a connection was opened last, the far end could not be reached, or one that had answered did so no more.
    pub(super) unreachable: bool,
    /// The last connection took [`LATE`] to open.
    late: bool,
    pub(super) permanent: bool,
    pub(super) used_at: Instant,
    pub(super) warmed_at: Instant,
    pub(super) warming: bool,
    pub(super) closing: bool,
    /// Its keeper has ended; a new request needs a new state.
    pub(super) over: bool,
    next_id: u64,
}

impl<C: Connector> State<C> {
    pub(super) fn new(config: Arc<PoolConfig>) -> Self {
        let now = Instant::now();
        Self {
            config,
            entries: Vec::new(),
            gone: Vec::new(),
            waiters: VecDeque::new(),
            connecting: 0,
            extra: false,
            places: 1,
            once: None,
            breaker: Breaker::new(),
            unreachable: false,
            late: false,
            permanent: false,
            used_at: now,
            warmed_at: now,
            warming: false,
            closing: false,
            over: false,
            next_id: 0,
        }
    }

    /// A request asks for a place. It is served by the `settle` that follows, or later.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        fresh: bool,
    ) -> Result<oneshot::Receiver<Reply<C>>, PoolError<C::Error>> {
        if self.closing {
            return Err(PoolError::Closing);
        }
        self.used_at = now;
        let served = !fresh && self.entries.iter().any(Entry::has_room);
        if !served || self.breaker.is_hopeless() {
            self.breaker.admit(now, self.config.backoff)?;
        }
        if !served && self.waiters.len() >= self.config.max_waiting {
            return Err(PoolError::Exhausted);
        }
        let (reply, answer) = oneshot::channel();
        self.waiters.push_back(Waiter { reply, fresh });
        Ok(answer)
    }

    /// An attempt to connect is over, in whatever way.
    pub(super) fn attempt_over(&mut self, to_warm: bool) {
        self.connecting -= 1;
        self.extra &= !to_warm;
    }

    /// Whether an attempt that succeeded and took so long says that the far end is back: it could not be reached before, or it
    /// let this one wait although it is not always late.
    pub(super) fn is_back(&mut self, took: Duration) -> bool {
        let was_late = std::mem::replace(&mut self.late, took >= LATE);
        std::mem::take(&mut self.unreachable) || (self.late && !was_late)
    }

    /// An attempt that began at `began` succeeded. With `to_warm`, the connection was opened to be warmed and thrown away.
    pub(super) fn connected(
        &mut self,
        now: Instant,
        connection: Arc<C::Connection>,
        began: Instant,
        to_warm: Option<Arc<dyn Owner>>,
    ) -> Admitted<C> {
        self.next_id += 1;
        let (mut entry, left) = Entry::new(self.next_id, connection, began, &self.config);
        self.places = entry.places();
        self.once = Some(entry.once);
        if self.closing {
            entry.leaving = Some(Eviction::Drained);
        }
        // Whoever waits comes before the warming.
        let warm =
            to_warm.filter(|_| entry.has_room() && self.waiters.is_empty()).map(|owner| entry.take(now, owner, true));
        let id = entry.id;
        self.entries.push(entry);
        Admitted { id, left, warm }
    }

    /// A slot came back.
    pub(super) fn release(&mut self, now: Instant, place: Place) {
        if !place.warm {
            self.used_at = now;
        }
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == place.connection) {
            entry.give_back(now);
            if place.spoiled {
                let reason = "found broken by its user".to_owned();
                self.retire(now, place.connection, Eviction::Spoiled, Closed { reason, hopeless: false });
            }
        }
    }

    /// A connection is found broken. It gets no new users, and goes when it has no more.
    pub(super) fn retire(&mut self, now: Instant, id: u64, eviction: Eviction, closed: Closed) {
        let Some(index) = self.entries.iter().position(|entry| entry.id == id) else { return };
        let entry = &mut self.entries[index];
        let expected = matches!(entry.leaving, Some(Eviction::Idle | Eviction::Surplus | Eviction::Drained));
        let used = eviction == Eviction::Spoiled;
        if matches!(entry.leaving, None | Some(Eviction::Used)) {
            entry.leaving = Some(eviction);
        }
        self.judge(now, index, expected, used, closed);
    }

    /// A connection ended by itself.
    pub(super) fn lost(&mut self, now: Instant, id: u64, closed: Closed) {
        let Some(index) = self.entries.iter().position(|entry| entry.id == id) else { return };
        let (expected, used) = (self.entries[index].leaving.is_some(), self.entries[index].used > 0);
        let eviction = Eviction::Closed(closed.reason.clone());
        self.judge(now, index, expected, used, closed);
        self.entries[index].leaving = Some(eviction);
        self.forget(id);
    }

    /// A connection had ended by itself before the request that got it could use it.
    pub(super) fn found_lost(&mut self, now: Instant, id: u64, closed: Closed) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
            entry.used = entry.used.saturating_sub(1);
        }
        self.lost(now, id, closed);
    }

    /// Whether the end of a connection is bad news: not when it had been of use, or had been open for long and was not
    /// `used`.
    fn judge(&mut self, now: Instant, index: usize, expected: bool, used: bool, closed: Closed) {
        let entry = &self.entries[index];
        let proven = entry.connection.proven();
        let hopeless = closed.hopeless;
        let early = now < after(entry.opened, self.config.good_after());
        if hopeless || (early || used) && !proven && !expected {
            let news = BadNews { failure: Failure::Closed(closed), hopeless, retry_after: None };
            self.breaker.failed(now, entry.began, news, self.config.backoff);
        }
    }

    /// Warming a connection failed; it had begun at `began`.
    pub(super) fn not_warmed(&mut self, now: Instant, id: u64, began: Instant, news: BadNews<C::Error>) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
            entry.leaving = Some(Eviction::Spoiled);
        }
        self.breaker.failed(now, began, news, self.config.backoff);
    }

    /// A connection has been idle for a while.
    pub(super) fn age(&mut self, now: Instant, id: u64) {
        let target = self.target(now);
        let others = self.entries.iter().filter(|entry| entry.id != id && entry.is_ready()).count();
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id && entry.is_idle()) else { return };
        let (replace, evict) = entry.deadlines(&self.config);
        if now >= replace && entry.aging.is_none() {
            entry.aging = Some(if others >= target { Eviction::Surplus } else { Eviction::Idle });
        }
        if now >= evict {
            entry.leaving = entry.aging.take();
        }
    }

    /// The guard of a connection has ended, in whatever way.
    pub(super) fn forget(&mut self, id: u64) {
        if let Some(index) = self.entries.iter().position(|entry| entry.id == id) {
            let entry = self.entries.swap_remove(index);
            self.gone.push(entry);
        }
    }

    /// The pool is being closed.
    pub(super) fn close(&mut self) {
        self.closing = true;
        for entry in &mut self.entries {
            entry.leaving.get_or_insert(Eviction::Drained);
        }
    }

    /// How many connections with a free place there should be.
    pub(super) fn target(&self, now: Instant) -> usize {
        match self.is_kept(now) && !self.closing && !self.breaker.is_hopeless() {
            true => self.config.ready,
            false => 0,
        }
    }

    /// Whether the key is kept ready.
    pub(super) fn is_kept(&self, now: Instant) -> bool {
        self.permanent || now < after(self.used_at, self.config.key_idle)
    }

    pub(super) fn status(&self, now: Instant, key: C::Key) -> KeyStatus<C::Key> {
        KeyStatus {
            key,
            ready: self.entries.iter().filter(|entry| entry.has_room()).count(),
            connecting: self.connecting,
            connections: self.entries.len(),
            in_use: self.entries.iter().map(|entry| entry.used).sum(),
            waiting: self.waiters.len(),
            proven: self.breaker.is_proven(),
            backoff: self.breaker.until(now).map(|until| until - now),
            last_error: self.breaker.last().map(ToString::to_string),
            hopeless: self.breaker.is_hopeless(),
        }
    }
}
