//! Text messages on `/ws/tts`. `services/tts/PROTOCOL.md` is their manual.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Value, json};

use super::SpeakBody;

/// A text message of a client. Without a `type` it is `speak`. Binary messages are the caller's sound, for
/// [`SpeechConfig::barge_in`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(deny_unknown_fields)]
pub enum TtsCommand {
    /// Say this, after what is being said.
    Speak {
        /// The client's name for the utterance; the server counts where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// What to say, and how.
        #[serde(flatten)]
        body: SpeakBody,
    },
    /// A piece of a text that is still being written, such as a delta of a language model; its phrases are spoken while it is.
    /// The first piece of an utterance says how to speak, later ones have `text` only. One text is written at a time.
    Text {
        /// The client's name for the utterance; later pieces may leave it out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The piece, and how to speak.
        #[serde(flatten)]
        body: SpeakBody,
    },
    /// Speak what has been written so far, sentence or not.
    Flush {
        /// The utterance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// The text is whole.
    End {
        /// The utterance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Stop this utterance, or without an `id` all of them: the caller interrupts.
    Cancel {
        /// The utterance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// How much of its sound the client has played, in ms; a fraction is cut off. The server's clock counts where it is
        /// missing.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "whole_ms")]
        #[schemars(with = "Option<f64>", range(min = 0))]
        played_ms: Option<u64>,
    },
    /// Say something now, while an answer is on its way. Only when nothing is being said.
    Filler {
        /// The client's name for it; the server counts where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// What it follows. Where it is missing, `text` tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<FillerContext>,
        /// What the caller has just said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// How to speak from the next utterance on.
    Config(SpeechConfig),
    /// The connection is about to end: speak what has been taken to its end, as fast as it is made, take nothing new, and close.
    /// A gateway that stops says so.
    Drain,
}

/// Reads a number from 0 on, and cuts its fraction off: the clocks of many clients have one.
///
/// # Errors
/// The number is below 0, or is none.
pub fn whole_ms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Option::<f64>::deserialize(deserializer)? {
        // The cast takes what is greater than all numbers of ms for the greatest one.
        Some(ms) if ms >= 0.0 => Ok(Some(ms as u64)),
        Some(ms) => Err(D::Error::custom(format!("{ms} ms: it must be a number from 0 on"))),
        None => Ok(None),
    }
}

/// How to speak on this socket. What is missing stays as it is; the fields of an utterance win.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpeechConfig {
    /// Name of a voice, as in `GET /api/voices`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<String>,
    /// Language as a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Pace, 0.5 to 2.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f32>,
    /// Name of an output format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// How far sound runs ahead of the listener, in ms of sound, 40 to 600,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_ms: Option<u64>,
    /// Time between two `mark` messages, in ms, 20 to 60,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark_ms: Option<u64>,
    /// Whether the caller's sound interrupts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barge_in: Option<BargeIn>,
}

/// When the caller's sound (binary messages, s16le mono) interrupts what is being said. Off until it is switched on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BargeIn {
    /// Whether it does.
    pub enabled: bool,
    /// Of the caller's sound, in Hz: 8,000 to 48,000.
    pub sample_rate: u32,
    /// Level from which sound counts as speech, in dB of full scale (RMS of 20 ms), −90 to 0.
    pub min_level_dbfs: f32,
    /// Speech that interrupts, in ms; shorter noises do not.
    pub min_speech_ms: u64,
    /// Pause within the speech that does not start the count anew, in ms.
    pub max_pause_ms: u64,
    /// After the first sound of an utterance nothing interrupts for so many ms: a voice may hear its own beginning in the line.
    pub holdoff_ms: u64,
}

impl Default for BargeIn {
    fn default() -> Self {
        Self {
            enabled: true,
            sample_rate: 16_000,
            min_level_dbfs: -35.0,
            min_speech_ms: 200,
            max_pause_ms: 80,
            holdoff_ms: 300,
        }
    }
}

/// What a filler follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FillerContext {
    /// The caller has asked something.
    Question,
    /// The caller wants something done.
    Request,
    /// Anything else.
    Hesitation,
}

