//! One utterance: its text goes out as it is written, its sound is listened to, and perhaps the caller interrupts.

use std::time::Duration;

use evervoice_core::api::{SoundKind, SpeakBody, TtsCommand, TtsEvent};
use tokio::time::{Instant, sleep_until};

use super::letters::compare;
use super::line::{Failure, Heard, Line, Problem};
use super::listener;
use super::plan::{self, Turn};
use super::record::{Outcome, Record};
use crate::bench::stats::thousandths;

/// From the request for a filler to the first piece of text: a language model thinks.
const THINK: Duration = Duration::from_millis(400);

/// How long the answer to a `cancel` may take that came too late: the connection is given up after that.
const ANSWER: Duration = Duration::from_secs(5);

/// How everybody speaks.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Name of a voice.
    pub voice: Option<String>,
    /// Language as a BCP 47 tag.
    pub lang: Option<String>,
    /// Name of an output format.
    pub format: Option<String>,
    /// Deltas a second; 0 for the whole text at once.
    pub tokens_per_second: f64,
    /// Longest silence of the server.
    pub limit: Duration,
    /// Whether the sound is kept of utterances that ElevenLabs alone speaks.
    pub keep: bool,
}

/// The sound of an utterance.
#[derive(Debug, Default)]
pub struct Sound {
    /// As it came.
    pub bytes: Vec<u8>,
    /// Hz.
    pub sample_rate: u32,
    /// As in `start`.
    pub encoding: String,
}

/// What came of an utterance.
pub struct Said {
    /// All that is known of it.
    pub record: Record,
    /// Its sound, where it was to be kept and there was some.
    pub sound: Option<Sound>,
    /// Whether another utterance can follow on the connection.
    pub usable: bool,
}

/// Says `turn`. `record` has what is known of it before; its times count from `began`.
pub async fn say(line: &mut Line, turn: &Turn, manner: &Manner, record: Record, began: Instant) -> Said {
    let deltas = match manner.tokens_per_second {
        0.0 => vec![turn.text.as_str()],
        _ => plan::deltas(&turn.text),
    };
    let now = Instant::now();
    let saying = Saying {
        line,
        turn,
        manner,
        began,
        record,
        deltas,
        written: 0,
        text_at: now,
        first_text: None,
        filler_sent: None,
        cancelled: None,
        over: false,
        active: now,
        keep: manner.keep,
        sound: None,
        announced: String::new(),
    };
    saying.run().await
}

struct Saying<'a> {
    line: &'a mut Line,
    turn: &'a Turn,
    manner: &'a Manner,
    began: Instant,
    record: Record,
    deltas: Vec<&'a str>,
    /// Messages of text that have left: all deltas, and `end`.
    written: usize,
    /// When the first delta is due.
    text_at: Instant,
    first_text: Option<Instant>,
    filler_sent: Option<Instant>,
    /// When the caller interrupted.
    cancelled: Option<Instant>,
    /// The utterance has ended; the answer to a late `cancel` has not come yet.
    over: bool,
    /// When something last came or left.
    active: Instant,
    /// Whether the sound is kept so far.
    keep: bool,
    sound: Option<Sound>,
    /// The phrases that were announced, one after the other.
    announced: String,
}

