//! A circuit breaker: a provider that fails again and again is left alone for a while, so that nobody waits for it.

use std::{sync::Mutex, time::Duration};

use evervoice_core::tts::ProviderFailure;
use tokio::time::Instant;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open the first time. Each probe that fails doubles it.
    pub open: Duration,
    /// Longest time that it stays open.
    pub longest: Duration,
}

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Everything.
    Closed,
    /// Nothing, for so long.
    Open(Duration),
    /// One request, to see whether the provider is back.
    HalfOpen,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The breaker of one provider.
pub struct Breaker {
    settings: BreakerSettings,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    failures: u32,
    /// Set while it is not closed.
    open: Option<Opened>,
    last: Option<ProviderFailure>,
}

struct Opened {
    until: Instant,
    pause: Duration,
    probing: bool,
}

/// Leave to ask the provider. Dropped without a verdict (the client hung up), it changes nothing.
pub struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Breaker {
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, inner: Mutex::default() }
    }

    /// Whether the provider may be asked; else how long it will not be, and what it failed at last.
    pub fn pass(&self) -> Result<Pass<'_>, (Duration, ProviderFailure)> {
        let mut inner = self.lock();
        let last = inner.last.unwrap_or(ProviderFailure::Unreachable);
        let Some(open) = &mut inner.open else { return Ok(Pass { breaker: self, probe: false }) };
        let left = open.until.saturating_duration_since(Instant::now());
        if !left.is_zero() || open.probing {
            return Err((left, last));
        }
        open.probing = true;
        Ok(Pass { breaker: self, probe: true })
    }

    /// The provider spoke.
    pub fn succeeded(&self) {
        let mut inner = self.lock();
        inner.failures = 0;
        inner.open = None;
    }

    /// The provider failed.
    pub fn failed(&self, failure: ProviderFailure) {
        let mut inner = self.lock();
        inner.failures += 1;
        inner.last = Some(failure);
        // A refusal does not go away by asking again.
        let enough = inner.failures >= self.settings.failures || failure == ProviderFailure::Refused;
        let now = Instant::now();
        let pause = match &inner.open {
            // Those that were under way when it opened say nothing new.
            Some(open) if !open.probing && open.until > now => return,
            Some(open) => (open.pause * 2).min(self.settings.longest),
            None if enough => self.settings.open,
            None => return,
        };
        inner.open = Some(Opened { until: now + pause, pause, probing: false });
    }

    pub fn state(&self) -> State {
        match &self.lock().open {
            None => State::Closed,
            Some(open) => match open.until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => State::HalfOpen,
                left => State::Open(left),
            },
        }
    }

    /// What it failed at last, and how often in a row.
    pub fn last_failure(&self) -> (Option<ProviderFailure>, u32) {
        let inner = self.lock();
        (inner.last, inner.failures)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // A probe without a verdict leaves the question open for the next one.
        if self.probe
            && let Some(open) = &mut self.breaker.lock().open
        {
            open.probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> Breaker {
        Breaker::new(BreakerSettings { failures: 3, open: SECOND, longest: 3 * SECOND })
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_not_before() {
        let breaker = breaker();
        for _ in 0..2 {
            breaker.failed(ProviderFailure::Timeout);
        }
        breaker.succeeded();
        for _ in 0..2 {
            breaker.failed(ProviderFailure::Timeout);
            assert!(breaker.pass().is_ok());
        }
        breaker.failed(ProviderFailure::Timeout);
        assert_eq!(breaker.pass().err(), Some((SECOND, ProviderFailure::Timeout)));
        assert_eq!(breaker.state(), State::Open(SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_decides() {
        let breaker = breaker();
        breaker.failed(ProviderFailure::Refused);
        tokio::time::advance(SECOND).await;
        assert_eq!(breaker.state(), State::HalfOpen);
        let probe = breaker.pass().ok().unwrap();
        assert!(breaker.pass().is_err(), "one at a time");
        drop(probe);
        let probe = breaker.pass().ok().expect("a probe that was given up decides nothing");
        breaker.failed(ProviderFailure::Busy);
        drop(probe);
        assert_eq!(breaker.pass().err(), Some((2 * SECOND, ProviderFailure::Busy)), "twice as long");
        tokio::time::advance(2 * SECOND).await;
        breaker.failed(ProviderFailure::Busy);
        assert_eq!(breaker.state(), State::Open(3 * SECOND), "never longer than the longest");
        tokio::time::advance(3 * SECOND).await;
        let probe = breaker.pass().ok().unwrap();
        breaker.succeeded();
        drop(probe);
        assert_eq!(breaker.state(), State::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn stragglers_do_not_prolong_it() {
        let breaker = breaker();
        for _ in 0..20 {
            breaker.failed(ProviderFailure::Unreachable);
        }
        assert_eq!(breaker.state(), State::Open(SECOND));
    }
}
