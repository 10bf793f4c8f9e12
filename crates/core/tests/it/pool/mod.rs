//! The connection pool against a far end in memory. Time is paused: minutes pass in no time.

mod back;
mod closing;
mod failures;
mod idle;
mod random;
mod ready;
mod sharing;
mod waiting;
mod warming;

use std::{
    error::Error,
    fmt::Debug,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use evervoice_core::pool::{
    Backoff, Capacity, Closed, Connection, Connector, Eviction, KeyStatus, Lease, Pool, PoolConfig, PoolWatcher, Slot,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

const KEY: &str = "key";
const HANDSHAKE: Duration = Duration::from_millis(100);

/// The far end: what it does, and what it has seen.
#[derive(Clone)]
struct FarEnd(Arc<Inner>);

struct Inner {
    behaviour: Mutex<Behaviour>,
    lines: Mutex<Vec<Arc<Line>>>,
    attempts: Mutex<Vec<Instant>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    pings: AtomicUsize,
    warmings: AtomicUsize,
    events: Mutex<Vec<(Instant, String)>>,
}

#[derive(Clone)]
struct Behaviour {
    capacity: Capacity,
    handshake: Duration,
    refuses: Option<Refused>,
    /// Closes connections so long after the handshake.
    closes: Option<(Duration, Closed)>,
    pongs: bool,
    warms: Warms,
}

#[derive(Clone, Copy, PartialEq)]
enum Warms {
    After(Duration),
    Fails,
    Hangs,
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("refused")]
struct Refused {
    hopeless: bool,
    retry_after: Option<Duration>,
}

const REFUSED: Refused = Refused { hopeless: false, retry_after: None };

/// A connection to the far end.
struct Line {
    number: usize,
    far: FarEnd,
    opened: Instant,
    capacity: Capacity,
    closed: watch::Sender<Option<Closed>>,
    proven: AtomicBool,
}

#[async_trait]
impl Connector for FarEnd {
    type Key = &'static str;
    type Connection = Handset;
    type Error = Refused;

    async fn connect(&self, _key: &Self::Key) -> Result<Handset, Refused> {
        let inner = &self.0;
        inner.attempts.lock().unwrap().push(Instant::now());
        let under_way = CountDown(&inner.under_way);
        inner.most_under_way.fetch_max(inner.under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        sleep(self.behaviour().handshake).await;
        drop(under_way);
        let behaviour = self.behaviour();
        if let Some(refused) = behaviour.refuses {
            return Err(refused);
        }
        let mut lines = inner.lines.lock().unwrap();
        let line = Arc::new(Line {
            number: lines.len(),
            far: self.clone(),
            opened: Instant::now(),
            capacity: behaviour.capacity,
            closed: watch::channel(None).0,
            proven: AtomicBool::new(false),
        });
        lines.push(Arc::clone(&line));
        if let Some((after, closed)) = behaviour.closes {
            let line = Arc::clone(&line);
            tokio::spawn(async move {
                sleep(after).await;
                line.hang_up(closed);
            });
        }
        Ok(Handset(line))
    }

    async fn warm(&self, connection: &Handset, slot: Slot) -> Result<(), Refused> {
        self.0.warmings.fetch_add(1, Ordering::SeqCst);
        let _slot = slot;
        match self.behaviour().warms {
            Warms::After(time) => sleep(time).await,
            Warms::Fails => return Err(REFUSED),
            Warms::Hangs => std::future::pending().await,
        }
        connection.0.proven.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn hopeless(&self, error: &Refused) -> bool {
        error.hopeless
    }

    fn retry_after(&self, error: &Refused) -> Option<Duration> {
        error.retry_after
    }
}

struct CountDown<'a>(&'a AtomicUsize);

impl Drop for CountDown<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Our side of a line. Dropping it hangs up.
struct Handset(Arc<Line>);

impl Drop for Handset {
    fn drop(&mut self) {
        self.0.hang_up(closed("dropped"));
    }
}

#[async_trait]
impl Connection for Handset {
    fn capacity(&self) -> Capacity {
        self.0.capacity
    }

    async fn closed(&self) -> Closed {
        let mut closed = self.0.closed.subscribe();
        let closed = closed.wait_for(Option::is_some).await.unwrap().clone();
        closed.unwrap()
    }

    fn proven(&self) -> bool {
        self.0.proven.load(Ordering::SeqCst)
    }

    async fn ping(&self) -> Result<(), Closed> {
        self.0.far.0.pings.fetch_add(1, Ordering::SeqCst);
        match self.0.far.behaviour().pongs {
            true => Ok(()),
            false => std::future::pending().await,
        }
    }

    async fn close(&self) {
        self.0.hang_up(closed("closed by us"));
    }
}

impl Line {
    fn hang_up(&self, closed: Closed) {
        self.closed.send_if_modified(|state| state.is_none().then(|| *state = Some(closed)).is_some());
    }

    fn is_open(&self) -> bool {
        self.closed.borrow().is_none()
    }
}

fn closed(reason: &str) -> Closed {
    Closed { reason: reason.into(), hopeless: false }
}

fn shared(places: usize) -> Capacity {
    Capacity::Shared(NonZeroUsize::new(places).unwrap())
}

impl FarEnd {
    fn new(capacity: Capacity) -> Self {
        let warms = Warms::After(Duration::from_millis(200));
        let behaviour = Behaviour { capacity, handshake: HANDSHAKE, refuses: None, closes: None, pongs: true, warms };
        Self(Arc::new(Inner {
            behaviour: Mutex::new(behaviour),
            lines: Mutex::default(),
            attempts: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            pings: AtomicUsize::new(0),
            warmings: AtomicUsize::new(0),
            events: Mutex::default(),
        }))
    }

    fn start(&self, config: PoolConfig) -> Pool<Self> {
        Pool::start(self.clone(), config, Arc::new(self.clone()))
    }

    fn behaviour(&self) -> Behaviour {
        self.0.behaviour.lock().unwrap().clone()
    }

    fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.0.behaviour.lock().unwrap());
    }

    fn refuse(&self, refuses: bool) {
        self.change(|behaviour| behaviour.refuses = refuses.then_some(REFUSED));
    }

    fn attempts(&self) -> usize {
        self.0.attempts.lock().unwrap().len()
    }

    /// Times of the attempts, in ms since the first.
    fn attempt_times(&self) -> Vec<u128> {
        let attempts = self.0.attempts.lock().unwrap();
        attempts.iter().map(|at| at.duration_since(attempts[0]).as_millis()).collect()
    }

    fn warmings(&self) -> usize {
        self.0.warmings.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    fn open(&self) -> Vec<Arc<Line>> {
        self.0.lines.lock().unwrap().iter().filter(|line| line.is_open()).cloned().collect()
    }

    /// How often an event was told whose name begins so.
    fn told(&self, name: &str) -> usize {
        self.0.events.lock().unwrap().iter().filter(|(_, event)| event.starts_with(name)).count()
    }

    fn tell(&self, event: String) {
        self.0.events.lock().unwrap().push((Instant::now(), event));
    }
}

impl PoolWatcher for FarEnd {
    fn connect_start(&self, _key: &dyn Debug) {
        self.tell("connect_start".into());
    }
    fn connected(&self, _key: &dyn Debug, _took: Duration) {
        self.tell("connected".into());
    }
    fn connect_failed(&self, _key: &dyn Debug, error: &dyn Error) {
        self.tell(format!("connect_failed {error}"));
    }
    fn back(&self, _key: &dyn Debug) {
        self.tell("back".into());
    }
    fn evicted(&self, _key: &dyn Debug, reason: &Eviction) {
        self.tell(format!("evicted {}", reason.label()));
    }
    fn pinged(&self, _key: &dyn Debug, _took: Duration) {
        self.tell("pinged".into());
    }
    fn ping_failed(&self, _key: &dyn Debug, reason: &str) {
        self.tell(format!("ping_failed {reason}"));
    }
    fn warmed(&self, _key: &dyn Debug, _took: Duration) {
        self.tell("warmed".into());
    }
    fn warm_failed(&self, _key: &dyn Debug, reason: &str) {
        self.tell(format!("warm_failed {reason}"));
    }
    fn acquired(&self, _key: &dyn Debug, waited: bool, took: Duration) {
        self.tell(format!("acquired {waited} {}", took.as_millis()));
    }
}

fn config() -> PoolConfig {
    PoolConfig {
        ready: 1,
        max: 64,
        max_idle: secs(135),
        ping_interval: secs(15),
        ping_timeout: secs(5),
        rewarm_after_idle: None,
        warm_timeout: secs(10),
        key_idle: secs(600),
        backoff: Backoff { min: Duration::from_millis(200), ..Backoff::default() },
        good_after: secs(60),
        storm_limit: 8,
        acquire_timeout: secs(10),
        max_waiting: 1000,
        max_keys: 16,
    }
}

/// As for a far end that closes idle connections after 20 s: none lives as long as one must to be good.
fn short_lived() -> PoolConfig {
    let backoff = Backoff::default();
    PoolConfig { ready: 2, max_idle: secs(15), rewarm_after_idle: Some(secs(600)), backoff, ..config() }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn wait_ms(ms: u64) {
    sleep(Duration::from_millis(ms)).await;
}

/// The state of the only key.
fn status(pool: &Pool<FarEnd>) -> KeyStatus<&'static str> {
    pool.status().into_iter().next().expect("a key")
}

fn number(lease: &Lease<FarEnd>) -> usize {
    lease.connection().0.number
}

/// As the far end does real work on the connection.
fn use_it(lease: &Lease<FarEnd>) {
    lease.connection().0.proven.store(true, Ordering::SeqCst);
}
