//! When a listener needs more sound: those who make it wait for a slow provider until then, and no longer.

use std::{
    future::{Future, pending},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{clock::PlayClock, progress::Progress};

/// What a provider needs to begin: so long before the listener runs dry, another one is asked.
const RESERVE: Duration = Duration::from_millis(300);

/// The listener, as those know him who make the sound of one request.
#[derive(Default)]
pub struct Listener {
    /// As if he played sound when it is made. He plays it then or later.
    clock: PlayClock,
    /// Sound that has been made.
    made: Duration,
    turn: Option<Turn>,
}

/// The turn of a phrase, which is made while he still hears those before it.
struct Turn {
    progress: Arc<Progress>,
    /// Characters of the phrases before it.
    before: usize,
}

impl Listener {
    /// He who comes to the last phrase that has been planned, of so many characters.
    pub fn to_last_planned(progress: Arc<Progress>, chars: usize) -> Self {
        let before = progress.planned_chars().saturating_sub(chars);
        Self { turn: Some(Turn { progress, before }), ..Self::default() }
    }

    /// Sound has been made for him.
    pub fn sent(&mut self, sound: Duration) {
        self.clock.sent(sound, Instant::now());
        self.made += sound;
    }

    /// When he will have heard all sound so far, that of the phrases before included, some of which is an estimate; now, if
    /// nothing has been made.
    pub fn dry(&self) -> Instant {
        let dry = self.clock.dry().unwrap_or_else(Instant::now);
        let turn = self.turn.as_ref().map(|turn| turn.progress.needed(turn.before, self.made));
        turn.map_or(dry, |needed| needed.max(dry))
    }

    /// When another provider is asked so that he does not run dry.
    pub fn reserve(&self) -> Instant {
        self.before_dry(RESERVE)
    }

    /// So long before he runs dry.
    pub fn before_dry(&self, time: Duration) -> Instant {
        let dry = self.dry();
        dry.checked_sub(time).unwrap_or(dry)
    }

    /// Waits until he runs dry sooner than was thought. Changes count from the call, not from the first poll.
    pub fn changed(&self) -> impl Future<Output = ()> + Send {
        let moved = self.turn.as_ref().map(|turn| turn.progress.moved());
        async move {
            match moved {
                Some(moved) => moved.await,
                None => pending().await,
            }
        }
    }
}
