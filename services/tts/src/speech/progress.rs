//! How far an utterance is: what has been planned, made and heard of it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, futures::Notified},
    time::Instant,
};

use super::{clock::PlayClock, planner::Playback};

/// Shared by those who cut a text, who make its phrases, and who hear them.
#[derive(Default)]
pub struct Progress {
    inner: Mutex<Inner>,
    /// For the one who plans.
    changed: Notify,
    /// For those who make phrases.
    moved: Notify,
}

struct Inner {
    clock: PlayClock,
    /// Characters of all phrases that have been planned.
    planned_chars: usize,
    /// Characters of those that have not been heard from yet.
    waiting_chars: usize,
    /// Characters and sound of the phrase that is being heard, which may still be on its way.
    present: (usize, Duration),
    /// Characters and sound of those that are over.
    said: (usize, Duration),
    latency: Duration,
    real_time_factor: f64,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            clock: PlayClock::default(),
            planned_chars: 0,
            waiting_chars: 0,
            present: (0, Duration::ZERO),
            said: (0, Duration::ZERO),
            // A guess on the careful side, until a phrase has shown better.
            latency: Duration::from_millis(300),
            real_time_factor: 0.3,
        }
    }
}

/// Sound of a character, until an utterance has shown its own: 15 characters a second, a quick speaker.
const CHAR: Duration = Duration::from_millis(66);

/// Weight of what was measured last.
const NEWEST: f64 = 0.5;

impl Progress {
    /// A phrase has been planned.
    pub fn planned(&self, chars: usize) {
        let mut inner = self.lock();
        inner.planned_chars += chars;
        inner.waiting_chars += chars;
    }

    /// A phrase has made its first sound so long after it was asked for.
    pub fn began(&self, took: Duration) {
        let mut inner = self.lock();
        let latency = took.as_secs_f64() * NEWEST + inner.latency.as_secs_f64() * (1.0 - NEWEST);
        inner.latency = Duration::from_secs_f64(latency);
    }

    /// So much sound of a phrase took so long to make.
    pub fn made(&self, took: Duration, sound: Duration) {
        if !sound.is_zero() {
            let mut inner = self.lock();
            let factor = took.as_secs_f64() / sound.as_secs_f64();
            inner.real_time_factor = factor * NEWEST + inner.real_time_factor * (1.0 - NEWEST);
        }
    }

    /// The listener comes to a phrase.
    pub fn phrase(&self, chars: usize) {
        let mut inner = self.lock();
        inner.finish_phrase();
        inner.waiting_chars = inner.waiting_chars.saturating_sub(chars);
        inner.present = (chars, Duration::ZERO);
        drop(inner);
        self.told();
    }

    /// A phrase that has been planned cannot be heard: nothing in it is said.
    pub fn skipped(&self, chars: usize) {
        let mut inner = self.lock();
        inner.waiting_chars = inner.waiting_chars.saturating_sub(chars);
        drop(inner);
        self.changed.notify_one();
    }

    /// The listener gets sound that was `wanted` since. Tells how long there was silence because it was late.
    pub fn heard(&self, sound: Duration, wanted: Instant) -> Duration {
        let now = Instant::now();
        let mut inner = self.lock();
        inner.present.1 += sound;
        // A listener who comes late makes its own silence.
        inner.clock.sent(sound, now).min(now - wanted)
    }

    /// The phrase that is heard is over.
    pub fn phrase_over(&self) {
        self.lock().finish_phrase();
        self.told();
    }

    fn told(&self) {
        self.changed.notify_one();
        self.moved.notify_waiters();
    }

