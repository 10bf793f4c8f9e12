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

struct Trouble<E: Error + 'static> {
    /// In a row.
    failures: u32,
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
    pub(super) fn failed(&mut self, now: Instant, began: Instant, last: Failure<E>, hopeless: bool, backoff: Backoff) {
        self.proven = false;
        let (failures, known) = match &mut self.trouble {
            // One cause ends many connections together; what began before the last failure is the same news.
            Some(trouble) if began < trouble.at && (trouble.hopeless || !hopeless) => return,
            Some(trouble) => (trouble.failures.saturating_add(1), true),
            None => (1, false),
        };
        let delay = match &last {
            _ if hopeless => backoff.max,
            // The far end may just have restarted: whoever lost a connection may open another one at once, once.
            Failure::Closed(_) if !known => Duration::ZERO,
            _ => backoff.delay(failures),
        };
        let until = after(now, delay);
        self.trouble = Some(Trouble { failures, at: now, until, last, hopeless, probe: until });
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
            Some(trouble) => trouble.probe = after(now, backoff.max),
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
