//! Whether a key may be tried now: backoff after failures, and an end to it when there is no hope.

use std::{error::Error, time::Duration};

use tokio::time::Instant;

use super::{Backoff, Failure, PoolError, config::after};

/// The bad news about one key since the last good news. Good news is real work done on a connection, or one that has
/// been open for long and is idle; a handshake is not.
pub(super) struct Breaker<E: Error + 'static> {
    trouble: Option<Trouble<E>>,
    proven: bool,
}

/// One failure.
pub(super) struct BadNews<E: Error + 'static> {
    pub(super) failure: Failure<E>,
    pub(super) hopeless: bool,
    /// How long the far end asked to be left alone.
    pub(super) retry_after: Option<Duration>,
}

struct Trouble<E: Error + 'static> {
    /// Attempts that failed to connect.
    unconnected: u32,
    /// Connections that were of no use.
    useless: u32,
    /// When the last was heard of.
    at: Instant,
    /// No attempt before.
    until: Instant,
    last: Failure<E>,
    hopeless: bool,
    /// While hopeless: no request is let through before.
    probe: Instant,
}

impl<E: Error + 'static> Breaker<E> {
    pub(super) fn new() -> Self {
        Self { trouble: None, proven: false }
    }

    /// A connection failed whose attempt began at `began`.
    pub(super) fn failed(&mut self, now: Instant, began: Instant, news: BadNews<E>, backoff: Backoff) {
        self.proven = false;
        let BadNews { failure: last, hopeless, retry_after } = news;
        let (mut unconnected, mut useless, known) = match &self.trouble {
            // One cause ends many connections together; what began before the last failure is the same news.
            Some(trouble) if began < trouble.at && (trouble.hopeless || !hopeless) => return,
            Some(trouble) => (trouble.unconnected, trouble.useless, true),
            None => (0, 0, false),
        };
        match &last {
            Failure::Connect(_) => unconnected = unconnected.saturating_add(1),
            Failure::Warm(_) | Failure::Closed(_) => useless = useless.saturating_add(1),
        }
        let until = match &last {
            _ if hopeless => after(now, backoff.useless),
            // The far end may just have restarted: whoever lost a connection may open another one at once, once.
            Failure::Closed(_) if !known => now,
            Failure::Connect(_) => {
                let least = after(now, backoff.delay(1, backoff.max));
                least.max(after(began, backoff.delay(unconnected, backoff.max)))
            }
            Failure::Warm(_) | Failure::Closed(_) => after(now, backoff.delay(useless, backoff.useless)),
        };
        let until = until.max(after(now, retry_after.unwrap_or_default().min(backoff.useless)));
        self.trouble = Some(Trouble { unconnected, useless, at: now, until, last, hopeless, probe: until });
    }

    /// Real work was done on a connection opened at `opened`.
    pub(super) fn proven(&mut self, opened: Instant) {
        // An old connection that still works says nothing about new ones.
        if self.is_well() || self.is_probe(opened) {
            self.trouble = None;
            self.proven = true;
        }
    }

    /// An idle connection opened at `opened` lived long enough. A wrong key may be noticed at the first use only.
    pub(super) fn lived(&mut self, opened: Instant) {
        if self.is_probe(opened) && !self.is_hopeless() {
            self.trouble = None;
        }
    }

    /// Whether nothing failed since the last good news.
    pub(super) fn is_well(&self) -> bool {
        self.trouble.is_none()
    }

    pub(super) fn is_proven(&self) -> bool {
        self.proven
    }

    pub(super) fn is_hopeless(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.hopeless)
    }

    /// Whether a connection opened at `opened` is newer than the last failure: what becomes of it is news.
    pub(super) fn is_probe(&self, opened: Instant) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.at < opened)
    }

    /// When the next attempt may be made, if that is not now.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.trouble.as_ref().map(|trouble| trouble.until).filter(|until| *until > now)
    }

    pub(super) fn last(&self) -> Option<&Failure<E>> {
        self.trouble.as_ref().map(|trouble| &trouble.last)
    }

    /// Whether a new request may cause an attempt. Where there is no hope one request in a while may, as a probe.
    pub(super) fn admit(&mut self, now: Instant, backoff: Backoff) -> Result<(), PoolError<E>> {
        if let Some(refusal) = self.refusal(now) {
            return Err(refusal);
        }
        match self.trouble.as_mut().filter(|trouble| trouble.hopeless) {
            Some(trouble) if trouble.probe > now => return Err(PoolError::Hopeless(trouble.last.clone())),
            Some(trouble) => trouble.probe = after(now, backoff.useless),
            None => {}
        }
        Ok(())
    }

    fn refusal(&self, now: Instant) -> Option<PoolError<E>> {
        let trouble = self.trouble.as_ref().filter(|trouble| trouble.until > now)?;
        let last = trouble.last.clone();
        Some(match trouble.hopeless {
            true => PoolError::Hopeless(last),
            false => PoolError::Backoff { after: trouble.until - now, last },
        })
    }

    /// What a request is told that waited for the attempt.
    pub(super) fn verdict(&self, now: Instant) -> Option<PoolError<E>> {
        self.refusal(now).map(|refusal| match refusal {
            PoolError::Backoff { last: Failure::Connect(error), .. } => PoolError::Connect(error),
            refusal => refusal,
        })
    }
}
