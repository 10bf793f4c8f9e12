//! A conversation: what is being said, what waits, and what is still to be told. It outlives its connection for a while.
//!
//! - `interrupt`: what happens when the caller interrupts

mod interrupt;

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use axum::extract::ws::Message;
use evervoice_core::{
    api::{SoundKind, TtsEvent},
    audio::OutputFormat,
    fault::Fault,
    service::{Lifecycle, Problem},
    tts::TtsError,
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    messages::{event_message, problem_message},
    options::Options,
    queue::Queue,
    script::Script,
    sounding::{Next, Said, Sounding},
};
use crate::{http::Context, speech::Utterance};
use interrupt::BEHIND;

/// The client has gone.
pub struct Gone;

/// Messages that may wait to be told before the client's own are left unread.
const OUTBOX: usize = 64;

/// What is said on one connection, or on several one after the other.
pub struct Talk {
    pub(super) context: Arc<Context>,
    /// Ends with the service, or when the client says that the connection is about to end.
    pub(super) life: Lifecycle,
    pub(super) request_id: String,
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
    /// The client has been told that its binary messages mean nothing.
    pub(super) deaf: bool,
    /// What the last filler said.
    pub(super) last_filler: Option<String>,
    /// Utterances so far, for numbers, and for names of those that the client does not name.
    pub(super) count: u64,
}

/// The text that is being written.
pub(super) struct Writing {
    pub id: String,
    /// Of its script. When there is none any more, what still comes is for nobody.
    pub number: u64,
    /// It was stopped: what still comes of it is expected to be dropped.
    pub stopped: bool,
    /// The client has been told that what it sends is dropped.
    pub told: bool,
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
    /// The utterance whose `end` it is.
    end_of: Option<String>,
    /// Why and since when the sound was to stop.
    interrupted: Option<(&'static str, Instant)>,
}

impl Talk {
    pub fn new(context: Arc<Context>, request_id: String, token: String) -> Self {
        let options = Options::new(&context.settings.speech);
        let queue = Queue::new(context.speech.events().clone());
        Self {
            life: context.lifecycle.part(),
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
            deaf: false,
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
        let end_of = if let TtsEvent::End { id, .. } = event { Some(id.clone()) } else { None };
        self.outbox.push_back(Outgoing { message: event_message(event), lasting, end_of, interrupted: None });
    }

    pub fn problem(&mut self, id: Option<&str>, problem: &Problem) {
        let message = problem_message(id, problem, &self.request_id);
        self.outbox.push_back(Outgoing { message, lasting: true, end_of: None, interrupted: None });
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
        let Self { present, beginning, life, .. } = self;
        let next = async {
            match present {
                Some(present) => present.next(pace, earlier, life.stopping(), sender).await,
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
            Err(TtsError::EmptyText) if script.goes_on() => self.tell(&Sounding::of_said(script).end()),
            Err(error) => {
                self.forget(script.number, &error);
                let (id, language, format) =
                    (script.id.clone(), script.language().map(ToOwned::to_owned), script.format);
                let said = Sounding::of_said(script).said();
                self.failed(&id, language.as_deref(), format, error, said);
            }
        }
    }

    /// The next sound is this.
    pub(super) fn start(&mut self, sounding: Sounding) {
        self.told = true;
        self.tell(&sounding.start(Some(self.token.clone())));
        self.present = Some(sounding);
    }

    /// An utterance has failed. When nobody can speak, what is at hand for that is said.
    fn failed(&mut self, id: &str, language: Option<&str>, format: OutputFormat, error: TtsError, said: Said) {
        let nobody = error.fault() != Fault::Caller;
        let problem = error.into();
        let at_hand = nobody.then(|| self.context.speech.stock().outage(language, format)).flatten();
        let Some(pinned) = at_hand else { return self.problem(Some(id), &problem) };
        let mut outage = Sounding::pinned(id.to_owned(), SoundKind::Outage, pinned);
        (outage.problem, outage.instead_of) = (Some(problem), Some(said));
        self.start(outage);
    }

    /// All of the present utterance has been sent.
    fn over(&mut self) {
        let Some(mut over) = self.present.take() else { return };
        match (over.failed.take(), over.problem.take()) {
            (Some(error), _) => {
                over.given_up = true;
                if let Some(script) = &over.script {
                    self.forget(script.number, &error);
                }
                let language = over.script.as_ref().and_then(Script::language);
                self.failed(&over.id, language, over.format, error, over.said());
            }
            (None, Some(problem)) => self.problem(Some(&over.id), &problem),
            (None, None) => self.tell(&over.end()),
        }
        self.linger(over);
    }

    /// Who paused for too long begins anew: what it writes next is not for the text that is over.
    fn forget(&mut self, number: u64, error: &TtsError) {
        if matches!(error, TtsError::TextTimeout { .. }) {
            self.writing.take_if(|writing| writing.number == number);
        }
    }

    /// Until its client has played it, it can still be cancelled.
    fn linger(&mut self, mut sounding: Sounding) {
        let now = Instant::now();
        sounding.free();
        self.played.push_back(sounding);
        self.played.retain(|played| played.is_played_since(now.checked_sub(BEHIND).unwrap_or(now)));
    }

    /// Until when the listener hears what has been sent.
    pub fn heard_until(&self) -> Option<Instant> {
        self.present.as_ref().and_then(Sounding::dry).max(self.earlier())
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

    /// A text cannot be spoken whole, and does not end like one that was. If it is being spoken, what came before is heard first.
    pub(super) fn give_up(&mut self, number: u64, problem: Problem) {
        if let Some(present) = &mut self.present
            && let Some(script) = present.script.as_mut().filter(|script| script.number == number)
        {
            // Where its writer takes no more, the utterance fails, which is told too.
            let _ = script.end();
            (present.given_up, present.problem) = (true, Some(problem));
            return;
        }
        let beginning = self.beginning.take_if(|beginning| beginning.script.number == number).map(|it| it.script);
        for script in beginning.into_iter().chain(self.queue.take(|script| script.number == number)) {
            self.problem(Some(&script.id), &problem);
        }
    }

    /// The script of this number, wherever it is.
    pub(super) fn script(&mut self, number: u64) -> Option<&mut Script> {
        let present = self.present.as_mut().filter(|present| !present.given_up);
        let present = present.and_then(|present| present.script.as_mut());
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
            // One that was not told comes anew, behind what is said again.
            let end = self.outbox.iter().rposition(|outgoing| outgoing.end_of.as_ref() == Some(&script.id));
            end.and_then(|end| self.outbox.remove(end));
            self.queue.push_front(script);
        }
        self.played.clear();
    }

    /// The conversation goes on, on a new connection. The client has heard the present utterance up to the phrase `after`, if it
    /// says so, and means that of this `id`, if it says that.
    pub fn resume(&mut self, request_id: String, after: Option<i64>, id: Option<&str>) {
        self.request_id = request_id;
        // The connection that was about to end has ended.
        self.life = self.context.lifecycle.part();
        for (at, script) in self.queue.iter_mut().enumerate() {
            let present = at == 0 && id.is_none_or(|id| id == script.id);
            script.rewind(after.filter(|_| present));
        }
        let utterances = self.queue.iter_mut().map(|script| script.resumed()).collect();
        let message = event_message(&TtsEvent::Resumed { utterances });
        self.outbox.push_front(Outgoing { message, lasting: false, end_of: None, interrupted: None });
    }
}