/// A text message of the server; another one is [`TtsProblem`]. Sound comes as binary messages between `start` and `end`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TtsEvent {
    /// The binary messages that follow are this utterance.
    Start {
        /// The utterance.
        id: String,
        /// What it is.
        kind: SoundKind,
        /// Name of the format, such as `pcm_16000`.
        format: String,
        /// Encoding of a sample, such as `s16le`.
        encoding: String,
        /// Hz.
        sample_rate: u32,
        /// Always 1.
        channels: u16,
        /// Who speaks.
        provider: String,
        /// Takes this conversation up again on a new connection: `/ws/tts?resume=TOKEN`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume_token: Option<String>,
    },
    /// A phrase begins with the next sound.
    Phrase {
        /// The utterance.
        id: String,
        /// Its number in the utterance, from 0.
        index: u64,
        /// The phrase.
        text: String,
        /// Where in the sound of the utterance it begins, in ms.
        start_ms: u64,
    },
    /// How far the listener is, by the clock of the sound.
    Mark {
        /// The utterance.
        id: String,
        /// Sound that has been played, in ms.
        played_ms: u64,
        /// Characters of the utterance's text whose sound has been played: whole words.
        chars: u64,
    },
    /// From the next sound on another provider speaks.
    Provider {
        /// The utterance.
        id: String,
        /// Who spoke.
        from: String,
        /// Who speaks.
        to: String,
        /// Where in the sound of the utterance, in ms.
        at_ms: u64,
    },
    /// The utterance was stopped.
    Cancelled {
        /// The utterance.
        id: String,
        /// Why.
        reason: CancelReason,
        /// What has been heard of its text: whole words.
        heard: String,
        /// Characters of `heard`.
        heard_chars: u64,
        /// Sound that has been heard, in ms. The rest of `audio_ms` is in the client's buffer: throw it away.
        heard_ms: u64,
        /// Length of the sound that was sent, in ms.
        audio_ms: u64,
        /// Bytes of its binary messages.
        bytes: u64,
    },
    /// All of the utterance has been sent.
    End {
        /// The utterance.
        id: String,
        /// Length of its sound, in ms.
        audio_ms: u64,
        /// Bytes of its binary messages.
        bytes: u64,
    },
    /// The conversation goes on, on this new connection.
    Resumed {
        /// What is still to be said, in order.
        utterances: Vec<Resumed>,
    },
}

/// An utterance of a conversation that goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resumed {
    /// The utterance.
    pub id: String,
    /// Number of the phrase that it goes on with.
    pub next_phrase: u64,
    /// Characters of its text that had come, so that a client knows which pieces to send again.
    pub received_chars: u64,
    /// Whether its text has an end.
    pub complete: bool,
}

/// What the sound of an utterance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SoundKind {
    /// What the client wants said.
    Speech,
    /// Answer to `filler`.
    Filler,
    /// Nobody can speak; the problem of the utterance follows.
    Outage,
}

/// Why an utterance was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The client said so.
    Cancel,
    /// The caller's sound did.
    BargeIn,
}

/// What went wrong, as a message: with `id` it is about that utterance, which is over unless it was only a message about it
/// that could not be understood. The members are those of a problem of HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TtsProblem {
    /// Always `problem`.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// The utterance, or the name that the message gave; `null` where there is none.
    pub id: Option<String>,
    /// The phrase of the status.
    pub title: String,
    /// The HTTP status that fits.
    pub status: u16,
    /// What was wrong, and what is allowed.
    pub detail: String,
    /// Stable name of the problem.
    pub code: String,
    /// Id of the connection, as in the header `X-Request-Id` and in the log.
    pub request_id: String,
}

/// The `type` of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Its only value.
    Problem,
}

/// `speak` in its short form: a text message of a client without a `type`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used: a message without a type is read as `speak`")]
struct Speak {
    /// The client's name for the utterance; the server counts where it is missing.
    id: Option<String>,
    /// What to say, and how.
    #[serde(flatten)]
    body: SpeakBody,
}

/// JSON Schema (2020-12) of all text messages on `/ws/tts`. `services/tts/protocol.schema.json` is a copy.
pub fn tts_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let client = [generator.subschema_for::<TtsCommand>(), generator.subschema_for::<Speak>()];
    let server = [generator.subschema_for::<TtsEvent>(), generator.subschema_for::<TtsProblem>()];
    let mut definitions = generator.take_definitions(true);
    definitions.insert("ClientMessage".to_owned(), json!({ "anyOf": client }));
    definitions.insert("ServerMessage".to_owned(), json!({ "anyOf": server }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "/ws/tts",
        "description": "Text messages of both sides. A message of a client fits $defs/ClientMessage, one of the server $defs/ServerMessage.",
        "anyOf": [{ "$ref": "#/$defs/ClientMessage" }, { "$ref": "#/$defs/ServerMessage" }],
        "$defs": definitions,
    })
}
