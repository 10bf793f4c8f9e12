//! The bodies of speech answers.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Body, Endpoint};
use crate::audio::{Codec, Format, wav_header};
use crate::faults::{Armed, Fault};
use crate::net::Link;
use crate::state::{Counted, State};
use crate::synthesis::{Piece, Synthesis};

/// What is to be spoken.
pub(super) struct Speech {
    pub(super) text: String,
    pub(super) model: String,
    pub(super) format: Format,
    pub(super) speed: f64,
}

impl Speech {
    /// In credits.
    pub(super) fn cost(&self) -> usize {
        let characters = self.text.chars().count();
        let half = self.model.contains("flash") || self.model.contains("turbo");
        if half { characters.div_ceil(2) } else { characters }
    }
}

/// The body, as soon as there is sound.
pub(super) async fn body(
    state: &Arc<State>,
    link: &Arc<Link>,
    endpoint: Endpoint,
    speech: Speech,
    armed: Option<Armed>,
    generating: Counted,
    arrived: Duration,
) -> Body {
    let start = arrived + state.config.first_byte;
    state.real.sleep_until(start).await;
    let synthesis = Synthesis::new(state, speech.format, speech.speed);
    if endpoint.streams() {
        let (sender, receiver) = mpsc::channel(4);
        let pieces = Pieces { state: state.clone(), link: link.clone(), sender, armed, sent: Duration::ZERO };
        let task = stream(pieces, endpoint, speech, synthesis, start);
        let shutdown = state.shutdown.clone();
        state.tasks.spawn(async move {
            let _generating = generating;
            shutdown.run_until_cancelled(task).await;
        });
        return Body::Pieces(receiver);
    }
    let (whole, length) = whole(endpoint, speech, synthesis, armed.as_ref());
    if state.config.pace > 0.0 {
        state.real.sleep_until(start + length.div_f64(state.config.pace)).await;
    }
    drop(generating);
    match &armed {
        Some(armed) if armed.fault == Fault::HttpEmptyBody => Body::whole(""),
        Some(armed) if breaks(armed.fault, endpoint) => {
            let (sender, receiver) = mpsc::channel(4);
            let mut pieces =
                Pieces { state: state.clone(), link: link.clone(), sender, armed: Some(armed.clone()), sent: length };
            let half = whole.slice(..whole.len() / 2);
            state.tasks.spawn(async move {
                // A receiver that is gone needs no fault.
                let _ = pieces.sender.send(Ok(half)).await;
                let _ = pieces.break_off().await;
            });
            Body::Pieces(receiver)
        }
        fault => {
            if fault.as_ref().is_some_and(|armed| armed.fault == Fault::HttpKeepAliveClose) {
                hang_up_soon(state, link);
            }
            Body::whole(whole)
        }
    }
}

/// Whether a fault breaks the body off.
fn breaks(fault: Fault, endpoint: Endpoint) -> bool {
    match fault {
        Fault::HttpBodyCut | Fault::HttpBodyReset | Fault::HttpBodyStall => true,
        Fault::HttpMalformedJson | Fault::HttpBadBase64 => !endpoint.is_json(),
        _ => false,
    }
}

fn hang_up_soon(state: &Arc<State>, link: &Arc<Link>) {
    // The answer has left by then, and the connection is idle.
    const SOON: Duration = Duration::from_millis(5);
    let (clock, link) = (state.real.clone(), link.clone());
    state.tasks.spawn(async move {
        clock.sleep(SOON).await;
        link.hang_up();
    });
}

fn whole(endpoint: Endpoint, speech: Speech, mut synthesis: Synthesis, armed: Option<&Armed>) -> (Bytes, Duration) {
    let mut characters: VecDeque<char> = speech.text.chars().collect();
    let mut piece = synthesis.speak(&mut characters, usize::MAX);
    piece.audio.extend(synthesis.finish());
    if speech.format.codec == Codec::Wav {
        let header = wav_header(speech.format.sample_rate, piece.audio.len() as u32);
        piece.audio.splice(..0, header);
    }
    if !endpoint.is_json() {
        return (piece.audio.into(), synthesis.position());
    }
    let bytes = match armed.map(|armed| armed.fault) {
        Some(Fault::HttpMalformedJson) => "{\"audio_base64\": \"".into(),
        Some(Fault::HttpBadBase64) => line(&piece, "~not base64~", 0),
        _ => line(&piece, &piece.base64(), 0),
    };
    (bytes.into(), synthesis.position())
}