    /// Something happened that a plan may depend on.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// As [`changed`](Self::changed), for any number who wait. Changes count from the call.
    pub fn moved(&self) -> Notified<'_> {
        self.moved.notified()
    }

    /// Characters of all phrases that have been planned.
    pub fn planned_chars(&self) -> usize {
        self.lock().planned_chars
    }

    /// When the listener will need more of the phrase that comes after so many characters of others, when so much sound of
    /// it is `made`.
    pub fn needed(&self, before: usize, made: Duration) -> Instant {
        let inner = self.lock();
        let dry = inner.dry(Instant::now());
        // Characters from this phrase on.
        let from_here = inner.planned_chars.saturating_sub(before);
        match inner.waiting_chars.checked_sub(from_here) {
            Some(waiting_before) => dry + inner.coming(waiting_before) + made,
            // It is heard: some of its sound has come.
            None => dry + made.saturating_sub(inner.present.1),
        }
    }

    /// What is known, for the planner.
    pub fn playback(&self) -> Playback {
        let inner = self.lock();
        let now = Instant::now();
        let dry = (inner.planned_chars > 0).then(|| inner.dry(now) + inner.coming(inner.waiting_chars));
        Playback { dry, latency: inner.latency, real_time_factor: inner.real_time_factor }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// When the listener will have heard all that has come to him.
    fn dry(&self, now: Instant) -> Instant {
        self.clock.dry().map_or(now, |dry| dry.max(now))
    }

    /// Sound that will come: the rest of the phrase that is heard, and so many characters after it.
    fn coming(&self, waiting_chars: usize) -> Duration {
        let (chars, sound) = self.present;
        let char = self.char();
        (char * chars as u32).saturating_sub(sound) + char * waiting_chars as u32
    }

    /// Sound of a character.
    fn char(&self) -> Duration {
        match self.said {
            (0, _) => CHAR,
            (chars, sound) => sound / chars as u32,
        }
    }

    fn finish_phrase(&mut self) {
        let (chars, sound) = std::mem::take(&mut self.present);
        self.said = (self.said.0 + chars, self.said.1 + sound);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_planned_will_be_heard() {
        let progress = Progress::default();
        assert_eq!(progress.playback().dry, None);
        let began = Instant::now();
        progress.planned(10);
        assert_eq!(progress.playback().dry, Some(began + CHAR * 10));
        progress.phrase(10);
        assert_eq!(progress.heard(ms(400), began), ms(0));
        assert_eq!(progress.playback().dry, Some(began + CHAR * 10), "the rest of the phrase is on its way");
        progress.heard(ms(600), began);
        progress.phrase_over();
        assert_eq!(progress.playback().dry, Some(began + ms(1_000)));
        progress.planned(5);
        assert_eq!(progress.playback().dry, Some(began + ms(1_500)), "by what the first phrase has shown");
    }

    #[tokio::test(start_paused = true)]
    async fn a_phrase_is_needed_when_all_before_it_has_been_heard() {
        let progress = Progress::default();
        let began = Instant::now();
        progress.planned(10);
        progress.planned(5);
        progress.planned(100);
        let needed = |before, made| progress.needed(before, made) - began;
        assert_eq!(needed(0, ms(0)), ms(0));
        assert_eq!(needed(10, ms(0)), CHAR * 10);
        progress.phrase(10);
        progress.heard(ms(400), began);
        assert_eq!(needed(0, ms(500)), ms(500), "100 ms have been made and not come");
        assert_eq!(needed(10, ms(70)), CHAR * 10 + ms(70));
        progress.phrase_over();
        assert_eq!(needed(10, ms(70)), ms(470), "it was shorter than was thought");
        assert_eq!(needed(15, ms(0)), ms(400 + 5 * 40), "by what the first phrase has shown");
    }

    #[tokio::test(start_paused = true)]
    async fn a_gap_is_the_time_that_a_listener_waits_in_silence() {
        let progress = Progress::default();
        let began = Instant::now();
        progress.heard(ms(100), began);
        tokio::time::advance(ms(150)).await;
        assert_eq!(progress.heard(ms(100), began), ms(50));
        tokio::time::advance(ms(200)).await;
        assert_eq!(progress.heard(ms(100), Instant::now()), ms(0), "it came late, and found sound at once");
    }
}