impl Saying<'_> {
    async fn run(mut self) -> Said {
        let ended = self.through().await;
        let mut usable = true;
        if let Err(failure) = ended {
            // After a problem of the server the connection is as good as before.
            usable = !matches!(
                failure.code.as_str(),
                "connection_lost" | "no_answer" | "unreadable_message" | "bytes_mismatch"
            );
            // An utterance that had ended is not undone by what the connection does afterwards.
            if !self.over {
                self.record.outcome = Outcome::Failed;
                self.record.error = Some(failure.code);
                self.record.error_detail = Some(failure.detail);
            }
        }
        if usable && self.writing() {
            // The server drops what comes of a text that is over until its end.
            usable = self.line.send(&TtsCommand::End { id: Some(self.turn.id.clone()) }).await.is_ok();
        }
        if let Some(whole) = self.record.outcome.whole() {
            self.record.announced = Some(compare(&self.turn.text, &self.announced, whole));
        }
        let heard = self.line.listener.heard();
        if self.record.bytes > 0 {
            self.record.audio_ms = ms(heard.sound);
            (self.record.gap_max_ms, self.record.gap_sum_ms) = (ms(heard.gap_max), ms(heard.gap_sum));
            self.record.gaps = heard.gaps;
        }
        Said { record: self.record, sound: self.sound, usable }
    }

    /// To the end of the utterance.
    async fn through(&mut self) -> Result<(), Failure> {
        self.record.sent_ms = ms(Instant::now() - self.began);
        self.record.late_ms = thousandths(self.record.sent_ms - self.record.scheduled_ms);
        if let Some(context) = self.turn.filler {
            let filler = TtsCommand::Filler { id: Some(self.filler_id()), context: Some(context), text: None };
            self.send(filler).await?;
            self.filler_sent = Some(self.active);
            self.text_at = self.active + THINK;
        }
        loop {
            let (write_at, cancel_at, silence_at) = (self.write_at(), self.cancel_at(), self.silence_at());
            tokio::select! {
                heard = self.line.hear() => {
                    self.active = Instant::now();
                    if self.heard(heard?)? {
                        return Ok(());
                    }
                }
                () = sleep_until(write_at.unwrap_or(silence_at)), if write_at.is_some() => self.write().await?,
                () = sleep_until(cancel_at.unwrap_or(silence_at)), if cancel_at.is_some() => self.cancel().await?,
                () = sleep_until(silence_at) => {
                    let what = format!("сервер молчал {:.1} с", self.active.elapsed().as_secs_f64());
                    return Err(Failure::new("no_answer", what));
                }
            }
        }
    }

    fn filler_id(&self) -> String {
        format!("{}-filler", self.turn.id)
    }

    /// Whether the text has begun and has no end.
    fn writing(&self) -> bool {
        self.manner.tokens_per_second > 0.0 && (1..=self.deltas.len()).contains(&self.written)
    }

    /// When the next piece of text is due; `None` when all of it has left, or nobody wants to hear it any more.
    fn write_at(&self) -> Option<Instant> {
        let messages = self.deltas.len() + usize::from(self.manner.tokens_per_second > 0.0);
        if self.written >= messages || self.cancelled.is_some() || self.over {
            return None;
        }
        let Some(first) = self.first_text else { return Some(self.text_at) };
        // The end comes with the last delta.
        let delta = self.written.min(self.deltas.len() - 1);
        Some(first + Duration::from_secs_f64(delta as f64 / self.manner.tokens_per_second))
    }

    fn cancel_at(&self) -> Option<Instant> {
        let at = self.first_text? + self.turn.cancel?;
        (self.cancelled.is_none() && !self.over).then_some(at)
    }

    fn silence_at(&self) -> Instant {
        // While text is on its way there is nothing to answer yet.
        let active = self.write_at().map_or(self.active, |due| due.max(self.active));
        active + if self.over { ANSWER } else { self.manner.limit }
    }

    async fn write(&mut self) -> Result<(), Failure> {
        let id = Some(self.turn.id.clone());
        let first = self.written == 0;
        let command = match self.deltas.get(self.written) {
            None => TtsCommand::End { id },
            Some(text) => {
                let of_first = |value: &Option<String>| value.clone().filter(|_| first);
                let body = SpeakBody {
                    text: (*text).to_owned(),
                    voice: of_first(&self.manner.voice),
                    lang: of_first(&self.manner.lang),
                    speed: None,
                    format: of_first(&self.manner.format),
                };
                match self.manner.tokens_per_second {
                    0.0 => TtsCommand::Speak { id, body },
                    _ => TtsCommand::Text { id, body },
                }
            }
        };
        if first {
            let now = Instant::now();
            self.first_text = Some(now);
            self.record.first_text_ms = Some(ms(now - self.began));
        }
        self.send(command).await?;
        self.written += 1;
        Ok(())
    }

    async fn cancel(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        self.cancelled = Some(now);
        self.record.cancel_ms = self.first_text.map(|first| ms(now - first));
        self.record.cancel_reaction_ms = Some(0.0);
        let sounds = self.record.bytes > 0;
        self.record.played_ms = Some(if sounds { ms(self.line.listener.played(now)) } else { 0.0 });
        // Without a name: a caller interrupts whatever is being said.
        self.send(TtsCommand::Cancel { id: None, played_ms: None }).await
    }

    async fn send(&mut self, command: TtsCommand) -> Result<(), Failure> {
        self.line.send(&command).await?;
        self.active = Instant::now();
        Ok(())
    }

    /// Takes in what came; whether the utterance is over.
    fn heard(&mut self, heard: Heard) -> Result<bool, Failure> {
        match heard {
            Heard::Nothing => Ok(false),
            Heard::Sound(bytes) => {
                self.take(&bytes);
                Ok(false)
            }
            Heard::Problem(problem) => self.problem(problem),
            Heard::Event(event) => self.event(event),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let now = self.active;
        let Some(sounding) = &self.line.sounding else { return };
        let length = listener::length(bytes.len() as u64, sounding.sample_rate, sounding.sample_bytes());
        let ours = sounding.id == self.turn.id;
        let first = sounding.bytes == bytes.len() as u64;
        if ours && sounding.kind == SoundKind::Speech {
            if first {
                self.record.first_audio_ms = self.first_text.map(|text| ms(now - text));
            }
            if self.keep {
                let kept = self.sound.get_or_insert_with(|| Sound {
                    bytes: Vec::new(),
                    sample_rate: sounding.sample_rate,
                    encoding: sounding.encoding.clone(),
                });
                kept.bytes.extend_from_slice(bytes);
            }
        } else if first && let Some(sent) = self.filler_sent.filter(|_| sounding.id == self.filler_id()) {
            self.record.filler_ms = Some(ms(now - sent));
        }
        self.line.listener.sound(length, now);
        if ours {
            self.record.bytes += bytes.len() as u64;
            if let Some(cancelled) = self.cancelled {
                self.record.cancel_reaction_ms = Some(ms(now - cancelled));
            }
        }
    }

    fn problem(&mut self, problem: Problem) -> Result<bool, Failure> {
        let late = problem.code.as_deref() == Some("nothing_to_cancel");
        match &problem.id {
            Some(id) if *id == self.filler_id() => {
                self.record.filler_error = problem.code;
                Ok(false)
            }
            // Of an utterance before.
            Some(id) if *id != self.turn.id => Ok(false),
            // The utterance had ended when the caller interrupted, and its end has come already or is on its way.
            _ if late && self.cancelled.is_some() => {
                self.record.cancel_answer_ms = self.cancelled.map(|at| ms(self.active - at));
                Ok(self.over)
            }
            _ => Err(problem.into()),
        }
    }

    fn event(&mut self, event: TtsEvent) -> Result<bool, Failure> {
        let ours = |id: &str| id == self.turn.id;
        match event {
            TtsEvent::Start { id, kind, provider, .. } => {
                self.line.listener.begin();
                if ours(&id) && kind == SoundKind::Speech {
                    self.record.provider_start = Some(provider.clone());
                    self.speaks(provider);
                }
                self.record.outage |= ours(&id) && kind == SoundKind::Outage;
            }
            TtsEvent::Phrase { id, text, .. } if ours(&id) => {
                self.record.phrases += 1;
                self.announced.push_str(&text);
            }
            TtsEvent::Provider { id, to, .. } if ours(&id) => {
                self.record.switches += 1;
                self.speaks(to);
            }
            TtsEvent::End { id, bytes, .. } if ours(&id) => {
                if self.line.sounding.as_ref().is_some_and(|sounding| sounding.kind == SoundKind::Outage) {
                    // The problem follows.
                    return Ok(false);
                }
                self.whole(bytes)?;
                self.record.outcome = Outcome::Complete;
                self.over = true;
                return Ok(self.cancelled.is_none() || self.record.cancel_answer_ms.is_some());
            }
            TtsEvent::Cancelled { id, heard_chars, heard_ms, bytes, .. } if ours(&id) => {
                let Some(at) = self.cancelled else {
                    return Err(Failure::new("cancelled", "сервер прервал реплику сам"));
                };
                self.record.cancel_answer_ms = Some(ms(self.active - at));
                self.record.heard_chars = Some(heard_chars);
                self.record.heard_ms = Some(heard_ms);
                self.whole(bytes)?;
                self.record.outcome = Outcome::Cancelled;
                // What was not played yet is thrown away.
                self.line.listener.clear();
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    /// This provider has the word.
    fn speaks(&mut self, provider: String) {
        if !provider.starts_with("elevenlabs") {
            self.keep = false;
            self.sound = None;
        }
        self.record.provider_end = Some(provider);
    }

    /// As many bytes must have come as were sent.
    fn whole(&self, sent: u64) -> Result<(), Failure> {
        match self.record.bytes {
            came if came == sent => Ok(()),
            came => Err(Failure::new("bytes_mismatch", format!("отправлено байт: {sent}, получено: {came}"))),
        }
    }
}

/// Milliseconds, to the µs.
pub fn ms(duration: Duration) -> f64 {
    thousandths(duration.as_secs_f64() * 1000.0)
}
