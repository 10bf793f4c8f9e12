//! An utterance that is being sent, or has been sent and is still being played.

use std::{collections::VecDeque, time::Duration};

use axum::extract::ws::Message;
use bytes::Bytes;
use evervoice_core::{
    api::{CancelReason, SoundKind, TtsEvent},
    audio::OutputFormat,
    service::Problem,
    tts::TtsError,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    pace::{Frames, Pace, length},
    script::Script,
};
use crate::{
    speech::{Ledger, Phrase, PlayClock, Step, Utterance},
    stock::Pinned,
};

/// The clock adds frames up, places in the sound are counted from its beginning: they differ by less than a sample.
const ROUNDING: Duration = Duration::from_millis(1);

/// What happens next in an utterance.
pub enum Next<'a> {
    /// Its source has something, or nothing more.
    Step(Option<Result<Step, TtsError>>),
    /// This is to be told, before the next frame.
    Tell(TtsEvent),
    /// A frame is due, and there is room for it.
    Frame(mpsc::Permit<'a, Message>),
    /// All has been sent.
    Over,
    /// Nobody reads any more.
    Gone,
}

pub struct Sounding {
    pub id: String,
    pub kind: SoundKind,
    pub format: OutputFormat,
    pub provider: String,
    /// The text it speaks; `None` for sound that was at hand.
    pub script: Option<Script>,
    /// Why its source broke off: told when all has been sent, instead of `end`.
    pub failed: Option<TtsError>,
    /// Told instead of `end`: after sound that was at hand, or a text that had to stop.
    pub problem: Option<Problem>,
    /// It cannot be spoken whole: nothing more of its text is taken, and it is not spoken again.
    pub given_up: bool,
    /// What was heard of the utterance whose place an outage takes: an outage has no words of its own.
    pub instead_of: Option<Said>,
    /// When a filler was asked for, until its first sound leaves.
    pub asked: Option<Instant>,
    source: Source,
    frames: Frames<TtsEvent>,
    /// Of the sound since this connection began; what was sent before counts as played.
    clock: PlayClock,
    first_played: Option<Instant>,
    /// Samples that were sent on a connection before.
    before: u64,
    marks: Marks,
}

/// What there was of an utterance that failed: all of it has been sent, and is heard before what comes in its place.
#[derive(Default)]
pub struct Said {
    heard: String,
    audio_ms: u64,
    bytes: u64,
}

enum Source {
    Utterance(Box<Utterance>),
    /// No more sound comes.
    Over(Ledger),
}

/// What has been told of the listener's progress.
struct Marks {
    /// When the last mark was due, or the first sound was played.
    last: Option<Instant>,
    played_ms: u64,
    chars: u64,
    /// Where phrases end in the sound of the clock, of which no mark told yet.
    ends: VecDeque<Duration>,
}

impl Sounding {
    /// An utterance that has begun.
    pub fn utterance(utterance: Box<Utterance>, script: Script) -> Self {
        let (format, provider, before) = (utterance.format, utterance.provider.to_owned(), script.said_samples());
        let source = Source::Utterance(utterance);
        let new = Self::new(script.id.clone(), SoundKind::Speech, format, provider, source, before);
        Self { script: Some(script), ..new }
    }

    /// A script of which nothing is left to say.
    pub fn of_said(script: Script) -> Self {
        let (format, source, before) = (script.format, Source::Over(Ledger::default()), script.said_samples());
        let new = Self::new(script.id.clone(), SoundKind::Speech, format, String::new(), source, before);
        Self { script: Some(script), ..new }
    }

    /// Sound that is at hand.
    pub fn pinned(id: String, kind: SoundKind, pinned: Pinned) -> Self {
        let Pinned { text, provider, format, sound } = pinned;
        let mut ledger = Ledger::default();
        ledger.phrase(&Phrase { index: 0, lead: String::new(), text: text.clone(), reason: "end" });
        let samples = sound.len() / format.audio().frame_bytes();
        ledger.sound(length(samples as u64, format.audio()), Some(text.len()), Duration::ZERO);
        let mut new = Self::new(id, kind, format, provider.to_string(), Source::Over(ledger), 0);
        new.frames.note(TtsEvent::Phrase { id: new.id.clone(), index: 0, text, start_ms: 0 });
        new.frames.push(&sound);
        new.frames.finish();
        new
    }

