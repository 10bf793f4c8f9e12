//! Sound as it comes over HTTP.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use reqwest::{Response, header::HeaderMap};
use tokio::time::{Instant, timeout_at};

use super::{
    report::Reporter,
    timed::{self, Lines},
};
use crate::{aligned::Alignment, error::ElevenLabsError, events::Totals};

/// Longest whole answer, in bytes: about an hour of sound.
const LONGEST_ANSWER: usize = 512 << 20;

/// Most bytes of lines in a row that have no sound: more than the times of the longest text.
const MOST_SILENT: usize = 4 << 20;

/// A piece of sound, in the format that was asked for. Its edges are anywhere, also within a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The sound; may be empty.
    pub audio: Bytes,
    /// When each character of the text is heard, where that was asked for.
    pub alignment: Option<Alignment>,
    /// The same for the text as it was spelled out.
    pub normalized_alignment: Option<Alignment>,
}

/// What the head of an answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseInfo {
    /// Id of the request with the service: for its support, and for `previous_request_ids`.
    pub request_id: Option<String>,
    /// Id in the account's history.
    pub history_item_id: Option<String>,
    /// What it cost, in characters of the plan.
    pub character_cost: Option<u64>,
    /// The region that answered.
    pub region: Option<String>,
    /// Requests of the account at the same time, this one included.
    pub current_concurrent_requests: Option<u64>,
    /// How many the plan allows.
    pub maximum_concurrent_requests: Option<u64>,
}

impl ResponseInfo {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
        let number = |name: &str| headers.get(name)?.to_str().ok()?.parse().ok();
        Self {
            request_id: text("request-id"),
            history_item_id: text("history-item-id"),
            character_cost: number("character-cost"),
            region: text("x-region"),
            current_concurrent_requests: number("current-concurrent-requests"),
            maximum_concurrent_requests: number("maximum-concurrent-requests"),
        }
    }
}

/// The body of an answer. Dropping it ends the request.
pub struct SpeechBody {
    info: ResponseInfo,
    chunks: Chunks,
    shape: Shape,
    /// Bytes of lines since the last sound.
    silent: usize,
    ready: VecDeque<Piece>,
    /// What comes after the pieces that are ready.
    failed: Option<ElevenLabsError>,
    over: bool,
    reporter: Reporter,
    totals: Totals,
}

/// How a body is to be read.
pub(super) enum Shape {
    /// Each chunk is sound.
    Raw,
    /// Each line is a JSON object.
    Lines(Lines),
    /// All of it is sound.
    WholeRaw(Vec<u8>),
    /// All of it is one JSON object.
    WholeJson(Vec<u8>),
}

impl SpeechBody {
    pub(super) fn new(response: Response, shape: Shape, limits: Limits, reporter: Reporter) -> Self {
        Self {
            info: ResponseInfo::of(response.headers()),
            chunks: Chunks { response, limits, begun: false, left: limits.stall },
            shape,
            silent: 0,
            ready: VecDeque::new(),
            failed: None,
            over: false,
            reporter,
            totals: Totals::default(),
        }
    }

    /// What the head said.
    pub fn info(&self) -> &ResponseInfo {
        &self.info
    }

    /// The next piece of sound; `None` at the end of a body that came to its end.
    ///
    /// # Errors
    /// [`ElevenLabsError::Lost`] when the body is cut, [`ElevenLabsError::Timeout`] when it stalls,
    /// [`ElevenLabsError::Protocol`] when it makes no sense. After an error there is nothing more.
    pub async fn next(&mut self) -> Option<Result<Piece, ElevenLabsError>> {
        let next = self.advance().await?;
        Some(next.map_err(|error| self.failed(error)))
    }

    /// Tells of an error that was found in the sound.
    pub(super) fn failed(&self, error: ElevenLabsError) -> ElevenLabsError {
        self.reporter.failed(error)
    }

