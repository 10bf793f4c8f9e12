//! What happens when nothing does: inactivity, late closes, faults of idle sockets.

use std::time::Duration;

use super::Kind;
use super::ending::End;
use super::frames::ErrorFrame;
use super::session::Session;
use crate::faults::Fault;

impl Session {
    /// The time of the next timer, on the clock of the configuration.
    pub(super) fn next_timer(&self) -> Option<Duration> {
        if let Some((due, _)) = &self.closing {
            return Some(*due);
        }
        let session = self.state.faults.guesses().longest_session_seconds;
        let session = session.map(|seconds| self.connected + Duration::from_secs_f64(seconds.max(0.0)));
        let contexts = self.contexts.values().filter(|context| !context.ending);
        let contexts = contexts.map(|context| context.last_input + self.params.inactivity);
        [self.input_due(), self.idle_fault_due(), session].into_iter().flatten().chain(contexts).min()
    }

    /// When input is overdue: never, once all the input was announced to have ended and its sound is still coming.
    fn input_due(&self) -> Option<Duration> {
        let draining = self.contexts.values().any(|context| context.ending && context.is_generating());
        let ended = self.params.kind == Kind::Single && self.contexts.values().any(|context| context.ending);
        (!draining && !ended).then_some(self.last_input + self.params.inactivity)
    }

    fn idle_fault_due(&self) -> Option<Duration> {
        let armed = self.armed.as_ref().filter(|_| self.contexts.is_empty())?;
        matches!(armed.fault, Fault::WsIdleClose | Fault::WsIdleReset | Fault::WsIdleHalfOpen)
            .then(|| self.connected + armed.trigger.delay_or(Duration::from_secs(1)))
    }

    pub(super) async fn timer(&mut self) -> Result<(), End> {
        let now = self.state.config.clock.now();
        if let Some((due, frame)) = self.closing.take() {
            if due <= now {
                self.say_goodbye(frame).await;
                return Err(End::Gone);
            }
            self.closing = Some((due, frame));
            return Ok(());
        }
        if self.idle_fault_due().is_some_and(|due| due <= now) {
            return Err(match self.armed.take().map(|armed| armed.fault) {
                Some(Fault::WsIdleClose) => End::Close(1000, ""),
                Some(Fault::WsIdleHalfOpen) => End::HalfOpen,
                _ => {
                    self.link.reset();
                    End::Gone
                }
            });
        }
        if self.input_due().is_some_and(|due| due <= now) {
            return Err(End::Error(ErrorFrame::input_timeout(self.params.inactivity.as_secs_f64())));
        }
        let longest = self.state.faults.guesses().longest_session_seconds;
        if longest.is_some_and(|seconds| self.connected + Duration::from_secs_f64(seconds.max(0.0)) <= now) {
            return Err(End::Close(1000, ""));
        }
        let inactivity = self.params.inactivity;
        for context in self.contexts.values_mut().filter(|context| context.last_input + inactivity <= now) {
            context.end(&self.state);
        }
        self.count()
    }
}
