//! One text over a socket: an explicit state machine.
//!
//! | state | ends with | when |
//! |---|---|---|
//! | waiting | speaking | the first sound comes; `ws_first_audio_timeout_sec` |
//! | speaking | heard | all text was sent, and alignments say that all of it was heard; `ws_stall_timeout_sec` between pieces |
//! | heard | over | the service says so, or keeps silent for [`GRACE`] |
//!
//! Where there are no alignments, nobody knows when all has been heard but the service, which says so when its context is
//! closed: at the first sound when the text was whole, otherwise at sound that comes [`SETTLED`] after the text, or at silence.
//!
//! An error ends every state, but nobody is told of one once all was heard. Only [`Utterance::next`] tells errors, after the
//! sound that came before them. When a socket that had waited in the pool fails before the first sound,
//! [`Utterance::recover`] says all again on a fresh one; later nothing is ever said again.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use evervoice_core::audio::AudioChunk;
use futures_util::future::OptionFuture;
use tokio::time::{Instant, sleep_until};

use super::{
    context::Sound,
    place::{Line, Opening, Order, Place},
    script,
};
use crate::{decode::Decoder, error::ElevenLabsError, events::Totals, protocol::ClientMessage};

/// How long to wait for the word that it is over when all has been heard. Its listener has all the sound by then.
const GRACE: Duration = Duration::from_secs(1);

/// How long after a text the end of its context cannot overtake it: it was seen to within some ms.
const SETTLED: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Speaking,
    Heard,
    Over,
}

/// An utterance on a socket. Dropping it cancels it.
pub(super) struct Utterance {
    line: Arc<Line>,
    order: Order,
    place: Place,
    state: State,
    failed: Option<ElevenLabsError>,
    /// All text so far.
    text: String,
    /// Whether the text was whole from the beginning.
    whole: bool,
    /// Whether no more text will come.
    finished: bool,
    /// Whether the service shall speak all it has, and not wait for more text.
    awaited: bool,
    /// Whether the service was told that no more text comes.
    closed: bool,
    /// Text messages sent.
    texts: u64,
    /// When the last of them was, or the last wish for the sound of all.
    said: Instant,
    ready: VecDeque<AudioChunk>,
    /// When something must have come.
    due: Option<Instant>,
    /// When the first text was sent.
    began: Instant,
    totals: Totals,
}

impl Utterance {
    /// Sends `text`: all of it, or when not `whole` its first piece.
    pub async fn begin(line: Arc<Line>, order: Order, text: &str, whole: bool) -> Result<Self, ElevenLabsError> {
        let opening = Opening { line: &line, order: &order, text, finished: whole, flush: whole };
        let place = opening.place().await.map_err(|error| line.told(&order.request_id, error))?;
        Ok(Self::on(line, order, place, text, whole))
    }

    /// In a place where `text` was sent just now.
    fn on(line: Arc<Line>, order: Order, place: Place, text: &str, whole: bool) -> Self {
        let now = Instant::now();
        let auto_mode = line.settings.ws_auto_mode;
        let mut utterance = Self {
            line,
            order,
            place,
            state: State::Waiting,
            failed: None,
            text: text.to_owned(),
            whole,
            finished: whole,
            awaited: whole || auto_mode,
            closed: false,
            texts: 0,
            said: now,
            ready: VecDeque::new(),
            due: None,
            began: now,
            totals: Totals::default(),
        };
        utterance.sent(text);
        utterance
    }

    /// Samples per second of the chunks, in Hz.
    pub fn sample_rate(&self) -> u32 {
        self.place.decoder.sample_rate()
    }

    /// Whether no more text will come.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// Sends a further piece of text, and with `flush` asks for the sound of all so far. Where the socket is gone, it is part of
    /// what [`Self::recover`] says.
    pub async fn push_text(&mut self, text: &str, flush: bool) {
        self.text.push_str(text);
        self.place.aligned.append(text);
        self.awaited = flush || self.line.settings.ws_auto_mode;
        self.place.context.send(vec![script::text(&self.place.context, text, false, flush)]).await;
        self.sent(text);
    }

    /// Asks for the sound of all text so far.
    pub async fn flush(&mut self) {
        self.awaited = true;
        self.place.context.send(vec![self.place.context.encode(ClientMessage::Flush)]).await;
        self.said = Instant::now();
        self.wait_on();
    }

    /// No more text will come.
    pub async fn finish(&mut self) {
        self.finished = true;
        // On a socket for one utterance the end itself is a flush, and a flush would be a space more.
        if !self.place.context.single() {
            self.flush().await;
        }
        self.awaited = true;
        self.close_context(false);
        self.due = None;
        self.wait_on();
    }

    /// Tells the service that we are still there.
    pub async fn keep_alive(&mut self) {
        self.line.events.ws_keepalive_ping(self.place.context.socket());
        self.place.context.send(vec![self.place.context.encode(ClientMessage::KeepAlive)]).await;
    }

