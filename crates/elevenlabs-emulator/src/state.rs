//! What all connections share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audio::SAMPLE_RATES;
use crate::faults::FaultSwitches;
use crate::log::Log;
use crate::random::Random;
use crate::tones::Tables;
use crate::{Clock, Config};

pub(crate) struct State {
    pub(crate) config: Config,
    /// For everything but inactivity and late closes, which are on the clock of the configuration.
    pub(crate) real: Clock,
    pub(crate) faults: FaultSwitches,
    pub(crate) log: Log,
    pub(crate) tables: Tables,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// Requests and sockets that generate.
    pub(crate) generating: Gauge,
    /// Open WebSockets.
    pub(crate) sockets: Gauge,
    /// Open contexts, on `/stream-input` one for each socket that was written to.
    pub(crate) contexts: Gauge,
    connections: AtomicU64,
    websockets: AtomicU64,
    /// For ids and the sizes of chunks.
    random: Mutex<Random>,
}

impl State {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            real: Clock::system(),
            faults: FaultSwitches::new(config.faults.clone()),
            log: Log::new(),
            tables: Tables::new(&SAMPLE_RATES),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            generating: Gauge::default(),
            sockets: Gauge::default(),
            contexts: Gauge::default(),
            connections: AtomicU64::new(1),
            websockets: AtomicU64::new(1),
            random: Mutex::new(Random::new(config.seed)),
            config,
        }
    }

    pub(crate) fn connection_id(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn socket_id(&self) -> u64 {
        self.websockets.fetch_add(1, Ordering::Relaxed)
    }

    /// A random number below `below`, or 0.
    pub(crate) fn random(&self, below: u64) -> u64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).below(below)
    }

    /// A new id of 20 letters and digits.
    pub(crate) fn id(&self) -> String {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..20).map(|_| char::from(LETTERS[self.random(LETTERS.len() as u64) as usize])).collect()
    }

    pub(crate) fn knows_key(&self, key: &str) -> bool {
        self.config.api_keys.iter().any(|known| known == key)
    }

    pub(crate) fn knows_voice(&self, voice: &str) -> bool {
        self.config.voices.iter().any(|known| known == voice)
    }
}

/// A count of things that exist.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauge(Arc<AtomicUsize>);

impl Gauge {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Counts one more for as long as the result lives.
    pub(crate) fn up(&self) -> Counted {
        self.0.fetch_add(1, Ordering::SeqCst);
        Counted(self.0.clone())
    }

    /// The same, unless there are so many already.
    pub(crate) fn up_to(&self, most: usize) -> Option<Counted> {
        let more = |count: usize| (count < most).then_some(count + 1);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Counted(self.0.clone()))
    }
}

/// One that is counted.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
