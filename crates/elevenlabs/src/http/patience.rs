//! When to ask again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::error::ElevenLabsError;

/// Delay before the second attempt; it doubles each time, and is between itself and its double by chance.
const BACKOFF: Duration = Duration::from_millis(100);

/// Longest delay between attempts, unless the service asks for more.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// How often one request has been sent, and how long to wait before the next time.
pub(super) struct Patience {
    delays: ExponentialBackoff,
    lost_before: bool,
}

impl Patience {
    pub(super) fn new(max_retries: usize) -> Self {
        let delays = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(BACKOFF)
            .with_max_delay(LONGEST_BACKOFF)
            .with_max_times(max_retries)
            .build();
        Self { delays, lost_before: false }
    }

    /// How long to wait before asking again; `None` for not again.
    pub(super) fn delay(&mut self, error: &ElevenLabsError) -> Option<Duration> {
        if !error.repeatable() {
            return None;
        }
        // A connection that was kept alive may have died just then: that says nothing about the service, and does not count.
        if matches!(error, ElevenLabsError::Lost(_)) && !std::mem::replace(&mut self.lost_before, true) {
            return Some(Duration::ZERO);
        }
        Some(self.delays.next()?.max(error.told().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    use super::*;
    use crate::error::Answer;

    fn answer(status: u16, body: &str) -> ElevenLabsError {
        ElevenLabsError::Answer(Answer::parse(status, &HeaderMap::new(), body.as_bytes()))
    }

    fn lost() -> ElevenLabsError {
        ElevenLabsError::Lost("reset".into())
    }

    #[test]
    fn delays_grow_by_chance_and_end() {
        let mut patience = Patience::new(3);
        let delays: Vec<_> = (0..3).map(|_| patience.delay(&answer(500, "")).unwrap().as_millis()).collect();
        for (delay, least) in delays.iter().zip([100, 200, 400]) {
            assert!((least..=2 * least).contains(delay), "{delays:?}");
        }
        assert_eq!(patience.delay(&answer(500, "")), None);
    }

    #[test]
    fn who_says_when_to_come_back_is_not_asked_before() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7"))]);
        let error = ElevenLabsError::Answer(Answer::parse(503, &headers, b""));
        assert_eq!(Patience::new(1).delay(&error), Some(Duration::from_secs(7)));
    }

    #[test]
    fn the_first_lost_connection_is_free() {
        let mut patience = Patience::new(0);
        assert_eq!(patience.delay(&lost()), Some(Duration::ZERO));
        assert_eq!(patience.delay(&lost()), None);
    }

    #[test]
    fn what_lasts_is_not_tried_again() {
        let mut patience = Patience::new(9);
        for (status, body) in [
            (400, ""),
            (401, ""),
            (404, ""),
            (422, ""),
            (429, r#"{"detail":{"status":"too_many_concurrent_requests"}}"#),
        ] {
            assert_eq!(patience.delay(&answer(status, body)), None, "{status} {body}");
        }
        assert!(patience.delay(&answer(429, "")).is_some());
    }
}
