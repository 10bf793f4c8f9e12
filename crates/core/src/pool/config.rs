//! How many connections are kept, for how long, and how hard they are tried.

use std::time::Duration;

use tokio::time::Instant;

/// How a [`Pool`](super::Pool) behaves. All limits but `max_keys` are per key.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Open connections kept with at least one free place; 0 connects on demand.
    pub ready: usize,
    /// Connections at most. Should exceed `ready`, or an old one cannot be replaced before it goes.
    pub max: usize,
    /// How long a connection may lie idle at most; meant to be 75 % of what the far end allows. After 75 % to 90 % of it
    /// (drawn for each connection), so 56 % to 68 % of what the far end allows, a connection no longer counts among the
    /// `ready` ones, and another one is opened if that leaves too few. It still takes requests, which make it count again;
    /// it closes as soon as there are `ready` others, and at the latest when all of `max_idle` has passed.
    pub max_idle: Duration,
    /// Idle connections are asked for a sign of life so often; no less often than every half of `max_idle`, as they would
    /// be gone before they were asked.
    pub ping_interval: Duration,
    /// How long they may take to give one.
    pub ping_timeout: Duration,
    /// After so long without any use the far end is made to work once in the background; `None` never does.
    pub rewarm_after_idle: Option<Duration>,
    /// How long that may take.
    pub warm_timeout: Duration,
    /// A key that nobody asked for so long is no longer kept ready, unless it was given to [`keep`](super::Pool::keep).
    pub key_idle: Duration,
    /// Delays after failures.
    pub backoff: Backoff,
    /// How long a connection must stay open before it counts as good although nobody has used it, unless half of `max_idle`
    /// is shorter: idle connections do not live much longer than that. A far end that finds fault with a key only after the
    /// handshake must have had the time to say so.
    pub good_after: Duration,
    /// Attempts to connect that may run at the same time.
    pub storm_limit: usize,
    /// How long a request may wait for a connection.
    pub acquire_timeout: Duration,
    /// Requests that may wait at the same time.
    pub max_waiting: usize,
    /// Keys at most; those given to [`keep`](super::Pool::keep) are always taken.
    pub max_keys: usize,
}

/// Delays after failures in a row: the n-th lies between `min` × 2ⁿ⁻¹ and twice that, by chance, so that many who failed
/// together do not come back together; from some n on it lies between half of the longest and the longest.
///
/// There are two longest delays, as there are two kinds of failure, counted apart. A far end that cannot be reached is tried
/// every few seconds: that costs nobody anything, and its return is noticed soon. One that takes connections which then are of
/// no use may dislike the key, and a wrong key that is tried every few seconds could get an account locked.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The shortest delay.
    pub min: Duration,
    /// The longest delay after attempts that failed to connect, from the beginning of the last one: the time that an attempt
    /// waits in vain is a delay too.
    pub max: Duration,
    /// The longest delay after connections that ended or could not be warmed before they were of any use, and each delay where
    /// there is no hope. Also the longest one that a far end may [ask for](super::Connector::retry_after).
    pub useless: Duration,
}

impl Backoff {
    /// The delay after so many failures in a row.
    pub(super) fn delay(self, failures: u32, longest: Duration) -> Duration {
        let most = self.min.saturating_mul(2u32.saturating_pow(failures)).min(longest);
        let least = (most / 2).max(self.min).min(most);
        least + (most - least).mul_f64(fastrand::f64())
    }
}

impl PoolConfig {
    /// How long a connection must stay open before it counts as good although nobody has used it. Idle ones are replaced
    /// when they are older, so a quiet pool gets well too.
    pub(super) fn good_after(&self) -> Duration {
        self.good_after.min(self.max_idle / 2)
    }

    /// With values that let a pool work without spinning, whoever wrote them.
    pub(super) fn at_least(self) -> Self {
        let min = self.backoff.min.max(Duration::from_millis(10));
        let max = self.backoff.max.max(min);
        let max_idle = self.max_idle.max(Duration::from_millis(100));
        Self {
            max: self.max.max(1),
            max_idle,
            ping_interval: self.ping_interval.min(max_idle / 2).max(Duration::from_millis(10)),
            rewarm_after_idle: self.rewarm_after_idle.map(|interval| interval.max(Duration::from_secs(1))),
            backoff: Backoff { min, max, useless: self.backoff.useless.max(max) },
            storm_limit: self.storm_limit.max(1),
            ..self
        }
    }
}

/// So long after `instant`; "for ever" is a century.
pub(super) fn after(instant: Instant, delay: Duration) -> Instant {
    instant + delay.min(Duration::from_secs(100 * 365 * 86_400))
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            ready: 1,
            max: 64,
            max_idle: Duration::from_secs(135),
            ping_interval: Duration::from_secs(15),
            ping_timeout: Duration::from_secs(5),
            rewarm_after_idle: None,
            warm_timeout: Duration::from_secs(10),
            key_idle: Duration::from_secs(600),
            backoff: Backoff::default(),
            good_after: Duration::from_secs(60),
            storm_limit: 8,
            acquire_timeout: Duration::from_secs(10),
            max_waiting: 1024,
            max_keys: 64,
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { min: Duration::from_millis(250), max: Duration::from_secs(4), useless: Duration::from_secs(60) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_differ() {
        let backoff = Backoff { min: Duration::from_millis(100), ..Backoff::default() };
        let longest = Duration::from_secs(3);
        for (failures, least, most) in [(1, 100, 200), (2, 200, 400), (4, 800, 1600), (5, 1500, 3000), (99, 1500, 3000)]
        {
            let delays: Vec<_> = (0..200).map(|_| backoff.delay(failures, longest).as_millis()).collect();
            assert!(delays.iter().all(|delay| (least..=most).contains(delay)), "{failures}: {delays:?}");
            let (low, high) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
            assert!(high - low > (most - least) / 2, "{failures}: {low} to {high}");
        }
    }
}
