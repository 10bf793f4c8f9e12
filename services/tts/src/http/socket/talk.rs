//! A conversation: what is being said, what waits, and what is still to be told. It outlives its connection for a while.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use axum::extract::ws::Message;
use evervoice_core::{
    api::{CancelReason, SoundKind, TtsEvent},
    audio::OutputFormat,
    fault::Fault,
    service::Problem,
    tts::TtsError,
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    messages::{event_message, problem_message},
    options::Options,
    queue::Queue,
    script::Script,
    sounding::{Next, Sounding},
};
use crate::{http::Context, speech::Utterance};

/// The client has gone.
pub struct Gone;

/// Messages that may wait to be told before the client's own are left unread.
const OUTBOX: usize = 64;

/// What is said on one connection, or on several one after the other.
pub struct Talk {
    pub(super) context: Arc<Context>,
    request_id: String,
    token: String,
    /// The client has been told the token.
    told: bool,
    pub(super) options: Options,
    pub(super) queue: Queue,
    beginning: Option<Beginning>,
    present: Option<Sounding>,
    /// What has been sent and is still being played, the oldest first: no more than the lead.
    played: VecDeque<Sounding>,
    pub(super) writing: Option<Writing>,
    outbox: VecDeque<Outgoing>,
    /// What the last filler said.
    pub(super) last_filler: Option<String>,
    /// Utterances so far, for numbers, and for names of those that the client does not name.
    pub(super) count: u64,
}

/// The text that is being written.
pub(super) struct Writing {
    pub id: String,
    /// Whether the client named it.
    pub named: bool,
    /// Of its script. When there is none any more, what still comes is for nobody.
    pub number: u64,
}

/// Between its request and its first sound, or its turn.
struct Beginning {
    script: Script,
    begun: Begun,
}

enum Begun {
    Making(Pin<Box<dyn Future<Output = Result<Utterance, TtsError>> + Send>>),
    Made(Result<Box<Utterance>, TtsError>),
}

/// A message that is to be told.
struct Outgoing {
    message: Message,
    /// Means the same on another connection.
    lasting: bool,
    /// Why and since when the sound was to stop.
    interrupted: Option<(&'static str, Instant)>,
}

impl Talk {
    pub fn new(context: Arc<Context>, request_id: String, token: String) -> Self {
        let options = Options::new(&context.settings.speech);
        let queue = Queue::new(context.speech.events().clone());
        Self {
            context,
            request_id,
            token,
            told: false,
            options,
            queue,
            beginning: None,
            present: None,
            played: VecDeque::new(),
            writing: None,
            outbox: VecDeque::new(),
            last_filler: None,
            count: 0,
        }
    }

    pub fn has_work(&self) -> bool {
        self.present.is_some() || self.beginning.is_some() || !self.queue.is_empty() || self.has_message()
    }

