//! What the keeper of a key has to do now, and when to look again.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Connector, Lease, config::after, entry::Entry, lease::Owner, state::State};

/// What the keeper does next. The state counts it as begun.
pub(super) struct Plan<C: Connector> {
    /// Attempts to connect to begin.
    pub(super) connect: usize,
    pub(super) warm: Option<Warm<C>>,
    /// Look again at this time even if nothing happens.
    pub(super) wake: Option<Instant>,
    /// Nobody needs this key any more.
    pub(super) over: bool,
}

/// How the far end is made to work.
pub(super) enum Warm<C: Connector> {
    /// On this idle connection, which others may use at the same time.
    On(Lease<C>),
    /// On one more connection, which is thrown away.
    Extra,
}

impl<C: Connector> State<C> {
    pub(super) fn plan(&mut self, now: Instant, owner: &Arc<dyn Owner>) -> Plan<C> {
        let connect = self.attempts(now);
        self.connecting += connect;
        let warm = self.warm(now, owner);
        let unused = self.entries.is_empty() && self.waiters.is_empty() && self.connecting == 0;
        self.over = unused && !self.is_kept(now) && self.breaker.until(now).is_none();
        Plan { connect, warm, wake: self.wake(now), over: self.over }
    }

    /// As many attempts as those who wait and the number kept ready need, less those under way for them.
    fn attempts(&self, now: Instant) -> usize {
        if self.closing || self.breaker.until(now).is_some() {
            return 0;
        }
        let ready = self.entries.iter().filter(|entry| entry.is_ready()).count();
        // After a failure nothing is kept ready beyond one connection that has yet to show whether things work again.
        let probing = self.entries.iter().any(|entry| self.breaker.is_probe(entry.opened));
        let missing = if probing { 0 } else { self.target(now).saturating_sub(ready) };
        let wanted = self.waiters.len().div_ceil(self.places) + missing;
        // After a failure one attempt at a time, until something works again.
        let limit = if self.breaker.is_well() { self.config.storm_limit } else { 1 };
        let room = self.config.max.saturating_sub(self.entries.len() + self.connecting);
        let thrown_away = usize::from(self.extra && self.waiters.is_empty());
        let lacking = wanted.saturating_sub(self.connecting - thrown_away);
        lacking.min(limit.saturating_sub(self.connecting)).min(room)
    }

    /// When the far end is to be made to work, if at all.
    fn warm_due(&self, now: Instant) -> Option<Instant> {
        let interval = self.config.rewarm_after_idle?;
        let wanted = self.is_kept(now) && self.breaker.is_well() && !self.warming && !self.closing;
        wanted.then(|| after(self.used_at.max(self.warmed_at), interval))
    }

    fn warm(&mut self, now: Instant, owner: &Arc<dyn Owner>) -> Option<Warm<C>> {
        self.warm_due(now).filter(|due| *due <= now)?;
        if self.entries.iter().any(|entry| entry.used > 0) {
            return None;
        }
        let warm = if self.once? {
            if self.entries.len() + self.connecting >= self.config.max {
                return None;
            }
            self.connecting += 1;
            self.extra = true;
            Warm::Extra
        } else if self.config.ready == 0 {
            // Warming would keep alive what nobody keeps.
            return None;
        } else {
            let idle = self.entries.iter_mut().filter(|entry| entry.is_idle());
            Warm::On(idle.min_by_key(|entry| entry.preference())?.take(now, Arc::clone(owner), true))
        };
        self.warming = true;
        self.warmed_at = now;
        Some(warm)
    }

    fn wake(&self, now: Instant) -> Option<Instant> {
        let forgotten = (!self.permanent).then(|| after(self.used_at, self.config.key_idle));
        let lived = |entry: &Entry<C>| after(entry.opened, self.config.good_after());
        let recovered = (!self.breaker.is_well()).then(|| self.entries.iter().map(lived).filter(|at| *at > now).min());
        let times = [self.breaker.until(now), self.warm_due(now), forgotten, recovered.flatten()];
        // What is due and was not done waits for an event.
        times.into_iter().flatten().filter(|time| *time > now).min()
    }
}
