//! What is said on one WebSocket, and what waits.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use axum::{
    extract::ws::{CloseFrame, Message},
    http::StatusCode,
};
use evervoice_core::{
    api::{CancelReason, SoundKind, SpeakBody, TtsCommand, TtsEvent},
    audio::OutputFormat,
    service::Problem,
    tts::{SpeechRequest, TtsError},
};
use tokio::sync::mpsc;

use super::messages::{event_message, parse, problem_message};
use crate::{
    http::{Context, check},
    speech::{Phrases, Step, TextError, TextWriter, Utterance},
};

/// The client has gone.
pub struct Gone;

/// What is said on one socket.
pub struct Talk<'a> {
    context: &'a Context,
    request_id: &'a str,
    sender: mpsc::Sender<Message>,
    queue: VecDeque<Waiting>,
    beginning: Option<Beginning>,
    current: Option<Current>,
    writing: Option<Writing>,
    /// Utterances so far, for names of those that the client does not name.
    count: u64,
}

struct Waiting {
    id: String,
    text: Text,
    format: OutputFormat,
}

enum Text {
    Whole(SpeechRequest),
    Phrases(Phrases),
}

/// An utterance whose text is still being written.
struct Writing {
    id: String,
    /// Whether the client named it.
    named: bool,
    /// `None` when the utterance is over before its text is: what still comes of it is for nobody.
    writer: Option<TextWriter>,
}

/// Between its request and its first sound.
struct Beginning {
    id: String,
    begun: Pin<Box<dyn Future<Output = Result<Utterance, TtsError>> + Send>>,
}

struct Current {
    id: String,
    utterance: Utterance,
    bytes: u64,
}

impl<'a> Talk<'a> {
    pub fn new(context: &'a Context, request_id: &'a str, sender: mpsc::Sender<Message>) -> Self {
        let (queue, beginning, current, writing) = (VecDeque::new(), None, None, None);
        Self { context, request_id, sender, queue, beginning, current, writing, count: 0 }
    }

    pub fn has_work(&self) -> bool {
        self.current.is_some() || self.beginning.is_some() || !self.queue.is_empty()
    }

    /// The next step of what is being said. Can be dropped and called again without losing sound.
    pub async fn go_on(&mut self) -> Result<(), Gone> {
        let place = self.sender.clone().reserve_owned().await.map_err(|_| Gone)?;
        let Some(current) = &mut self.current else { return self.begin(place).await };
        match current.utterance.step().await {
            Some(Ok(Step::Audio(bytes))) => {
                current.bytes += bytes.len() as u64;
                place.send(Message::Binary(bytes));
            }
            Some(Ok(Step::Phrase(phrase))) => {
                let (id, start_ms) = (current.id.clone(), current.utterance.audio_ms());
                place.send(event_message(&TtsEvent::Phrase { id, index: phrase.index, text: phrase.text, start_ms }));
            }
            Some(Ok(Step::Provider { from, to })) => {
                let (id, at_ms) = (current.id.clone(), current.utterance.audio_ms());
                let (from, to) = (from.to_owned(), to.to_owned());
                place.send(event_message(&TtsEvent::Provider { id, from, to, at_ms }));
            }
            Some(Err(error)) => {
                let id = std::mem::take(&mut current.id);
                self.current = None;
                place.send(problem_message(Some(&id), &error.into(), self.request_id));
            }
            None => {
                let (id, audio_ms, bytes) =
                    (std::mem::take(&mut current.id), current.utterance.audio_ms(), current.bytes);
                self.current = None;
                place.send(event_message(&TtsEvent::End { id, audio_ms, bytes }));
            }
        }
        Ok(())
    }

