//! An utterance as an HTTP body.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use evervoice_core::tts::TtsError;
use futures_util::stream;
use tokio::{sync::mpsc, time::timeout};

use crate::speech::Utterance;

/// Chunks made ahead of a client that reads slowly.
const AHEAD: usize = 4;

/// Why a body breaks off. The client sees a chunked body without its end, never a clean end of a cut sentence.
#[derive(Debug, thiserror::Error)]
enum BodyError {
    #[error("the voice failed in the middle of the utterance")]
    Voice(#[source] TtsError),
    #[error("the client took no sound for too long")]
    Stalled,
    #[error("the utterance was lost by a mistake of ours")]
    Lost,
}

/// A body that is made while it is read. When nobody reads for `stall` seconds, or the client hangs up, the utterance
/// is dropped and its place is free.
pub fn streamed(mut utterance: Utterance, stall: f64) -> Body {
    let stall = Duration::from_secs_f64(stall);
    let (sender, receiver) = mpsc::channel::<Piece>(AHEAD);
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                biased;
                () = sender.closed() => return,
                next = utterance.next() => next,
            };
            let piece = next.transpose().map_err(BodyError::Voice);
            let last = !matches!(piece, Ok(Some(_)));
            match timeout(stall, sender.send(piece)).await {
                Ok(Ok(())) if !last => {}
                Ok(_) => return,
                Err(_) => {
                    // The place is free at once. Whoever reads on after all finds an error, not a clean end.
                    drop(utterance);
                    let _ = sender.send(Err(BodyError::Stalled)).await;
                    return;
                }
            }
        }
    });
    // A channel that is closed without the end of the sound broke: a task that panicked says nothing.
    let chunks = stream::try_unfold(receiver, |mut receiver| async {
        let piece = receiver.recv().await.unwrap_or(Err(BodyError::Lost))?;
        Ok::<_, BodyError>(piece.map(|bytes| (bytes, receiver)))
    });
    Body::from_stream(chunks)
}

/// A piece of the body; `None` is its end, which only a whole utterance has.
type Piece = Result<Option<Bytes>, BodyError>;