async fn stream(mut pieces: Pieces, endpoint: Endpoint, speech: Speech, mut synthesis: Synthesis, start: Duration) {
    let state = pieces.state.clone();
    if pieces.armed.as_ref().is_some_and(|armed| armed.fault == Fault::HttpEmptyBody) {
        return;
    }
    let restart = state.faults.guesses().http_times_restart;
    let mut characters: VecDeque<char> = speech.text.chars().collect();
    let count = synthesis.characters_in(state.config.frame_ms);
    let mut first = true;
    while !characters.is_empty() {
        if state.config.pace > 0.0 && !first {
            state.real.sleep_until(start + synthesis.position().div_f64(state.config.pace)).await;
        }
        first = false;
        if pieces.fault_is_due(endpoint, false).await.is_err() {
            return;
        }
        let mut piece = synthesis.speak(&mut characters, count);
        if characters.is_empty() {
            piece.audio.extend(synthesis.finish());
        }
        let bytes = if endpoint.is_json() {
            let from = if restart { piece.bounds_us[0] } else { 0 };
            let mut line = match pieces.take_if(Fault::HttpBadBase64) {
                true => line(&piece, "~not base64~", from),
                false => line(&piece, &piece.base64(), from),
            };
            line.push('\n');
            line.into_bytes()
        } else {
            piece.audio
        };
        if pieces.send(bytes).await.is_err() {
            return;
        }
        pieces.sent = synthesis.position();
    }
    if pieces.fault_is_due(endpoint, true).await.is_ok()
        && pieces.armed.as_ref().is_some_and(|armed| armed.fault == Fault::HttpKeepAliveClose)
    {
        hang_up_soon(&state, &pieces.link);
    }
}

/// The object with timestamps, times counted from a place in the sound.
fn line(piece: &Piece, base64: &str, from_us: u64) -> String {
    let seconds = |bound: &u64| (bound - from_us) as f64 / 1e6;
    let (starts, ends) = (&piece.bounds_us[..piece.characters.len()], &piece.bounds_us[1..]);
    let alignment = json!({
        "characters": piece.characters,
        "character_start_times_seconds": starts.iter().map(seconds).collect::<Vec<_>>(),
        "character_end_times_seconds": ends.iter().map(seconds).collect::<Vec<_>>(),
    });
    let line: Value = json!({"audio_base64": base64, "alignment": alignment, "normalized_alignment": alignment});
    line.to_string()
}

/// The far end has left, or a fault has ended the body.
struct Ended;

/// Sends the pieces of a body.
struct Pieces {
    state: Arc<State>,
    link: Arc<Link>,
    sender: mpsc::Sender<io::Result<Bytes>>,
    armed: Option<Armed>,
    /// The sound that was sent.
    sent: Duration,
}

impl Pieces {
    async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Ended> {
        let mut bytes = Bytes::from(bytes);
        while !bytes.is_empty() {
            // Real chunks have any size, often odd, and know nothing of samples.
            let size = if self.state.config.chunking { 1 + self.state.random(4600) as usize } else { bytes.len() };
            let piece = bytes.split_to(size.min(bytes.len()));
            self.sender.send(Ok(piece)).await.map_err(|_| Ended)?;
        }
        Ok(())
    }

    /// Takes the fault away if it is this one and its time has come.
    fn take_if(&mut self, fault: Fault) -> bool {
        let sent = self.sent;
        self.armed.take_if(|armed| armed.fault == fault && armed.trigger.is_due(sent)).is_some()
    }

    /// Does what the fault says, at the latest at the end.
    async fn fault_is_due(&mut self, endpoint: Endpoint, end: bool) -> Result<(), Ended> {
        let Some(armed) = &self.armed else { return Ok(()) };
        if !(end || armed.trigger.is_due(self.sent)) {
            return Ok(());
        }
        match armed.fault {
            fault if breaks(fault, endpoint) => self.break_off().await,
            Fault::HttpMalformedJson => {
                self.armed = None;
                self.send(b"{\"audio_base64\": \"UklG\n".to_vec()).await
            }
            Fault::HttpBadBase64 if end => {
                self.armed = None;
                self.send(b"{\"audio_base64\": \"~not base64~\", \"alignment\": null}\n".to_vec()).await
            }
            _ => Ok(()),
        }
    }

    async fn break_off(&mut self) -> Result<(), Ended> {
        // What was sent before has to leave first.
        const LEAVE: Duration = Duration::from_millis(5);
        self.state.real.sleep(LEAVE).await;
        match self.armed.as_ref().map(|armed| armed.fault) {
            Some(Fault::HttpBodyStall) => self.sender.closed().await,
            Some(Fault::HttpBodyReset) => self.link.reset(),
            _ => {}
        }
        // A receiver that is gone has ended the body already.
        let _ = self.sender.send(Err(io::ErrorKind::BrokenPipe.into())).await;
        Err(Ended)
    }
}
