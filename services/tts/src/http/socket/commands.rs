//! What the client says.

use std::time::Duration;

use axum::http::StatusCode;
use evervoice_core::{
    api::{CancelReason, FillerContext, SoundKind, SpeakBody, TtsCommand},
    audio::OutputFormat,
    service::Problem,
    tts::{SpeechRequest, TtsError},
};
use tokio::time::Instant;

use super::{
    guard::Guard,
    messages::parse,
    script::Script,
    sounding::Sounding,
    talk::{Talk, Writing},
};
use crate::speech::TextError;

impl Talk {
    /// A text message has come. What is to be told about it waits in the outbox.
    pub fn command(&mut self, text: &str) {
        let came = Instant::now();
        match parse(text) {
            Ok(TtsCommand::Speak { id, body }) => self.speak(id, body),
            Ok(TtsCommand::Text { id, body }) => self.text(id, body),
            Ok(TtsCommand::Flush { id }) => self.written(id, false),
            Ok(TtsCommand::End { id }) => self.written(id, true),
            Ok(TtsCommand::Cancel { id, played_ms }) => self.cancel(id, played_ms, came),
            Ok(TtsCommand::Filler { id, context, text }) => self.filler(id, context, text.as_deref(), came),
            Ok(TtsCommand::Config(config)) => {
                self.deaf = false;
                if let Err(problem) = self.options.apply(config, self.context.speech.limits()) {
                    self.problem(None, &problem);
                }
            }
            Ok(TtsCommand::Drain) => self.life.stop(),
            Err((id, problem)) => self.problem(id.as_deref(), &problem),
        }
    }

    /// The caller's sound has come.
    pub fn caller(&mut self, sound: &[u8]) {
        let came = Instant::now();
        let holdoff = self.options.guard.as_ref().map(|guard: &Guard| guard.settings().holdoff_ms);
        let can = holdoff.is_some_and(|ms| self.can_be_interrupted(Duration::from_millis(ms)));
        match &mut self.options.guard {
            Some(guard) => {
                if guard.hear(sound, can) {
                    self.stop(None, None, CancelReason::BargeIn, came);
                }
            }
            // Once: a microphone has 50 frames a second.
            None if std::mem::replace(&mut self.deaf, true) => {}
            None => {
                let what = "a client sends text messages (JSON); binary ones are the caller's sound, once `barge_in` is enabled";
                self.problem(None, &Problem::bad_request("text_message_expected", what));
            }
        }
    }

    fn speak(&mut self, id: Option<String>, body: SpeakBody) {
        let (number, id) = self.name(id);
        let text = body.text.clone();
        match self.check(body) {
            Ok((request, format)) => {
                let mut script = self.new_script(number, id, request, format);
                // It has been checked to be no longer than allowed, and nobody takes it yet.
                let _ = script.push(&text).and_then(|()| script.end());
                self.queue.push_back(script);
            }
            Err(problem) => self.problem(Some(&id), &problem),
        }
    }

    fn name(&mut self, id: Option<String>) -> (u64, String) {
        self.count += 1;
        (self.count, id.unwrap_or_else(|| self.count.to_string()))
    }

    fn new_script(&self, number: u64, id: String, template: SpeechRequest, format: OutputFormat) -> Script {
        Script::new(number, id, template, format, self.context.speech.limits().max_chars)
    }

    fn check(&self, body: SpeakBody) -> Result<(SpeechRequest, OutputFormat), Problem> {
        match self.options.request(body, self.context.speech.limits()) {
            _ if self.life.is_stopping() => Err(shutting_down()),
            Ok(_) if self.queue.len() >= self.context.settings.speech.socket_queue => {
                self.context.speech.events().rejected(&self.request_id);
                Err(TtsError::Overloaded { retry_after: Duration::from_secs(1) }.into())
            }
            checked => checked,
        }
    }

