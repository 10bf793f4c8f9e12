//! What nobody outside knows about the real service, or what reports contradict each other about.

use serde::{Deserialize, Serialize};

/// Behaviour that is not known: each field is a guess that can be set the other way, to see whether a client minds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guesses {
    /// Guess: a message such as `{"sendText": {…}}` is refused with an error. The real service may well take it for a
    /// message without text; a client that sends one is wrong in either case.
    pub wrapper_frames_fail: bool,
    /// Guess: on `/stream-input`, `{"text": "", "flush": true}` is only a flush. If set it also ends the input, as
    /// `{"text": ""}` does.
    pub empty_flush_closes: bool,
    /// Guess: WebSocket pings do not count as input.
    pub pings_are_input: bool,
    /// Guess: an `inactivity_timeout` above 180 is taken as 180. If set it is refused with a 400 at the upgrade.
    pub long_inactivity_timeout_is_refused: bool,
    /// Guess: no limit. Otherwise sockets are closed with 1000 this many seconds after the upgrade.
    pub longest_session_seconds: Option<f64>,
    /// Guess: HTTP checks the key, then the voice, then the body. If set the body is checked first.
    pub body_is_checked_first: bool,
    /// Guess: `try_trigger_generation` generates when at least this many characters wait. Documented only as "a minimum
    /// threshold".
    pub try_trigger_minimum: usize,
    /// Reported for the real service, undocumented: a flush of an unknown context opens it and takes up one of the five.
    pub flush_opens_context: bool,
    /// Guess: the times of `/stream/with-timestamps` count from the start of the sound. If set they restart at 0 in every line.
    pub http_times_restart: bool,
    /// Guess: too many sockets generating at once is told by an error frame (`concurrent_limit_exceeded`, 1008). If set the
    /// upgrade is refused with 429 instead.
    pub concurrency_is_checked_at_upgrade: bool,
    /// Guess: 429 for too many requests at once has no `Retry-After`. Otherwise its value.
    pub retry_after: Option<String>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            wrapper_frames_fail: true,
            empty_flush_closes: false,
            pings_are_input: false,
            long_inactivity_timeout_is_refused: false,
            longest_session_seconds: None,
            body_is_checked_first: false,
            try_trigger_minimum: 50,
            flush_opens_context: true,
            http_times_restart: false,
            concurrency_is_checked_at_upgrade: false,
            retry_after: None,
        }
    }
}
