//! The frames that the server sends: flat JSON, all four keys always there.

use serde_json::{Map, Value, json};

use crate::faults::Fault;
use crate::state::State;
use crate::synthesis::Piece;

/// How one utterance spells its keys.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spelling {
    snake_context_id: bool,
    snake_is_final: bool,
    chars: bool,
    no_alignment: bool,
}

impl Spelling {
    pub(super) fn draw(state: &State) -> Self {
        let wanted = |fault| state.faults.want(fault).is_some();
        Self {
            snake_context_id: wanted(Fault::WsSnakeContextId),
            snake_is_final: wanted(Fault::WsSnakeIsFinal),
            chars: wanted(Fault::WsCharsSpelling),
            no_alignment: wanted(Fault::WsNoAlignment),
        }
    }

    /// A frame of sound, with the times of its characters.
    pub(super) fn audio(self, context: Option<&str>, audio: &str, piece: &Piece) -> String {
        let bounds = piece.bounds_ms();
        let characters: Vec<String> = piece.characters.iter().map(char::to_string).collect();
        let starts = bounds[..characters.len()].to_vec();
        let durations: Vec<u64> = bounds.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // The normalised text of each frame begins with a space, which takes no time here.
        let normalized = self.alignment(
            [vec![" ".into()], characters.clone()].concat(),
            [vec![0], starts.clone()].concat(),
            [vec![0], durations.clone()].concat(),
        );
        let alignment = self.alignment(characters, starts, durations);
        self.frame(context, Value::from(audio), Value::Null, normalized, alignment)
    }

    /// A frame of sound that no characters stand for.
    pub(super) fn tail(self, context: Option<&str>, audio: &str) -> String {
        self.frame(context, Value::from(audio), Value::Null, Value::Null, Value::Null)
    }

    pub(super) fn last(self, context: Option<&str>) -> String {
        self.frame(context, Value::Null, Value::Bool(true), Value::Null, Value::Null)
    }

    fn alignment(self, characters: Vec<String>, starts: Vec<u64>, durations: Vec<u64>) -> Value {
        if self.no_alignment {
            return Value::Null;
        }
        let names = if self.chars {
            ["charsStartTimesMs", "charsDurationsMs"]
        } else {
            ["charStartTimesMs", "charDurationsMs"]
        };
        json!({"chars": characters, names[0]: starts, names[1]: durations})
    }

    fn frame(
        self,
        context: Option<&str>,
        audio: Value,
        is_final: Value,
        normalized: Value,
        alignment: Value,
    ) -> String {
        let mut frame = Map::new();
        frame.insert("audio".into(), audio);
        frame.insert(if self.snake_is_final { "is_final" } else { "isFinal" }.into(), is_final);
        frame.insert("normalizedAlignment".into(), normalized);
        frame.insert("alignment".into(), alignment);
        if let Some(context) = context {
            frame.insert(if self.snake_context_id { "context_id" } else { "contextId" }.into(), context.into());
        }
        Value::Object(frame).to_string()
    }
}

/// An error that ends the socket: a frame, then a close with 1008 and the message as its reason.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ErrorFrame {
    error: Option<&'static str>,
    message: String,
}

impl ErrorFrame {
    fn new(error: &'static str, message: impl Into<String>) -> Self {
        Self { error: Some(error), message: message.into() }
    }

    pub(super) fn wrong_key() -> Self {
        Self::new("invalid_api_key", "Invalid API key")
    }

    pub(super) fn voice_missing(voice: &str) -> Self {
        Self::new("voice_id_does_not_exist", format!("A voice with voice_id {voice} does not exist."))
    }

    pub(super) fn input_timeout(seconds: f64) -> Self {
        let message = format!(
            "Have not received a new text input within the timeout of {seconds:?} seconds. Streaming input terminated. \
             Please make sure to either feed the input in the timely manner, or to send the end of input text (empty \
             string \"\") when done."
        );
        Self::new("input_timeout_exceeded", message)
    }

    pub(super) fn too_many_contexts(most: usize) -> Self {
        let message = format!(
            "Maximum simultaneous contexts per WebSocket connection exceeded ({most}). Please close an existing context \
             before opening a new one."
        );
        Self::new("max_active_conversations", message)
    }

    pub(super) fn changed_voice_settings() -> Self {
        let message = "voice_settings field must be provided in the first message and then either be not provided or \
                       not change.";
        Self { error: None, message: message.into() }
    }

    pub(super) fn something_wrong() -> Self {
        let message = "We are sorry, something went wrong. You are not charged for this request.";
        Self { error: None, message: message.into() }
    }

    pub(super) fn quota_exceeded() -> Self {
        Self::new("quota_exceeded", "This request exceeds your quota. You have 0 credits remaining.")
    }

    pub(super) fn unusual_activity() -> Self {
        Self::new("detected_unusual_activity", "Unusual activity detected. Free tier usage disabled.")
    }

    pub(super) fn too_many_at_once() -> Self {
        Self::new("concurrent_limit_exceeded", "Too many concurrent requests.")
    }

    /// A message that is no message. What the real service does with it is not known.
    pub(super) fn invalid_message(why: &str) -> Self {
        Self::new("invalid_message", why)
    }

    pub(super) fn frame(&self) -> String {
        let mut frame = json!({"message": self.message, "code": 1008});
        if let Some(error) = self.error {
            frame["error"] = error.into();
        }
        frame.to_string()
    }

    /// The message, as much of it as a close frame holds.
    pub(super) fn reason(&self) -> String {
        const LONGEST: usize = 123;
        let end = (0..=LONGEST.min(self.message.len())).rev().find(|&end| self.message.is_char_boundary(end));
        self.message[..end.unwrap_or_default()].to_owned()
    }
}
