//! The clock of a listener who plays sound as it comes.

use std::time::Duration;

use tokio::time::Instant;

/// How far a listener is who plays sound from the moment that it comes, and waits when there is none.
#[derive(Debug, Clone, Default)]
pub struct PlayClock {
    /// Sound that has come.
    sent: Duration,
    /// When all of it will have been played; `None` before the first.
    dry: Option<Instant>,
}

impl PlayClock {
    /// Sound comes now. Tells how long the listener had nothing to hear: zero for the first sound and for one in time.
    pub fn sent(&mut self, sound: Duration, now: Instant) -> Duration {
        let dry = self.dry.unwrap_or(now);
        let gap = now.saturating_duration_since(dry);
        self.sent += sound;
        self.dry = Some(dry.max(now) + sound);
        gap
    }

    /// The listener skips so much of other sound that would have been played before this.
    pub fn sooner(&mut self, by: Duration) {
        self.dry = self.dry.map(|dry| dry.checked_sub(by).unwrap_or(dry));
    }

    /// When the listener will have heard all that has come; `None` before the first sound.
    pub fn dry(&self) -> Option<Instant> {
        self.dry
    }

    /// Sound that has come and not been played yet.
    pub fn ahead(&self, now: Instant) -> Duration {
        self.dry.map_or(Duration::ZERO, |dry| dry.saturating_duration_since(now))
    }

    /// Sound that has been played.
    pub fn played(&self, now: Instant) -> Duration {
        self.sent.saturating_sub(self.ahead(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_waits_for_late_sound_and_hears_all_of_it() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let ms = Duration::from_millis;
        let mut clock = PlayClock::default();
        assert_eq!((clock.played(began), clock.dry()), (ms(0), None));
        assert_eq!(clock.sent(ms(100), at(5_000)), ms(0), "nobody waits before the first sound");
        assert_eq!((clock.played(at(5_040)), clock.ahead(at(5_040))), (ms(40), ms(60)));
        assert_eq!(clock.sent(ms(100), at(5_050)), ms(0));
        assert_eq!(clock.played(at(5_500)), ms(200), "no more than there is");
        assert_eq!(clock.sent(ms(20), at(5_500)), ms(300));
        assert_eq!((clock.played(at(5_510)), clock.dry()), (ms(210), Some(at(5_520))));
    }
}
