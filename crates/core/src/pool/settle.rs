//! What follows from the state after every event: who is served, who is refused, which connections go.

use std::sync::Arc;

use tokio::{sync::oneshot, time::Instant};

use super::{
    Connection, Connector, Eviction, PoolError,
    config::after,
    entry::Entry,
    lease::Owner,
    state::{Reply, State},
};

/// What is to be done once the lock is free: a reply that nobody takes gives its slot back, which needs the lock, and a
/// connection that is let go of may drop slots.
#[must_use]
pub(super) struct Effects<C: Connector> {
    replies: Vec<(oneshot::Sender<Reply<C>>, Reply<C>)>,
    gone: Vec<Entry<C>>,
}

impl<C: Connector> Effects<C> {
    pub(super) fn run(self) {
        for (waiter, reply) in self.replies {
            // Whoever stopped waiting returns the lease by dropping it.
            let _ = waiter.send(reply);
        }
        for entry in self.gone {
            // A guard that is gone has closed the connection.
            let _ = entry.leave.send(entry.leaving.unwrap_or(Eviction::Drained));
        }
    }
}

impl<C: Connector> State<C> {
    pub(super) fn settle(&mut self, now: Instant, owner: &Arc<dyn Owner>) -> Effects<C> {
        let mut effects = Effects { replies: Vec::new(), gone: std::mem::take(&mut self.gone) };
        self.serve(now, owner, &mut effects);
        self.refuse(now, &mut effects);
        self.thin_out(now);
        effects.gone.extend(self.entries.extract_if(.., |entry| entry.leaving.is_some() && entry.used == 0));
        for entry in &mut self.entries {
            entry.fresh = false;
        }
        effects
    }

    /// Notices what nobody tells: who waits no more, which connections have been of use or have lived long. To be done
    /// before any event.
    pub(super) fn look_around(&mut self, now: Instant) {
        self.waiters.retain(|waiter| !waiter.reply.is_closed());
        for entry in &self.entries {
            if entry.connection.proven() {
                self.breaker.proven(entry.opened);
            } else if entry.is_idle() && now >= after(entry.opened, self.config.good_after()) {
                // One in use has yet to show what it is good for.
                self.breaker.lived(entry.opened);
            }
        }
    }

    /// Gives free places to those who wait, first come first served.
    fn serve(&mut self, now: Instant, owner: &Arc<dyn Owner>, effects: &mut Effects<C>) {
        for waiter in std::mem::take(&mut self.waiters) {
            let fits = |entry: &&mut Entry<C>| entry.has_room() && (entry.fresh || !waiter.fresh);
            match self.entries.iter_mut().filter(fits).min_by_key(|entry| entry.preference()) {
                Some(entry) => effects.replies.push((waiter.reply, Ok(entry.take(now, Arc::clone(owner), false)))),
                None => self.waiters.push_back(waiter),
            }
        }
    }

    /// Sends those away for whom there will be no connection soon: all but as many as the attempts under way can serve, the
    /// last come first.
    fn refuse(&mut self, now: Instant, effects: &mut Effects<C>) {
        let Some(error) = (if self.closing { Some(PoolError::Closing) } else { self.breaker.verdict(now) }) else {
            return;
        };
        let hopeful = if self.closing { 0 } else { self.connecting * self.places };
        let sent_away = self.waiters.split_off(hopeful.min(self.waiters.len()));
        effects.replies.extend(sent_away.into_iter().map(|waiter| (waiter.reply, Err(error.clone()))));
    }

    /// Lets those go that have been idle for long, once they are not missed.
    fn thin_out(&mut self, now: Instant) {
        let ready = self.entries.iter().filter(|entry| entry.is_ready()).count();
        if ready >= self.target(now) {
            for entry in self.entries.iter_mut().filter(|entry| entry.is_idle()) {
                entry.leaving = entry.aging.take();
            }
        }
        // With no hope they are all as bad; a probe is made with a new one.
        if self.breaker.is_hopeless() {
            for entry in self.entries.iter_mut().filter(|entry| !self.breaker.is_probe(entry.opened)) {
                entry.leaving.get_or_insert(Eviction::Surplus);
            }
        }
        // A fresh connection is wanted and there may be no more: an idle one makes room.
        let wanted = self.connecting == 0 && self.waiters.iter().any(|waiter| waiter.fresh);
        if wanted && self.entries.len() >= self.config.max {
            let idle = self.entries.iter_mut().filter(|entry| entry.is_idle());
            if let Some(entry) = idle.max_by_key(|entry| entry.preference()) {
                entry.leaving = Some(Eviction::Surplus);
            }
        }
    }
}