    /// Begins the utterance that has waited longest.
    async fn begin(&mut self, place: mpsc::OwnedPermit<Message>) -> Result<(), Gone> {
        if self.beginning.is_none()
            && let Some(Waiting { id, text, format }) = self.queue.pop_front()
        {
            let (speech, request_id) = (Arc::clone(&self.context.speech), self.request_id.to_owned());
            let begun = Box::pin(async move {
                match text {
                    Text::Whole(request) => speech.speak(request, format, &request_id).await,
                    Text::Phrases(phrases) => speech.speak_phrases(phrases, format, &request_id).await,
                }
            });
            self.beginning = Some(Beginning { id, begun });
        }
        let Some(beginning) = &mut self.beginning else { return Ok(()) };
        let begun = (&mut beginning.begun).await;
        let id = self.beginning.take().map(|beginning| beginning.id).unwrap_or_default();
        match begun {
            Ok(utterance) => {
                let audio = utterance.format.audio();
                place.send(event_message(&TtsEvent::Start {
                    id: id.clone(),
                    kind: SoundKind::Speech,
                    format: utterance.format.name().to_owned(),
                    encoding: audio.encoding.name().to_owned(),
                    sample_rate: audio.sample_rate,
                    channels: audio.channels,
                    provider: utterance.provider.to_owned(),
                    resume_token: None,
                }));
                self.current = Some(Current { id, utterance, bytes: 0 });
            }
            Err(error) => {
                place.send(problem_message(Some(&id), &error.into(), self.request_id));
            }
        }
        Ok(())
    }

    pub async fn command(&mut self, text: &str) -> Result<(), Gone> {
        match parse(text) {
            Ok(TtsCommand::Speak { id, body }) => {
                let id = self.name(id);
                match self.check(body).map(|(request, format)| (Text::Whole(request), format)) {
                    Ok((text, format)) => {
                        self.queue.push_back(Waiting { id, text, format });
                        Ok(())
                    }
                    Err(problem) => self.problem(Some(&id), &problem).await,
                }
            }
            Ok(TtsCommand::Text { id, body }) => self.text(id, body).await,
            Ok(TtsCommand::Flush { id }) => self.written(id, false).await,
            Ok(TtsCommand::End { id }) => self.written(id, true).await,
            Ok(TtsCommand::Cancel { id, .. }) => self.cancel(id).await,
            Ok(TtsCommand::Filler { id, .. }) => {
                self.problem(id.as_deref(), &Problem::unprocessable("no_filler", "there is no filler")).await
            }
            Ok(TtsCommand::Config(_)) => Ok(()),
            Err((id, problem)) => self.problem(id.as_deref(), &problem).await,
        }
    }

    fn name(&mut self, id: Option<String>) -> String {
        self.count += 1;
        id.unwrap_or_else(|| self.count.to_string())
    }

    fn check(&self, body: SpeakBody) -> Result<(SpeechRequest, OutputFormat), Problem> {
        match check(body, self.context.speech.limits()) {
            _ if self.context.lifecycle.is_stopping() => Err(shutting_down()),
            Ok((_, OutputFormat::Wav)) => {
                let what = "a WebSocket streams raw sound; POST /api/tts/wav gives WAV";
                Err(Problem::unprocessable("unknown_format", what))
            }
            Ok(_) if self.queue.len() >= self.context.settings.speech.socket_queue => {
                Err(TtsError::Overloaded { retry_after: Duration::from_secs(1) }.into())
            }
            checked => checked,
        }
    }

