//! A listener who plays sound as it comes, and what he has to wait for.

use std::time::Duration;

use tokio::time::Instant;

/// From how much silence on it is noticed: a count of gaps leaves out shorter ones.
pub const NOTICED: Duration = Duration::from_millis(20);

/// The clock of a listener on one connection. He plays sound from the moment that it comes, one after the other, and waits
/// when there is none.
#[derive(Debug, Default)]
pub struct Listener {
    /// When all sound that has come will have been played; `None` before the first.
    dry: Option<Instant>,
    /// Whether the next sound begins an utterance: nobody waits for it in silence that is heard as a gap.
    begins: bool,
    /// Of the present utterance.
    heard: Heard,
}

/// What came of one utterance, and the silences within it.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Heard {
    /// Length of the sound that has come.
    pub sound: Duration,
    /// All silence within.
    pub gap_sum: Duration,
    /// The longest of it.
    pub gap_max: Duration,
    /// Silences of more than [`NOTICED`].
    pub gaps: u64,
}

impl Listener {
    /// What comes from here on is another utterance.
    pub fn begin(&mut self) {
        self.begins = true;
        self.heard = Heard::default();
    }

    /// Sound comes now.
    pub fn sound(&mut self, sound: Duration, now: Instant) {
        let dry = self.dry.filter(|dry| !self.begins || *dry > now).unwrap_or(now);
        self.begins = false;
        let gap = now.saturating_duration_since(dry);
        self.heard.gap_sum += gap;
        self.heard.gap_max = self.heard.gap_max.max(gap);
        self.heard.gaps += u64::from(gap > NOTICED);
        self.heard.sound += sound;
        self.dry = Some(dry.max(now) + sound);
    }

    /// What has come is thrown away: the caller interrupted.
    pub fn clear(&mut self) {
        self.dry = None;
    }

    /// What came of the present utterance.
    pub fn heard(&self) -> Heard {
        self.heard
    }

    /// Sound of the present utterance that has been played.
    pub fn played(&self, now: Instant) -> Duration {
        self.heard.sound.saturating_sub(self.ahead(now))
    }

    /// Sound that has come and not been played yet.
    pub fn ahead(&self, now: Instant) -> Duration {
        self.dry.map_or(Duration::ZERO, |dry| dry.saturating_duration_since(now))
    }
}

/// Length of so many bytes of sound.
pub fn length(bytes: u64, sample_rate: u32, sample_bytes: u32) -> Duration {
    let samples = bytes / u64::from(sample_bytes.max(1));
    Duration::from_nanos(samples.saturating_mul(1_000_000_000) / u64::from(sample_rate.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn silence_within_an_utterance_is_a_gap_and_silence_before_it_is_none() {
        let began = Instant::now();
        let at = |time| began + ms(time);
        let mut listener = Listener::default();
        listener.begin();
        for (sound, time) in [(100, 1_000), (100, 1_050), (100, 1_210), (40, 1_310), (40, 1_400)] {
            listener.sound(ms(sound), at(time));
        }
        // Dry at 1,200, 1,310 and 1,350: late by 10, 0 and 50.
        let heard = Heard { sound: ms(380), gap_sum: ms(60), gap_max: ms(50), gaps: 1 };
        assert_eq!(listener.heard(), heard);
        assert_eq!((listener.played(at(1_420)), listener.ahead(at(1_420))), (ms(360), ms(20)));

        listener.begin();
        listener.sound(ms(100), at(5_000));
        assert_eq!(listener.heard(), Heard { sound: ms(100), ..Heard::default() });
    }

    #[test]
    fn the_next_utterance_is_heard_after_the_one_before() {
        let began = Instant::now();
        let mut listener = Listener::default();
        listener.begin();
        listener.sound(ms(300), began);
        listener.begin();
        listener.sound(ms(100), began + ms(50));
        assert_eq!(listener.ahead(began + ms(50)), ms(350));
        assert_eq!(listener.played(began + ms(250)), ms(0), "its own sound is not on yet");
        assert_eq!(listener.played(began + ms(340)), ms(40));
        listener.sound(ms(100), began + ms(400));
        assert_eq!(listener.heard().gap_sum, ms(0));
        listener.clear();
        assert_eq!(listener.ahead(began + ms(400)), ms(0));
    }

    #[test]
    fn bytes_have_a_length() {
        assert_eq!(length(32_000, 16_000, 2), ms(1_000));
        assert_eq!(length(80, 8_000, 1), ms(10));
        assert_eq!(length(1, 0, 0), Duration::from_secs(1), "nonsense of a server does no harm");
    }
}
