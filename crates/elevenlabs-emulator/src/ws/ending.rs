//! The ways in which a socket ends.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::frames::ErrorFrame;
use super::session::Session;
use crate::faults::Fault;

/// Why a session goes no further.
pub(super) enum End {
    /// The connection is gone, or is to go without any further word.
    Gone,
    /// An error is told, and the socket closed.
    Error(ErrorFrame),
    /// The socket is closed with this code.
    Close(u16, &'static str),
    /// The socket stays open, and nothing happens on it any more.
    HalfOpen,
}

impl From<Error> for End {
    fn from(_: Error) -> Self {
        Self::Gone
    }
}

impl Session {
    /// What a fault that ends the socket does.
    pub(super) fn break_off(&self, fault: Fault) -> End {
        match fault {
            Fault::WsReset => {
                self.link.reset();
                End::Gone
            }
            Fault::WsInternalError => End::Close(1011, "Internal server error"),
            Fault::WsEarlyClose => End::Close(1000, ""),
            Fault::WsHalfOpen => End::HalfOpen,
            Fault::WsSomethingWrong => End::Error(ErrorFrame::something_wrong()),
            Fault::WsQuotaExceeded => End::Error(ErrorFrame::quota_exceeded()),
            Fault::WsUnusualActivity => End::Error(ErrorFrame::unusual_activity()),
            Fault::WsInputTimeout => End::Error(ErrorFrame::input_timeout(self.params.inactivity.as_secs_f64())),
            Fault::WsTooManyAtOnce => End::Error(ErrorFrame::too_many_at_once()),
            _ => End::Gone,
        }
    }

    /// Ends the session in the given way. An error means that there is nothing left to wait for.
    pub(super) async fn end(&mut self, end: End) -> Result<(), End> {
        self.generating = None;
        match end {
            End::Gone => return Err(End::Gone),
            End::Close(code, reason) => {
                self.say_goodbye(close_frame(code, reason)).await;
                return Err(End::Gone);
            }
            End::HalfOpen => {
                self.contexts.clear();
                self.swallow().await;
                return Err(End::Gone);
            }
            End::Error(error) => {
                self.contexts.clear();
                self.websocket.send(Message::text(error.frame())).await?;
                self.close_later(self.state.config.error_close_delay, 1008, &error.reason());
            }
        }
        Ok(())
    }

    pub(super) fn close_later(&mut self, delay: Duration, code: u16, reason: &str) {
        self.closing = Some((self.state.config.clock.now() + delay, close_frame(code, reason)));
    }

    /// Closes, and waits for the answer.
    pub(super) async fn say_goodbye(&mut self, frame: CloseFrame) {
        const PATIENCE: Duration = Duration::from_secs(5);
        self.contexts.clear();
        if self.websocket.close(Some(frame)).await.is_err() {
            return;
        }
        let patience = self.state.real.sleep(PATIENCE);
        tokio::select! {
            () = async { while let Some(Ok(_)) = self.websocket.next().await {} } => {}
            () = patience => {}
        }
    }

    /// Reads bytes and does nothing with them, until the client gives up.
    async fn swallow(&mut self) {
        let mut space = [0; 4096];
        let stream = self.websocket.get_mut();
        while stream.read(&mut space).await.is_ok_and(|read| read > 0) {}
    }
}

fn close_frame(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code: CloseCode::from(code), reason: reason.into() }
}
