//! The text messages of `/ws/stt`. Sound goes the other way, in binary messages.

use evervoice_core::{
    asr::Segment,
    service::{Problem, problem::ProblemBody},
};
use serde::{Deserialize, Serialize};

/// What the service says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ServerMessage {
    /// Sound may come.
    Ready {
        /// Language of the model, as a BCP 47 tag.
        language: String,
        /// Id of the stream, as in the log.
        request_id: String,
    },
    /// The words so far of the utterance that is going on; each replaces the one before.
    Partial {
        /// The words.
        text: String,
    },
    /// An utterance has ended: these words do not change any more.
    Final {
        /// The words.
        text: String,
        /// The same words with their times, in ms from the start of the stream.
        segments: Vec<Segment>,
    },
    /// Everything has been said; the connection is closed next.
    End {
        /// Length of the sound, in seconds.
        duration_seconds: f64,
    },
    /// Something went wrong; the connection is closed next. The members of an HTTP problem, without its `type`.
    Problem {
        /// The HTTP status that the same problem would have.
        status: u16,
        /// Stable name of the problem.
        code: String,
        /// The phrase of the status.
        title: String,
        /// What was wrong, and what is allowed.
        detail: String,
        /// Id of the stream, as in the log.
        request_id: String,
    },
}

impl ServerMessage {
    /// The message for a problem.
    pub fn problem(problem: &Problem, request_id: &str) -> Self {
        let ProblemBody { status, code, title, detail, request_id, .. } = problem.body(request_id);
        Self::Problem { status, code, title, detail, request_id }
    }
}

/// What a client may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum ClientMessage {
    /// There is no more sound.
    End {},
    /// The connection is about to end: say what was heard up to the speaker's next pause, and close. A gateway that stops says so.
    Drain {},
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_look_as_documented() {
        let json = |message: ServerMessage| serde_json::to_string(&message).unwrap();
        assert_eq!(json(ServerMessage::Partial { text: "a".into() }), r#"{"type":"partial","text":"a"}"#);
        assert_eq!(json(ServerMessage::End { duration_seconds: 1.5 }), r#"{"type":"end","duration_seconds":1.5}"#);
        let problem = ServerMessage::problem(&Problem::bad_request("c", "d"), "r");
        let expected =
            r#"{"type":"problem","status":400,"code":"c","title":"Bad Request","detail":"d","request_id":"r"}"#;
        assert_eq!(json(problem), expected);
    }

    #[test]
    fn only_end_is_understood() {
        let read = |text: &str| serde_json::from_str::<ClientMessage>(text).ok();
        assert_eq!(read(r#"{"type":"end"}"#), Some(ClientMessage::End {}));
        assert_eq!([r#"{"type":"stop"}"#, r#"{"type":"end","x":1}"#, "{}", "end"].map(read), [None; 4]);
    }
}