    /// A piece of a text: the first one of an utterance, or the next one of the utterance that is being written.
    fn text(&mut self, id: Option<String>, body: SpeakBody) {
        let continues = self.writing.as_ref().is_some_and(|writing| id.as_ref().is_none_or(|id| *id == writing.id));
        let unfinished =
            self.writing.as_ref().filter(|_| !continues).map(|writing| (writing.number, writing.id.clone()));
        if let Some((number, unfinished)) = unfinished
            && self.script(number).is_some()
        {
            let what = format!("the text of {unfinished:?} has no end yet; send its `end` first");
            return self.problem(id.as_deref(), &Problem::unprocessable("text_unfinished", what));
        }
        let piece = body.text.clone();
        let over = self.writing.as_ref().filter(|_| continues).map(|writing| writing.number);
        if over.is_some_and(|number| self.script(number).is_none()) {
            return self.for_nobody(id.is_some());
        }
        if !continues {
            let (number, id) = self.name(id);
            // If there is a problem, its further pieces are for nobody.
            self.writing = Some(Writing { id: id.clone(), number, stopped: false, told: false });
            // A first piece may be white space; the text as a whole is checked when it ends.
            match self.check(SpeakBody { text: "x".to_owned(), ..body }) {
                Ok((template, format)) => {
                    let script = self.new_script(number, id, template, format);
                    self.queue.push_back(script);
                }
                Err(problem) => return self.problem(Some(&id), &problem),
            }
        } else if body.voice.is_some() || body.lang.is_some() || body.speed.is_some() || body.format.is_some() {
            let what = "only the first piece of a text may say how it is to be spoken";
            return self.problem(id.as_deref(), &Problem::unprocessable("invalid_field", what));
        }
        self.write(|script| script.push(&piece));
    }

    /// A piece of a text that is over. Who stopped it by name expects that it is dropped; everybody else is told, once: it may be
    /// a new text.
    fn for_nobody(&mut self, is_named: bool) {
        let Some(writing) = &mut self.writing else { return };
        if (writing.stopped && is_named) || std::mem::replace(&mut writing.told, true) {
            return;
        }
        let id = writing.id.clone();
        let what =
            format!("the text of {id:?} is over, and pieces of it are dropped; send its `end` before the next text");
        self.problem(Some(&id), &Problem::unprocessable("text_over", what));
    }

    /// `flush` and `end`: what has been written is spoken, sentence or not.
    fn written(&mut self, id: Option<String>, end: bool) {
        let fits = self.writing.as_ref().is_some_and(|writing| id.as_ref().is_none_or(|id| *id == writing.id));
        if !fits {
            let what = "no text of this name is being written";
            return self.problem(id.as_deref(), &Problem::unprocessable("no_text", what));
        }
        self.write(if end { Script::end } else { Script::flush });
        if end {
            self.writing = None;
        }
    }

    /// Does something with the script that is being written. One that is over has said so.
    fn write(&mut self, step: impl FnOnce(&mut Script) -> Result<(), TextError>) {
        let Some(number) = self.writing.as_ref().map(|writing| writing.number) else { return };
        let Some(script) = self.script(number) else { return };
        let error = match step(script) {
            Ok(()) | Err(TextError::Over) => return,
            Err(TextError::TooLong { chars, limit }) => TtsError::TextTooLong { chars, limit },
            Err(TextError::Full) => {
                self.context.speech.events().rejected(&self.request_id);
                TtsError::Overloaded { retry_after: Duration::from_secs(1) }
            }
        };
        self.give_up(number, error.into());
    }

    fn cancel(&mut self, id: Option<String>, played_ms: Option<u64>, came: Instant) {
        if !self.stop(id.as_deref(), played_ms, CancelReason::Cancel, came) {
            let what = "nothing of this name is being said, or waits to be";
            self.problem(id.as_deref(), &Problem::unprocessable("nothing_to_cancel", what));
        }
    }

    fn filler(&mut self, id: Option<String>, context: Option<FillerContext>, said: Option<&str>, came: Instant) {
        let (_, id) = self.name(id);
        if self.life.is_stopping() {
            return self.problem(Some(&id), &shutting_down());
        }
        if self.is_sounding() {
            let what = "a filler is for silence; something is being said";
            return self.problem(Some(&id), &Problem::new(StatusCode::CONFLICT, "already_speaking", what));
        }
        let (language, format) = self.options.language_and_format();
        let last = self.last_filler.as_deref();
        let Some(pinned) = self.context.speech.stock().filler(language, context, said, last, format) else {
            let what = "there is no filler at hand for this language";
            return self.problem(Some(&id), &Problem::new(StatusCode::NOT_FOUND, "no_filler", what));
        };
        self.last_filler = Some(pinned.text.clone());
        let mut filler = Sounding::pinned(id, SoundKind::Filler, pinned);
        filler.asked = Some(came);
        self.start(filler);
    }
}

fn shutting_down() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the service is shutting down")
}
