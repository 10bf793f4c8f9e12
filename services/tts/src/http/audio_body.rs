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
}

/// A body that is made while it is read. When nobody reads for `stall` seconds, or the client hangs up, the utterance
/// is dropped and its place is free.
pub fn streamed(mut utterance: Utterance, stall: f64) -> Body {
    let stall = Duration::from_secs_f64(stall);
    let (sender, receiver) = mpsc::channel::<Result<Bytes, BodyError>>(AHEAD);
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                biased;
                () = sender.closed() => return,
                next = utterance.next() => next,
            };
            let Some(next) = next else { return };
            let failed = next.is_err();
            match timeout(stall, sender.send(next.map_err(BodyError::Voice))).await {
                Ok(Ok(())) if !failed => {}
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
    let chunks = stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|item| (item, receiver)) });
    Body::from_stream(chunks)
}