    fn new(id: String, kind: SoundKind, format: OutputFormat, provider: String, source: Source, before: u64) -> Self {
        Self {
            id,
            kind,
            format,
            provider,
            script: None,
            failed: None,
            problem: None,
            given_up: false,
            instead_of: None,
            asked: None,
            source,
            frames: Frames::new(format.audio(), before),
            clock: PlayClock::default(),
            first_played: None,
            before,
            marks: Marks { last: None, played_ms: 0, chars: 0, ends: VecDeque::new() },
        }
    }

    /// Waits for what happens next. A frame waits until the listener has played enough of what was sent before, of this
    /// utterance or up to `earlier`, unless there is no time left (`hurry`); as long as one waits, no more is made. Can be dropped
    /// and called again without losing sound.
    pub async fn next<'a>(
        &mut self,
        pace: Pace,
        earlier: Option<Instant>,
        hurry: impl Future<Output = ()>,
        sender: &'a mpsc::Sender<Message>,
    ) -> Next<'a> {
        let Some(frame) = self.frames.ready(pace) else {
            if let Some(event) = self.frames.happening(pace) {
                return Next::Tell(event);
            }
            return match &mut self.source {
                Source::Utterance(utterance) => Next::Step(utterance.step().await),
                Source::Over(_) => Next::Over,
            };
        };
        if let Some(dry) = self.clock.dry().max(earlier) {
            let due = dry.checked_sub(pace.room(frame)).unwrap_or(dry);
            tokio::select! {
                () = sleep_until(due) => {}
                () = hurry => {}
            }
        }
        if let Some(event) = self.frames.happening(pace) {
            return Next::Tell(event);
        }
        sender.reserve().await.map_or(Next::Gone, Next::Frame)
    }

    /// Takes what the source had.
    pub fn take(&mut self, step: Option<Result<Step, TtsError>>) {
        let id = self.id.clone();
        match step {
            Some(Ok(Step::Audio(sound))) => self.frames.push(&sound),
            Some(Ok(Step::Phrase(phrase))) => {
                let made = self.frames.made();
                let index = self.script.as_mut().map_or(phrase.index, |script| script.phrase(&phrase, made));
                self.frames.note(TtsEvent::Phrase { id, index, text: phrase.text, start_ms: self.ms(made) });
            }
            Some(Ok(Step::PhraseEnd)) => {
                let made = self.frames.made();
                self.frames.phrase_end();
                if let Some(script) = &mut self.script {
                    script.phrase_end(made);
                }
                let heard = made - self.before;
                if heard > 0 {
                    self.marks.ends.push_back(length(heard, self.format.audio()));
                }
            }
            Some(Ok(Step::Provider { from, to })) => {
                let at_ms = self.ms(self.frames.made());
                self.frames.note(TtsEvent::Provider { id, from: from.to_owned(), to: to.to_owned(), at_ms });
            }
            ended => {
                // What was made before a failure is heard.
                self.failed = ended.and_then(Result::err);
                self.frames.finish();
                self.free();
            }
        }
    }

    /// Lets go of whoever speaks.
    pub fn free(&mut self) {
        if let Source::Utterance(utterance) = &self.source {
            self.source = Source::Over(utterance.ledger().clone());
        }
    }

    /// The next frame leaves now, to be played after what is played until `earlier`.
    pub fn frame(&mut self, pace: Pace, earlier: Option<Instant>) -> Option<Bytes> {
        let sound = self.frames.ready(pace)?;
        let plays = earlier.map_or_else(Instant::now, |earlier| earlier.max(Instant::now()));
        self.first_played.get_or_insert(plays);
        self.marks.last.get_or_insert(plays);
        self.clock.sent(sound, plays);
        self.frames.take(pace)
    }

    pub fn start(&self, resume_token: Option<String>) -> TtsEvent {
        let audio = self.format.audio();
        TtsEvent::Start {
            id: self.id.clone(),
            kind: self.kind,
            format: self.format.name().to_owned(),
            encoding: audio.encoding.name().to_owned(),
            sample_rate: audio.sample_rate,
            channels: audio.channels,
            provider: self.provider.clone(),
            resume_token,
        }
    }

    pub fn end(&self) -> TtsEvent {
        TtsEvent::End { id: self.id.clone(), audio_ms: self.ms(self.frames.sent()), bytes: self.bytes() }
    }

    /// When all that was sent will have been played.
    pub fn dry(&self) -> Option<Instant> {
        self.clock.dry()
    }

    /// Whether something of it is still to be played.
    pub fn is_played(&self, now: Instant) -> bool {
        self.is_played_since(now)
    }

    /// When its first sound is played.
    pub fn first_played(&self) -> Option<Instant> {
        self.first_played
    }

    /// What was to be played before it has been thrown away.
    pub fn sooner(&mut self, by: Duration) {
        self.clock.sooner(by);
        for at in [&mut self.first_played, &mut self.marks.last] {
            *at = at.and_then(|at| at.checked_sub(by));
        }
    }

    /// What has been sent and not been played.
    pub fn ahead(&self, now: Instant) -> Duration {
        // What waits for something before it is no longer than it is.
        self.clock.ahead(now).min(self.sound())
    }

    /// When the next mark is due.
    pub fn mark_due(&self, interval: Duration) -> Option<Instant> {
        let regular = self.marks.last? + interval;
        let dry = self.dry()?;
        let sound = self.sound();
        let end = self.marks.ends.front().filter(|end| **end <= sound + ROUNDING);
        let end = end.and_then(|end| dry.checked_sub(sound.saturating_sub(*end)));
        Some(end.map_or(regular, |end| end.min(regular)))
    }

    /// How far the listener is; `None` when that has been told.
    pub fn mark(&mut self, now: Instant) -> Option<TtsEvent> {
        let played = self.clock.played(now);
        while self.marks.ends.front().is_some_and(|end| *end <= played + ROUNDING) {
            self.marks.ends.pop_front();
        }
        self.marks.last = Some(now);
        let played_ms = self.ms(self.before) + played.as_millis() as u64;
        if played.is_zero() || played_ms <= self.marks.played_ms {
            return None;
        }
        let chars = self.heard(played).chars().count() as u64;
        let chars = chars.max(self.marks.chars);
        (self.marks.played_ms, self.marks.chars) = (played_ms, chars);
        Some(TtsEvent::Mark { id: self.id.clone(), played_ms, chars })
    }

    /// All that there is of it, when all has been sent.
    pub fn said(&self) -> Said {
        Said { heard: self.heard(self.sound()), audio_ms: self.ms(self.frames.sent()), bytes: self.bytes() }
    }

    /// Whether it has been played since `then`, or is still to be.
    pub fn is_played_since(&self, then: Instant) -> bool {
        self.dry().is_some_and(|dry| dry > then)
    }

    /// How far the listener is, in ms of its sound; `None` before its first sound is played.
    pub fn played_ms(&self, now: Instant) -> Option<u64> {
        let began = self.first_played.is_some_and(|first| first <= now);
        began.then(|| self.ms(self.before) + self.clock.played(now).as_millis() as u64)
    }

    /// What has been heard of it when it is stopped now: by the clock, or what the client says that it has played.
    pub fn cancelled(&self, reason: CancelReason, played_ms: Option<u64>, now: Instant) -> TtsEvent {
        if let Some(Said { heard, audio_ms, bytes }) = &self.instead_of {
            return TtsEvent::Cancelled {
                id: self.id.clone(),
                reason,
                heard: heard.clone(),
                heard_chars: heard.chars().count() as u64,
                heard_ms: *audio_ms,
                audio_ms: *audio_ms,
                bytes: *bytes,
            };
        }
        let audio_ms = self.ms(self.frames.sent());
        let before = self.ms(self.before);
        let played = match played_ms {
            None => self.clock.played(now),
            Some(ms) if ms >= audio_ms => self.sound(),
            Some(ms) => Duration::from_millis(ms.saturating_sub(before)),
        };
        let heard = self.heard(played);
        TtsEvent::Cancelled {
            id: self.id.clone(),
            reason,
            heard_chars: heard.chars().count() as u64,
            heard,
            heard_ms: (before + played.as_millis() as u64).min(audio_ms),
            audio_ms,
            bytes: self.bytes(),
        }
    }

    /// The script, to be spoken again on another connection.
    pub fn into_script(self) -> Option<Script> {
        if self.given_up {
            return None;
        }
        let (sent, over) = (self.frames.sent(), matches!(self.source, Source::Over(_)));
        let whole = over && sent == self.frames.made();
        self.script.map(|mut script| {
            script.stop(sent, whole);
            script
        })
    }

    /// The text that was heard when so much of the clock's sound has been played.
    fn heard(&self, played: Duration) -> String {
        let said = self.script.as_ref().map_or("", Script::said);
        let ledger = match &self.source {
            Source::Utterance(utterance) => utterance.ledger(),
            Source::Over(ledger) => ledger,
        };
        let heard = if played.is_zero() { "" } else { ledger.heard(played) };
        format!("{said}{heard}")
    }

    /// The clock's sound that was sent.
    fn sound(&self) -> Duration {
        self.clock.dry().map_or(Duration::ZERO, |dry| self.clock.played(dry))
    }

    fn ms(&self, samples: u64) -> u64 {
        samples * 1000 / u64::from(self.format.audio().sample_rate)
    }

    fn bytes(&self) -> u64 {
        self.frames.sent() * self.format.audio().frame_bytes() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { lead_ms: 100, frame_ms: 40 };

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// 200 ms of sound that is at hand.
    fn filler() -> Sounding {
        let (text, format) = ("One moment.".to_owned(), OutputFormat::Ulaw8000);
        let sound = Bytes::from((0..1_600u32).map(|n| n as u8).collect::<Vec<u8>>());
        Sounding::pinned("f".to_owned(), SoundKind::Filler, Pinned { text, provider: "local", format, sound })
    }

    /// All that leaves, with the ms at which it does.
    async fn sent(sounding: &mut Sounding, earlier: Option<Instant>) -> Vec<(u64, String)> {
        let (sender, mut receiver) = mpsc::channel(1);
        let (began, mut sent) = (Instant::now(), vec![]);
        loop {
            let what = match sounding.next(PACE, earlier, std::future::pending(), &sender).await {
                Next::Tell(TtsEvent::Phrase { text, start_ms, .. }) => format!("{text} at {start_ms}"),
                Next::Frame(place) => {
                    place.send(Message::Binary(sounding.frame(PACE, earlier).unwrap()));
                    format!("{} bytes", receiver.recv().await.unwrap().into_data().len())
                }
                Next::Over => return sent,
                _ => panic!("something else"),
            };
            sent.push((began.elapsed().as_millis() as u64, what));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_leaves_when_the_listener_is_no_further_behind_than_the_lead() {
        let expected = [(0, "One moment. at 0"), (0, "320"), (0, "320"), (20, "320"), (60, "320"), (100, "320")];
        let expected = expected.map(|(at, what)| (at, what.to_owned() + if what == "320" { " bytes" } else { "" }));
        assert_eq!(sent(&mut filler(), None).await, expected);
        // Behind something that is still being played.
        let mut second = filler();
        let earlier = Instant::now() + ms(500);
        let at: Vec<u64> = sent(&mut second, Some(earlier)).await.into_iter().map(|(at, _)| at).collect();
        assert_eq!(at, [440, 440, 480, 520, 560, 600]);
        assert_eq!(second.first_played(), Some(earlier));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_when_there_is_no_time_left() {
        let (sender, _receiver) = mpsc::channel(8);
        let (mut sounding, began) = (filler(), Instant::now());
        while !matches!(sounding.next(PACE, None, std::future::ready(()), &sender).await, Next::Over) {
            sounding.frame(PACE, None);
        }
        assert_eq!(
            (began.elapsed(), sounding.end()),
            (ms(0), TtsEvent::End { id: "f".into(), audio_ms: 200, bytes: 1_600 })
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_heard_follows_the_clock() {
        let mut sounding = filler();
        sent(&mut sounding, None).await;
        let heard = |sounding: &Sounding, played| match sounding.cancelled(CancelReason::Cancel, played, Instant::now())
        {
            TtsEvent::Cancelled { heard, heard_ms, audio_ms: 200, bytes: 1_600, .. } => (heard, heard_ms),
            other => panic!("{other:?}"),
        };
        assert_eq!(heard(&sounding, None), ("One".to_owned(), 100), "the last frame has just left");
        assert_eq!(heard(&sounding, Some(30)), (String::new(), 30));
        assert_eq!(heard(&sounding, Some(5_000)), ("One moment.".to_owned(), 200));
        assert_eq!(sounding.mark_due(ms(50)), Some(Instant::now() - ms(50)));
        let mark = sounding.mark(Instant::now());
        assert_eq!(mark, Some(TtsEvent::Mark { id: "f".into(), played_ms: 100, chars: 3 }));
        assert_eq!((sounding.mark(Instant::now()), sounding.mark_due(ms(50))), (None, Some(Instant::now() + ms(50))));
        tokio::time::advance(ms(1_000)).await;
        assert_eq!(heard(&sounding, None), ("One moment.".to_owned(), 200));
        assert!(!sounding.is_played(Instant::now()));
    }
}