    /// A piece of a text: the first one of an utterance, or the next one of the utterance that is being written.
    async fn text(&mut self, id: Option<String>, body: SpeakBody) -> Result<(), Gone> {
        let continues = match (&self.writing, &id) {
            (Some(writing), Some(id)) => *id == writing.id,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if let (Some(writing @ Writing { writer: Some(_), .. }), false) = (&self.writing, continues) {
            let what = format!("the text of {:?} has no end yet; send its `end` first", writing.id);
            return self.problem(id.as_deref(), &Problem::unprocessable("text_unfinished", what)).await;
        }
        let piece = body.text.clone();
        if !continues {
            let named = id.is_some();
            let id = self.name(id);
            // A first piece may be white space; the text as a whole is checked when it ends.
            match self.check(SpeakBody { text: "x".to_owned(), ..body }) {
                Ok((template, format)) => {
                    let (writer, phrases) = self.context.speech.phrases(template);
                    self.queue.push_back(Waiting { id: id.clone(), text: Text::Phrases(phrases), format });
                    self.writing = Some(Writing { id, named, writer: Some(writer) });
                }
                Err(problem) => {
                    // Its further pieces are for nobody.
                    self.writing = Some(Writing { id: id.clone(), named, writer: None });
                    return self.problem(Some(&id), &problem).await;
                }
            }
        } else if body.voice.is_some() || body.lang.is_some() || body.speed.is_some() || body.format.is_some() {
            let what = "only the first piece of a text may say how it is to be spoken";
            return self.problem(id.as_deref(), &Problem::unprocessable("invalid_field", what)).await;
        }
        self.write(|writer| writer.push(&piece)).await
    }

    /// `flush` and `end`: what has been written is spoken, sentence or not.
    async fn written(&mut self, id: Option<String>, end: bool) -> Result<(), Gone> {
        let fits = self.writing.as_ref().is_some_and(|writing| id.as_ref().is_none_or(|id| *id == writing.id));
        if !fits {
            let what = "no text of this name is being written";
            return self.problem(id.as_deref(), &Problem::unprocessable("no_text", what)).await;
        }
        if !end {
            return self.write(TextWriter::flush).await;
        }
        if let Some(writer) = self.writing.take().and_then(|writing| writing.writer) {
            // An utterance that is over has said so.
            let _ = writer.end();
        }
        Ok(())
    }

    async fn write(&mut self, step: impl FnOnce(&mut TextWriter) -> Result<(), TextError>) -> Result<(), Gone> {
        let Some(writing) = &mut self.writing else { return Ok(()) };
        let Some(writer) = &mut writing.writer else { return Ok(()) };
        let error = match step(writer) {
            Ok(()) => return Ok(()),
            Err(TextError::TooLong { chars, limit }) => TtsError::TextTooLong { chars, limit },
            Err(TextError::Full) => TtsError::Overloaded { retry_after: Duration::from_secs(1) },
            // The utterance has failed and said so.
            Err(TextError::Over) => {
                writing.writer = None;
                return Ok(());
            }
        };
        writing.writer = None;
        let id = writing.id.clone();
        // A text that cannot be spoken whole does not end like one that was.
        self.take(|candidate| candidate == id);
        self.problem(Some(&id), &error.into()).await
    }

    async fn cancel(&mut self, id: Option<String>) -> Result<(), Gone> {
        let wanted = |candidate: &str| id.as_deref().is_none_or(|id| id == candidate);
        let cancelled = self.take(wanted);
        // More of a cancelled text may be under way; by its name it is known to be for nobody until its `end`.
        if let Some(mut writing) = self.writing.take_if(|writing| wanted(&writing.id)) {
            writing.writer = None;
            self.writing = Some(writing).filter(|writing| writing.named);
        }
        if cancelled.is_empty() {
            let what = "nothing of this name is being said, or waits to be";
            return self.problem(id.as_deref(), &Problem::unprocessable("nothing_to_cancel", what)).await;
        }
        for event in cancelled {
            self.sender.send(event_message(&event)).await.map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// Drops what is said and what waits under these names.
    fn take(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<TtsEvent> {
        let mut taken = Vec::new();
        if let Some(Current { id, utterance, bytes }) = self.current.take_if(|current| wanted(&current.id)) {
            let heard = utterance.ledger().heard(utterance.ledger().length()).to_owned();
            let (heard_chars, audio_ms) = (heard.chars().count() as u64, utterance.audio_ms());
            let reason = CancelReason::Cancel;
            taken.push(TtsEvent::Cancelled { id, reason, heard, heard_chars, heard_ms: audio_ms, audio_ms, bytes });
        }
        let silent = |id| TtsEvent::Cancelled {
            id,
            reason: CancelReason::Cancel,
            heard: String::new(),
            heard_chars: 0,
            heard_ms: 0,
            audio_ms: 0,
            bytes: 0,
        };
        taken.extend(self.beginning.take_if(|beginning| wanted(&beginning.id)).map(|beginning| silent(beginning.id)));
        let (gone, staying) = self.queue.drain(..).partition(|waiting| wanted(&waiting.id));
        self.queue = staying;
        let gone: VecDeque<Waiting> = gone;
        taken.extend(gone.into_iter().map(|waiting| silent(waiting.id)));
        taken
    }

    pub async fn close(&mut self, frame: CloseFrame) {
        let _ = self.sender.send(Message::Close(Some(frame))).await;
    }

    pub async fn problem(&mut self, id: Option<&str>, problem: &Problem) -> Result<(), Gone> {
        self.sender.send(problem_message(id, problem, self.request_id)).await.map_err(|_| Gone)
    }
}

fn shutting_down() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the service is shutting down")
}