    /// The next chunk; `None` when all has been spoken. After an error only [`Self::recover`] goes on. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<AudioChunk, ElevenLabsError>> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Some(Ok(chunk));
            }
            if let Some(error) = self.failed.take() {
                return Some(Err(error));
            }
            if self.state == State::Over {
                return None;
            }
            let outcome = tokio::select! {
                biased;
                received = self.place.context.next() => match received {
                    Ok(sound) => self.received(sound),
                    Err(_) if self.state == State::Heard => self.end(),
                    Err(error) => Err(error),
                },
                Some(alive) = OptionFuture::from(self.place.alive.as_mut()) => {
                    self.place.alive = None;
                    alive
                }
                () = sleep_until(self.due.unwrap_or_else(Instant::now)), if self.due.is_some() => self.too_late(),
            };
            if let Err(error) = outcome {
                self.state = State::Over;
                self.failed = Some(self.line.told(&self.order.request_id, error));
            }
        }
    }

    /// After an error of [`Self::next`]: says all again on a fresh socket, if that one had waited and nothing was heard yet.
    ///
    /// # Errors
    /// `error` when not, or why the fresh one failed.
    pub async fn recover(&mut self, error: ElevenLabsError) -> Result<(), ElevenLabsError> {
        if !self.place.waited || self.totals.chunks > 0 || !error.repeatable() {
            return Err(error);
        }
        let Self { line, order, text, finished, awaited, .. } = self;
        let opening = Opening { line, order, text, finished: *finished, flush: *awaited };
        self.place = opening.fresh_place().await.map_err(|error| self.line.told(&self.order.request_id, error))?;
        (self.state, self.whole, self.closed, self.due) = (State::Waiting, self.finished, false, None);
        (self.texts, self.began) = (0, Instant::now());
        let text = self.text.clone();
        self.sent(&text);
        Ok(())
    }

    /// Text is on its way.
    fn sent(&mut self, text: &str) {
        self.texts += 1;
        self.said = Instant::now();
        let chars = text.chars().count();
        self.line.events.ws_send_text(&self.order.request_id, self.texts, chars, self.texts == 1);
        self.closed |= self.finished && self.place.context.single();
        self.wait_on();
    }

    /// Something came.
    fn received(&mut self, sound: Sound) -> Result<(), ElevenLabsError> {
        let Sound { bytes, alignment, last } = sound;
        self.place.alive = None;
        // A frame with nothing in it is no progress.
        let heard = !bytes.is_empty();
        let progress = heard || alignment.is_some();
        if heard {
            self.line.events.ws_recv_audio(&self.order.request_id, bytes.len());
            if self.totals.chunks == 0 {
                self.line.events.ws_first_audio(&self.order.request_id, self.began.elapsed(), bytes.len());
            }
            self.totals.chunks += 1;
            self.totals.bytes += bytes.len() as u64;
            self.state = State::Speaking;
        }
        let samples = self.place.decoder.push(&bytes)?;
        self.ready.extend(self.place.aligned.push(samples, alignment.as_ref()));
        if last {
            self.line.events.ws_final_received(&self.order.request_id);
            return self.end();
        }
        self.close_context(heard);
        if progress {
            self.due = None;
        }
        self.wait_on();
        Ok(())
    }

    /// Tells a context that no more text comes, when that cannot overtake the text.
    fn close_context(&mut self, sound: bool) {
        // Sound says that the text has arrived, but in an utterance of several it may be that of an earlier one.
        let settled = self.whole || (self.place.aligned.text_end().is_none() && self.said.elapsed() >= SETTLED);
        let safe = self.place.context.single() || self.place.aligned.heard_all() || (sound && settled);
        if self.finished && !self.closed && safe {
            self.closed = self.place.context.try_close();
        }
    }

    /// Whether all may have been heard, and nobody can tell: the service says so only when its context is closed.
    fn unsure(&self) -> bool {
        self.state == State::Speaking && self.finished && !self.closed && self.place.aligned.maybe_heard_all()
    }

    /// Sets when something must have come, unless that is set already or nothing is due.
    fn wait_on(&mut self) {
        if self.finished && self.place.aligned.heard_all() {
            self.state = State::Heard;
        }
        let more = self.state == State::Waiting || !self.place.aligned.maybe_heard_all();
        let due = self.finished || (self.awaited && more);
        if !due {
            self.due = None;
        } else if self.due.is_none() {
            self.due = Some(Instant::now() + self.patience());
        }
    }

    fn patience(&self) -> Duration {
        let settings = &self.line.settings;
        match self.state {
            State::Waiting => Duration::from_secs_f64(settings.ws_first_audio_timeout_sec),
            State::Speaking if self.unsure() => GRACE,
            State::Speaking => Duration::from_secs_f64(settings.ws_stall_timeout_sec),
            State::Heard | State::Over => GRACE,
        }
    }

    /// Nothing has come for too long.
    fn too_late(&mut self) -> Result<(), ElevenLabsError> {
        if self.state == State::Heard {
            return self.end();
        }
        // On a socket for one utterance the end was due before, but it may have had no room for it then.
        if self.unsure() || (self.finished && !self.closed && self.place.context.single()) {
            self.closed = self.place.context.try_close();
            if self.closed {
                self.due = None;
                self.wait_on();
                return Ok(());
            }
        }
        let what = if self.state == State::Waiting { "first sound" } else { "further sound" };
        Err(ElevenLabsError::Timeout { what, after: self.patience() })
    }

    /// All that will come has come.
    fn end(&mut self) -> Result<(), ElevenLabsError> {
        let spent = Decoder::new(self.order.key.format)?;
        let left = std::mem::replace(&mut self.place.decoder, spent).finish()?;
        self.ready.extend(self.place.aligned.push(left, None));
        // Text that is still to come would never be spoken.
        if !self.finished || self.place.aligned.finish().is_err() {
            return Err(match self.totals.chunks {
                0 => ElevenLabsError::Silent,
                _ => ElevenLabsError::Incomplete { text_end: self.place.aligned.text_end() },
            });
        }
        self.state = State::Over;
        self.totals.elapsed = self.began.elapsed();
        self.line.events.ws_stream_end(&self.order.request_id, self.totals);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
