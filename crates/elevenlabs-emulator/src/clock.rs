//! Time that can be moved: timers of the protocol (inactivity, late close) run on a [`Clock`], so that ten idle minutes
//! need not be waited for.
//!
//! Timers fire within about 0.1 ms. The runtime's own have a grain of a millisecond, which is too coarse to simulate a
//! network with; so one thread per clock waits instead.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A clock that can be set ahead. Cloning it gives another hand on the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// None: the clock only moves when told to.
    started: Option<Instant>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    ahead: Duration,
    sleepers: BTreeMap<(Duration, u64), Waker>,
    next_id: u64,
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl Clock {
    /// A clock that runs. [`Clock::advance`] sets it ahead.
    pub fn system() -> Self {
        let clock =
            Self(Arc::new(Inner { started: Some(Instant::now()), queue: Mutex::default(), changed: Condvar::new() }));
        let inner = Arc::downgrade(&clock.0);
        // Without its thread the clock would never wake anybody; a machine that cannot start one cannot run tests either.
        std::thread::Builder::new().name("emulator-clock".into()).spawn(move || keep(inner)).expect("a thread starts");
        clock
    }

    /// A clock that stands still until [`Clock::advance`].
    pub fn manual() -> Self {
        Self(Arc::new(Inner { started: None, queue: Mutex::default(), changed: Condvar::new() }))
    }

    /// Time since the clock was made.
    pub fn now(&self) -> Duration {
        self.0.now(&self.0.lock())
    }

    /// Sets the clock ahead and wakes whom that concerns.
    pub fn advance(&self, by: Duration) {
        let due = {
            let mut queue = self.0.lock();
            queue.ahead += by;
            self.0.take_due(&mut queue)
        };
        due.into_iter().for_each(Waker::wake);
        self.0.changed.notify_one();
    }

    pub(crate) fn sleep_until(&self, due: Duration) -> Sleep {
        Sleep { clock: self.clone(), due, key: None }
    }

    pub(crate) fn sleep(&self, time: Duration) -> Sleep {
        self.sleep_until(self.now() + time)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self, queue: &Queue) -> Duration {
        self.started.map_or(Duration::ZERO, |started| started.elapsed()) + queue.ahead
    }

    fn take_due(&self, queue: &mut Queue) -> Vec<Waker> {
        let now = self.now(queue);
        let mut due = Vec::new();
        while let Some(first) = queue.sleepers.first_entry().filter(|first| first.key().0 <= now) {
            due.push(first.remove());
        }
        due
    }
}

/// The clock's thread: ends when the last hand on the clock is gone.
fn keep(inner: Weak<Inner>) {
    // The longest that a clock outlives its owners.
    const LOOK: Duration = Duration::from_millis(200);
    while let Some(inner) = inner.upgrade() {
        let mut queue = inner.lock();
        let due = inner.take_due(&mut queue);
        if due.is_empty() {
            let now = inner.now(&queue);
            let wait = queue.sleepers.first_key_value().map_or(LOOK, |(key, _)| key.0.saturating_sub(now).min(LOOK));
            drop(inner.changed.wait_timeout(queue, wait));
        } else {
            drop(queue);
            due.into_iter().for_each(Waker::wake);
        }
    }
}

/// Waits for a time on a clock.
#[derive(Debug)]
pub(crate) struct Sleep {
    clock: Clock,
    due: Duration,
    key: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let inner = &this.clock.0;
        let mut queue = inner.lock();
        if let Some(key) = this.key.take() {
            queue.sleepers.remove(&key);
        }
        if inner.now(&queue) >= this.due {
            return Poll::Ready(());
        }
        let key = (this.due, queue.next_id);
        queue.next_id += 1;
        queue.sleepers.insert(key, context.waker().clone());
        this.key = Some(key);
        let earliest = queue.sleepers.first_key_value().is_some_and(|(first, _)| *first == key);
        drop(queue);
        if earliest && inner.started.is_some() {
            inner.changed.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.clock.0.lock().sleepers.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual();
        let sleeping = tokio::spawn(clock.sleep(Duration::from_secs(600)));
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(599));
        tokio::task::yield_now().await;
        assert!(!sleeping.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeping.await.expect("it wakes");
        assert_eq!(clock.now(), Duration::from_secs(600));
    }

    #[tokio::test]
    async fn a_system_clock_wakes_in_order_and_can_be_set_ahead() {
        let clock = Clock::system();
        let start = Instant::now();
        clock.sleep(Duration::from_millis(5)).await;
        assert!(start.elapsed() >= Duration::from_millis(5));
        let sleeping = tokio::spawn(clock.sleep(Duration::from_secs(600)));
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(600));
        sleeping.await.expect("it wakes");
    }

    #[tokio::test]
    async fn many_sleepers_all_wake() {
        let clock = Clock::system();
        let sleepers: Vec<_> =
            (0..20_000).map(|n| tokio::spawn(clock.sleep(Duration::from_micros(n * 7 % 50_000)))).collect();
        for sleeper in sleepers {
            tokio::time::timeout(Duration::from_secs(20), sleeper).await.expect("it wakes").expect("it ends");
        }
    }
}
