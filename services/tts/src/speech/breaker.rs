//! A circuit breaker: a provider that fails again and again is left alone for a while, so that nobody waits for it.
//!
//! One that could not be reached and whose connections succeed again is probed at once, however long the pause was to be.

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
    /// When the request began whose failure opened it, if a return of the provider after that is news. It is when it could not be
    /// reached or was silent; a refusal, or the wish to be left alone for a while, is not a matter of connections.
    returns_after: Option<Instant>,
}

/// Leave to ask the provider. Dropped without a verdict (the client hung up), it changes nothing.
pub struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
    began: Instant,
}

impl Breaker {
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, inner: Mutex::default() }
    }

    /// Whether the provider may be asked; else how long it will not be, and what it failed at last.
    pub fn pass(&self) -> Result<Pass<'_>, (Duration, ProviderFailure)> {
        let began = Instant::now();
        let mut inner = self.lock();
        let last = inner.last.unwrap_or(ProviderFailure::Unreachable);
        let Some(open) = &mut inner.open else { return Ok(Pass { breaker: self, probe: false, began }) };
        let left = open.until.saturating_duration_since(began);
        if !left.is_zero() || open.probing {
            return Err((left, last));
        }
        open.probing = true;
        Ok(Pass { breaker: self, probe: true, began })
    }

    /// The provider's connections succeed again since `at`. Returns whether that ends a pause: each return does so once, as a
    /// probe that begins after it and fails is newer.
    pub fn recovered(&self, at: Instant) -> bool {
        let (mut inner, now) = (self.lock(), Instant::now());
        let open =
            inner.open.as_mut().filter(|open| open.until > now && open.returns_after.is_some_and(|began| at > began));
        open.is_some_and(|open| {
            open.until = now;
            true
        })
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
            self.count(&mut inner, failure, retry, false, Instant::now());
        }
    }

    fn count(&self, inner: &mut Inner, failure: ProviderFailure, retry: Retry, probe: bool, began: Instant) {
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
            // With these two, "come back later" is the word of the provider's own connections, which a return takes back.
            let of_connections = matches!(failure, ProviderFailure::Unreachable | ProviderFailure::Timeout);
            let returns_after = of_connections.then_some(began);
            inner.open = Some(Opened { until: Instant::now() + pause, probing: false, returns_after });
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
            self.breaker.count(&mut inner, failure, retry, self.probe, self.began);
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
    const MS: Duration = Duration::from_millis(1);

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

    /// Open for the second time, for longer: three failures and a probe.
    async fn doubled(failure: ProviderFailure) -> Breaker {
        let breaker = Breaker::new(BreakerSettings { failures: 3, open: SECOND, longest: 100 * SECOND });
        while breaker.state() == State::Closed {
            ask(&breaker, failure);
        }
        tokio::time::advance(SECOND).await;
        ask(&breaker, failure);
        assert_eq!(breaker.state(), State::Open(2 * SECOND));
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn a_return_is_probed_at_once_and_once() {
        let breaker = doubled(ProviderFailure::Unreachable).await;
        assert!(!breaker.recovered(Instant::now() - MS), "that was before the probe");
        tokio::time::advance(MS).await;
        let back = Instant::now();
        assert!(breaker.recovered(back));
        assert_eq!(breaker.state(), State::HalfOpen);
        tokio::time::advance(MS).await;
        let probe = breaker.pass().ok().unwrap();
        assert!(breaker.pass().is_err(), "one at a time");
        assert!(!breaker.recovered(back) && breaker.pass().is_err());
        probe.failed(ProviderFailure::Timeout, Retry::Never);
        assert_eq!(breaker.state(), State::Open(4 * SECOND), "as after any probe");
        assert!(!breaker.recovered(back));
        assert_eq!(breaker.state(), State::Open(4 * SECOND));
        tokio::time::advance(MS).await;
        assert!(breaker.recovered(Instant::now()), "a further return");
        breaker.pass().ok().unwrap().began();
        assert_eq!(breaker.state(), State::Closed);
        breaker.succeeded();
        assert!(!breaker.recovered(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_from_before_the_return_does_not_disprove_it() {
        let breaker = doubled(ProviderFailure::Unreachable).await;
        tokio::time::advance(2 * SECOND).await;
        let probe = breaker.pass().ok().unwrap();
        tokio::time::advance(MS).await;
        let back = Instant::now();
        assert!(!breaker.recovered(back), "half open already");
        tokio::time::advance(MS).await;
        probe.failed(ProviderFailure::Timeout, Retry::Fresh);
        assert_eq!(breaker.state(), State::Open(4 * SECOND));
        assert!(breaker.recovered(back));
        assert_eq!(breaker.state(), State::HalfOpen);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_does_not_take_back_what_was_refused() {
        for failure in [ProviderFailure::Refused, ProviderFailure::Busy, ProviderFailure::Broken] {
            let breaker = doubled(failure).await;
            tokio::time::advance(MS).await;
            assert!(!breaker.recovered(Instant::now()), "{failure:?}");
        }
        for (failure, back) in [(ProviderFailure::Busy, false), (ProviderFailure::Unreachable, true)] {
            let breaker = breaker();
            breaker.pass().ok().unwrap().failed(failure, Retry::After(2 * SECOND));
            tokio::time::advance(MS).await;
            assert_eq!(breaker.recovered(Instant::now()), back, "{failure:?}");
        }
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