    /// [`Self::next`] without telling of errors: while the request may be sent again, that is for the client to do.
    pub(super) async fn advance(&mut self) -> Option<Result<Piece, ElevenLabsError>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(piece));
            }
            if self.over {
                return self.failed.take().map(Err);
            }
            let read = match self.chunks.next().await {
                Some(Ok(bytes)) => self.chunk(bytes),
                Some(Err(error)) => Err(error),
                None => self.end(),
            };
            if let Err(error) = read {
                self.over = true;
                self.failed = Some(error);
            }
        }
    }

    /// Puts back what [`Self::advance`] returned.
    pub(super) fn put_back(&mut self, piece: Piece) {
        self.ready.push_front(piece);
    }

    fn chunk(&mut self, bytes: Bytes) -> Result<(), ElevenLabsError> {
        match &mut self.shape {
            Shape::Raw => self.piece(raw(bytes)),
            Shape::Lines(lines) => {
                let mut pieces = Vec::new();
                let read = lines.push(&bytes, |line| {
                    pieces.push((line.len(), timed::parse(line, self.reporter.api_key())?));
                    Ok(())
                });
                // What came before a line that cannot be read is sound all the same.
                for (bytes, piece) in pieces {
                    self.silent = if piece.audio.is_empty() { self.silent + bytes } else { 0 };
                    self.piece(piece);
                }
                read?;
                if self.silent > MOST_SILENT {
                    return Err(ElevenLabsError::Protocol("its lines have no sound".to_owned()));
                }
            }
            Shape::WholeRaw(whole) | Shape::WholeJson(whole) => {
                if whole.len() + bytes.len() > LONGEST_ANSWER {
                    return Err(ElevenLabsError::Protocol("the answer has no end".to_owned()));
                }
                whole.extend_from_slice(&bytes);
                // The sound is read at the end. Until then, white space is what keeps a connection alive, and all else counts.
                if !bytes.trim_ascii().is_empty() {
                    self.chunks.heard();
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), ElevenLabsError> {
        self.over = true;
        match &mut self.shape {
            Shape::Raw => {}
            Shape::Lines(lines) => {
                if let Some(line) = lines.finish() {
                    let piece = timed::parse(&line, self.reporter.api_key())?;
                    self.piece(piece);
                }
            }
            Shape::WholeRaw(whole) => {
                let piece = raw(std::mem::take(whole).into());
                self.piece(piece);
            }
            Shape::WholeJson(whole) => {
                let piece = timed::parse(&std::mem::take(whole), self.reporter.api_key())?;
                self.piece(piece);
            }
        }
        self.reporter.ended(self.totals);
        Ok(())
    }

    fn piece(&mut self, piece: Piece) {
        if !piece.audio.is_empty() {
            self.chunks.heard();
            self.reporter.received(piece.audio.len());
            self.totals.chunks += 1;
            self.totals.bytes += piece.audio.len() as u64;
        }
        self.ready.push_back(piece);
    }
}

fn raw(audio: Bytes) -> Piece {
    Piece { audio, alignment: None, normalized_alignment: None }
}

/// The bytes of a body, with a limit on every silence.
struct Chunks {
    response: Response,
    limits: Limits,
    /// Whether there was sound.
    begun: bool,
    /// How much longer there may be none.
    left: Duration,
}

/// How long there may be no sound, whatever else comes.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// When the first sound is due.
    pub(super) due: Instant,
    /// How long after the request that is.
    pub(super) first: Duration,
    /// The longest silence after it. Only waiting counts: a listener may take his time.
    pub(super) stall: Duration,
}

impl Chunks {
    async fn next(&mut self) -> Option<Result<Bytes, ElevenLabsError>> {
        let Limits { due, first, stall } = self.limits;
        let since = Instant::now();
        let (what, due, after) = match self.begun {
            false => ("first sound", due, first),
            true => ("further sound", since + self.left, stall),
        };
        let read = timeout_at(due, self.response.chunk()).await;
        self.left = self.left.saturating_sub(since.elapsed());
        match read {
            Ok(Ok(bytes)) => bytes.map(Ok),
            Ok(Err(error)) => Some(Err(ElevenLabsError::Lost(error.without_url().into()))),
            Err(_) => Some(Err(ElevenLabsError::Timeout { what, after })),
        }
    }

    /// There was sound.
    fn heard(&mut self) {
        self.begun = true;
        self.left = self.limits.stall;
    }
}
