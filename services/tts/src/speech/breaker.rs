//! A circuit breaker: a provider that fails again and again is left alone for a while, so that nobody waits for it.

use std::{sync::Mutex, time::Duration};

use evervoice_core::{fault::Retry, tts::ProviderFailure};
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
    /// How long it was open last, until an utterance has ended whole.
    pause: Option<Duration>,
    last: Option<ProviderFailure>,
}

struct Opened {
    until: Instant,
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

    /// An utterance ended whole.
    pub fn succeeded(&self) {
        let mut inner = self.lock();
        // One that began before it opened does not close it: that is for the probe.
        if inner.open.is_none() {
            (inner.failures, inner.pause) = (0, None);
        }
    }

    /// An utterance failed after its first sound. `retry` is what the provider says of coming back.
    pub fn failed_within(&self, failure: ProviderFailure, retry: Retry) {
        let mut inner = self.lock();
        inner.last = Some(failure);
        // Those that were under way when it opened say nothing new.
        if inner.open.is_none() {
            self.count(&mut inner, failure, retry, false);
        }
    }

    fn count(&self, inner: &mut Inner, failure: ProviderFailure, retry: Retry, probe: bool) {
        inner.failures += 1;
        inner.last = Some(failure);
        let told = match retry {
            Retry::After(pause) => Some(pause.min(self.settings.longest)),
            _ => None,
        };
        // A refusal does not go away by asking again.
        let enough = probe || inner.failures >= self.settings.failures || failure == ProviderFailure::Refused;
        if enough || told.is_some() {
            let next = inner.pause.map_or(self.settings.open, |pause| (pause * 2).min(self.settings.longest));
            let pause = told.filter(|_| !enough).unwrap_or(next.max(told.unwrap_or_default()));
            inner.pause = Some(pause);
            inner.open = Some(Opened { until: Instant::now() + pause, probing: false });
        }
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

impl Pass<'_> {
    /// The provider has made its first sound. Only a whole utterance makes it sound again: until then one failure opens the
    /// breaker again, for longer.
    pub fn began(self) {
        if self.probe {
            let mut inner = self.breaker.lock();
            inner.open = None;
            inner.failures = self.breaker.settings.failures.saturating_sub(1);
        }
    }

    /// The provider has failed before its first sound. `retry` is what it says of coming back.
    pub fn failed(self, failure: ProviderFailure, retry: Retry) {
        let mut inner = self.breaker.lock();
        // Of those that were let through before it opened, one has opened it.
        if self.probe || inner.open.is_none() {
            self.breaker.count(&mut inner, failure, retry, self.probe);
        }
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

    fn ask(breaker: &Breaker, failure: ProviderFailure) {
        breaker.pass().ok().unwrap().failed(failure, Retry::Never);
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_not_before() {
        let breaker = breaker();
        for _ in 0..2 {
            ask(&breaker, ProviderFailure::Timeout);
        }
        breaker.succeeded();
        for _ in 0..2 {
            ask(&breaker, ProviderFailure::Timeout);
            assert_eq!(breaker.state(), State::Closed);
        }
        ask(&breaker, ProviderFailure::Timeout);
        assert_eq!(breaker.pass().err(), Some((SECOND, ProviderFailure::Timeout)));
        assert_eq!(breaker.state(), State::Open(SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_decides() {
        let breaker = breaker();
        ask(&breaker, ProviderFailure::Refused);
        tokio::time::advance(SECOND).await;
        assert_eq!(breaker.state(), State::HalfOpen);
        let probe = breaker.pass().ok().unwrap();
        assert!(breaker.pass().is_err(), "one at a time");
        drop(probe);
        ask(&breaker, ProviderFailure::Busy);
        assert_eq!(breaker.pass().err(), Some((2 * SECOND, ProviderFailure::Busy)), "twice as long");
        tokio::time::advance(2 * SECOND).await;
        ask(&breaker, ProviderFailure::Busy);
        assert_eq!(breaker.state(), State::Open(3 * SECOND), "never longer than the longest");
        tokio::time::advance(3 * SECOND).await;
        breaker.pass().ok().unwrap().began();
        assert_eq!(breaker.state(), State::Closed);
        breaker.succeeded();
        ask(&breaker, ProviderFailure::Busy);
        assert_eq!(breaker.state(), State::Closed, "all is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_only_begins_is_not_back() {
        let breaker = breaker();
        for _ in 0..3 {
            assert_eq!(breaker.state(), State::Closed);
            breaker.pass().ok().unwrap().began();
            breaker.failed_within(ProviderFailure::Unreachable, Retry::Fresh);
        }
        assert_eq!(breaker.state(), State::Open(SECOND));
        tokio::time::advance(SECOND).await;
        breaker.pass().ok().unwrap().began();
        breaker.failed_within(ProviderFailure::Unreachable, Retry::Fresh);
        assert_eq!(breaker.state(), State::Open(2 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn stragglers_decide_nothing() {
        let breaker = breaker();
        let passes: Vec<_> = (0..20).map(|_| breaker.pass().ok().unwrap()).collect();
        for pass in passes {
            pass.failed(ProviderFailure::Unreachable, Retry::Never);
        }
        assert_eq!(breaker.state(), State::Open(SECOND));
        tokio::time::advance(SECOND).await;
        breaker.failed_within(ProviderFailure::Unreachable, Retry::Never);
        breaker.succeeded();
        assert_eq!(breaker.state(), State::HalfOpen);
    }

    #[tokio::test(start_paused = true)]
    async fn when_to_come_back_is_heeded() {
        let breaker = breaker();
        breaker.pass().ok().unwrap().failed(ProviderFailure::Busy, Retry::After(2 * SECOND));
        assert_eq!(breaker.state(), State::Open(2 * SECOND));
        tokio::time::advance(2 * SECOND).await;
        breaker.pass().ok().unwrap().failed(ProviderFailure::Busy, Retry::After(100 * SECOND));
        assert_eq!(breaker.state(), State::Open(3 * SECOND), "within reason");
    }
}