    /// Whether something is to be told, before anything else is said.
    pub fn has_message(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Whether the client should read before it says more.
    pub fn is_full(&self) -> bool {
        self.outbox.len() >= OUTBOX
    }

    /// Tells what is to be told first.
    pub fn tell_next(&mut self, place: mpsc::Permit<'_, Message>) {
        let Some(Outgoing { message, interrupted, .. }) = self.outbox.pop_front() else { return };
        place.send(message);
        if let Some((reason, since)) = interrupted {
            let ms = since.elapsed().as_secs_f64() * 1000.0;
            self.context.speech.events().barge_in(&self.request_id, reason, ms);
        }
    }

    pub(super) fn tell(&mut self, event: &TtsEvent) {
        let lasting = !matches!(
            event,
            TtsEvent::Start { .. } | TtsEvent::Phrase { .. } | TtsEvent::Mark { .. } | TtsEvent::Provider { .. }
        );
        self.outbox.push_back(Outgoing { message: event_message(event), lasting, interrupted: None });
    }

    pub fn problem(&mut self, id: Option<&str>, problem: &Problem) {
        let message = problem_message(id, problem, &self.request_id);
        self.outbox.push_back(Outgoing { message, lasting: true, interrupted: None });
    }

    /// The next step of what is being said. Can be dropped and called again without losing sound.
    pub async fn go_on(&mut self, sender: &mpsc::Sender<Message>) -> Result<(), Gone> {
        self.begin_next();
        if self.present.is_none()
            && let Some(Beginning { script, begun: Begun::Made(made) }) =
                self.beginning.take_if(|beginning| matches!(beginning.begun, Begun::Made(_)))
        {
            self.begun(script, made);
            return Ok(());
        }
        let (pace, earlier) = (self.options.pace, self.earlier());
        let Self { present, beginning, context, .. } = self;
        let next = async {
            match present {
                Some(present) => present.next(pace, earlier, context.lifecycle.stopping(), sender).await,
                None => std::future::pending().await,
            }
        };
        let made = async {
            let Some(beginning) = beginning else { return std::future::pending().await };
            let made = match &mut beginning.begun {
                Begun::Making(making) => making.as_mut().await,
                Begun::Made(_) => std::future::pending().await,
            };
            beginning.begun = Begun::Made(made.map(Box::new));
        };
        let next = tokio::select! {
            next = next => next,
            () = made => return Ok(()),
        };
        let Some(present) = &mut self.present else { return Ok(()) };
        match next {
            Next::Step(step) => present.take(step),
            Next::Tell(event) => self.tell(&event),
            Next::Frame(place) => {
                if let Some(frame) = present.frame(pace, earlier) {
                    place.send(Message::Binary(frame));
                }
                if let (Some(asked), Some(text)) = (present.asked.take(), &self.last_filler) {
                    let ms = asked.elapsed().as_secs_f64() * 1000.0;
                    self.context.speech.events().filler(&self.request_id, text, ms);
                }
            }
            Next::Over => self.over(),
            Next::Gone => return Err(Gone),
        }
        Ok(())
    }

    /// Begins the utterance that has waited longest, unless another one is spoken. Beside sound that is at hand it begins.
    fn begin_next(&mut self) {
        let busy = self.present.as_ref().is_some_and(|present| present.kind == SoundKind::Speech);
        if busy || self.beginning.is_some() {
            return;
        }
        let Some(mut script) = self.queue.pop_front() else { return };
        let begun = match script.open(&self.context.speech) {
            Ok(Some(phrases)) => {
                let (speech, format) = (Arc::clone(&self.context.speech), script.format);
                let request_id = self.request_id.clone();
                Begun::Making(Box::pin(async move { speech.speak_phrases(phrases, format, &request_id).await }))
            }
            Ok(None) => Begun::Made(Err(TtsError::EmptyText)),
            Err(_) => Begun::Made(Err(TtsError::Overloaded { retry_after: Duration::from_secs(1) })),
        };
        self.beginning = Some(Beginning { script, begun });
    }

    /// It is the turn of an utterance that has made its first sound, or none.
    fn begun(&mut self, script: Script, made: Result<Box<Utterance>, TtsError>) {
        match made {
            Ok(utterance) => self.start(Sounding::utterance(utterance, script)),
            // What was left of it was no words.
            Err(TtsError::EmptyText | TtsError::NothingToSpeak) if script.goes_on() => {
                self.tell(&Sounding::said(script).end());
            }
            Err(error) => self.failed(&script.id, script.language(), script.format, error),
        }
    }

    /// The next sound is this.
    pub(super) fn start(&mut self, sounding: Sounding) {
        self.told = true;
        self.tell(&sounding.start(Some(self.token.clone())));
        self.present = Some(sounding);
    }

    /// An utterance has failed. When nobody can speak, what is at hand for that is said.
    fn failed(&mut self, id: &str, language: Option<&str>, format: OutputFormat, error: TtsError) {
        let nobody = error.fault() != Fault::Caller && !matches!(error, TtsError::Overloaded { .. });
        let problem = error.into();
        let at_hand = nobody.then(|| self.context.speech.stock().outage(language, format)).flatten();
        let Some(pinned) = at_hand else { return self.problem(Some(id), &problem) };
        let mut outage = Sounding::pinned(id.to_owned(), SoundKind::Outage, pinned);
        outage.problem = Some(problem);
        self.start(outage);
    }

    /// All of the present utterance has been sent.
    fn over(&mut self) {
        let Some(mut over) = self.present.take() else { return };
        match (over.failed.take(), over.problem.take()) {
            (Some(error), _) => {
                let script = over.script.take();
                let language = script.as_ref().and_then(Script::language);
                self.failed(&over.id, language, over.format, error);
            }
            (None, Some(problem)) => self.problem(Some(&over.id), &problem),
            (None, None) => self.tell(&over.end()),
        }
        self.linger(over);
    }

    /// Until it has been played it can still be cancelled.
    fn linger(&mut self, mut sounding: Sounding) {
        let now = Instant::now();
        sounding.free();
        self.played.retain(|played| played.is_played(now));
        if sounding.is_played(now) {
            self.played.push_back(sounding);
        }
    }

    /// Until when the listener hears what was sent before the present utterance.
    fn earlier(&self) -> Option<Instant> {
        self.played.back().and_then(Sounding::dry)
    }

    /// What is being sent or played, the oldest first.
    fn soundings(&self) -> impl Iterator<Item = &Sounding> {
        self.played.iter().chain(&self.present)
    }

    /// Whether the listener hears something, or is about to.
    pub(super) fn is_sounding(&self) -> bool {
        self.present.is_some() || self.played.iter().any(|played| played.is_played(Instant::now()))
    }

    /// Whether the caller may interrupt now: something is heard that has been heard for long enough.
    pub(super) fn can_be_interrupted(&self, holdoff: Duration) -> bool {
        let now = Instant::now();
        let heard = self.soundings().find(|sounding| sounding.is_played(now));
        heard.and_then(Sounding::first_played).is_some_and(|first| now >= first + holdoff)
    }

    /// When the next mark is due. While something else is to be told, marks would only pile up.
    pub fn mark_due(&self) -> Option<Instant> {
        let present = self.present.as_ref().filter(|_| self.outbox.is_empty());
        present.and_then(|present| present.mark_due(self.options.mark))
    }

    /// Tells how far the listener is.
    pub fn mark(&mut self) {
        if let Some(mark) = self.present.as_mut().and_then(|present| present.mark(Instant::now())) {
            self.tell(&mark);
        }
    }

    /// Stops what is said, what is still played, and what waits under this name, or under all; `false` when there is nothing. It
    /// was asked for at `since`.
    pub(super) fn stop(
        &mut self,
        id: Option<&str>,
        played_ms: Option<u64>,
        reason: CancelReason,
        since: Instant,
    ) -> bool {
        let wanted = |candidate: &str| id.is_none_or(|id| id == candidate);
        let now = Instant::now();
        // What the client has played is of the oldest one.
        let mut played_ms = played_ms;
        let mut skipped = Duration::ZERO;
        let mut cancelled = Vec::new();
        let mut keep = |sounding: &mut Sounding| {
            if !wanted(&sounding.id) {
                sounding.sooner(skipped);
                return true;
            }
            skipped += sounding.ahead(now);
            cancelled.push(sounding.cancelled(reason, played_ms.take(), now));
            false
        };
        self.played.retain_mut(|played| played.is_played(now) && keep(played));
        self.present.take_if(|present| !keep(present));
        let beginning = self.beginning.take_if(|beginning| wanted(&beginning.script.id)).map(|it| it.script);
        let silent = beginning.into_iter().chain(self.queue.take(|script| wanted(&script.id)));
        cancelled.extend(silent.map(|script| Sounding::said(script).cancelled(reason, None, now)));
        let name = match reason {
            CancelReason::Cancel => "cancel",
            CancelReason::BargeIn => "barge_in",
        };
        let (any, mut interrupted) = (!cancelled.is_empty(), Some((name, since)));
        for event in cancelled {
            let message = event_message(&event);
            self.outbox.push_back(Outgoing { message, lasting: true, interrupted: interrupted.take() });
        }
        // More of its text may be under way; by its name it is known to be for nobody until its `end`.
        self.writing.take_if(|writing| wanted(&writing.id) && !writing.named);
        any
    }

    /// Drops an utterance that its client has been told a problem about.
    pub(super) fn discard(&mut self, number: u64) {
        self.queue.take(|script| script.number == number);
        self.beginning.take_if(|beginning| beginning.script.number == number);
        let of = |sounding: &mut Sounding| sounding.script.as_ref().is_some_and(|script| script.number == number);
        if let Some(mut present) = self.present.take_if(of) {
            present.script = None;
            self.linger(present);
        }
    }

    /// The script of this number, wherever it is.
    pub(super) fn script(&mut self, number: u64) -> Option<&mut Script> {
        let present = self.present.as_mut().and_then(|present| present.script.as_mut());
        let beginning = self.beginning.as_mut().map(|beginning| &mut beginning.script);
        let mut all = present.into_iter().chain(beginning).chain(self.queue.iter_mut());
        all.find(|script| script.number == number)
    }

    /// Whether its client can take it up again: it knows the token.
    pub fn can_be_kept(&self) -> bool {
        self.told
    }

    /// The connection is gone. Nothing is made, sent or told until [`resume`](Self::resume).
    pub fn park(&mut self) {
        self.outbox.retain(|outgoing| outgoing.lasting);
        if let Some(Beginning { mut script, .. }) = self.beginning.take() {
            script.stop(script.said_samples(), false);
            self.queue.push_front(script);
        }
        let last = match self.present.take() {
            Some(mut failed) if failed.failed.is_some() || failed.problem.is_some() => {
                let error = failed.failed.take().map(Problem::from);
                if let Some(problem) = error.or(failed.problem.take()) {
                    self.problem(Some(&failed.id), &problem);
                }
                None
            }
            Some(present) if present.script.is_some() => Some(present),
            // Its `end` may have been lost with the last of its sound.
            _ => self.played.pop_back().filter(|last| last.is_played(Instant::now())),
        };
        if let Some(script) = last.and_then(Sounding::into_script) {
            self.queue.push_front(script);
        }
        self.played.clear();
    }

    /// The conversation goes on, on a new connection. The client has heard the present utterance up to the phrase `after`, if it
    /// says so, and means that of this `id`, if it says that.
    pub fn resume(&mut self, request_id: String, after: Option<i64>, id: Option<&str>) {
        self.request_id = request_id;
        for (at, script) in self.queue.iter_mut().enumerate() {
            let present = at == 0 && id.is_none_or(|id| id == script.id);
            script.rewind(after.filter(|_| present));
        }
        let utterances = self.queue.iter_mut().map(|script| script.resumed()).collect();
        let message = event_message(&TtsEvent::Resumed { utterances });
        self.outbox.push_front(Outgoing { message, lasting: false, interrupted: None });
    }
}
