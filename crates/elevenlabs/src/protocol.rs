//! The messages of the two WebSocket interfaces: bytes to frames and back, no IO.
//!
//! `/stream-input` speaks one utterance, then closes. `/multi-stream-input` has several contexts, each an utterance, told apart
//! by an id. What keeps a connection alive on one ends the utterance on the other, so every message is made for a [`Place`].

use std::fmt;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, Visitor},
};
use serde_json::Value;

use crate::{aligned::Alignment, voice::VoiceSettings};

/// Where a message belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// A socket of `/stream-input`.
    Single,
    /// The context of this id on a socket of `/multi-stream-input`.
    Context(&'a str),
}

/// A message to the service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClientMessage<'a> {
    /// Begins an utterance. Comes first and only once.
    Open {
        /// How it shall sound; a later message with other values is an error.
        voice: &'a VoiceSettings,
        /// Characters to wait for before each piece of sound; `None` leaves it to the service.
        schedule: Option<&'a [u16]>,
        /// The key, where it was not sent with the upgrade.
        key: Option<&'a str>,
    },
    /// Text to speak, ending with white space.
    Text {
        /// The text.
        text: &'a str,
        /// Speak now if that makes sense.
        try_trigger_generation: bool,
        /// Speak all text up to here now.
        flush: bool,
    },
    /// Speak all text up to here now. On `/stream-input` it adds a space to the text.
    Flush,
    /// Nothing to say at the moment. On `/stream-input` it adds a space to the text, so it must not come within a word.
    KeepAlive,
    /// No more text. The service speaks what was flushed, says that it is done, and frees the context or closes the socket.
    Close,
}

/// Every field of every message: they are flat objects.
#[derive(Default, Serialize)]
struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_settings: Option<&'a VoiceSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_config: Option<GenerationConfig<'a>>,
    #[serde(rename = "xi-api-key", skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    try_trigger_generation: bool,
    #[serde(skip_serializing_if = "is_false")]
    flush: bool,
    #[serde(skip_serializing_if = "is_false")]
    close_context: bool,
}

#[derive(Serialize)]
struct GenerationConfig<'a> {
    chunk_length_schedule: &'a [u16],
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Ends a socket of `/multi-stream-input` with all its contexts.
pub const CLOSE_SOCKET: &str = r#"{"close_socket":true}"#;

impl ClientMessage<'_> {
    /// The message as JSON.
    pub fn encode(&self, place: Place<'_>) -> String {
        let context_id = match place {
            Place::Single => None,
            Place::Context(id) => Some(id),
        };
        let single = context_id.is_none();
        let fields = Fields { context_id, ..Fields::default() };
        let fields = match *self {
            Self::Open { voice, schedule, key } => Fields {
                text: Some(" "),
                voice_settings: Some(voice),
                generation_config: schedule.map(|chunk_length_schedule| GenerationConfig { chunk_length_schedule }),
                key,
                ..fields
            },
            Self::Text { text, try_trigger_generation, flush } => {
                Fields { text: Some(text), try_trigger_generation, flush, ..fields }
            }
            Self::Flush => Fields { text: single.then_some(" "), flush: true, ..fields },
            Self::KeepAlive => Fields { text: Some(if single { " " } else { "" }), ..fields },
            Self::Close if single => Fields { text: Some(""), ..fields },
            Self::Close => Fields { close_context: true, ..fields },
        };
        serde_json::to_string(&fields).expect("texts, numbers and flags can be written as JSON")
    }
}

/// A message of the service. Any of its parts may be absent.
#[derive(Debug, Default, PartialEq)]
pub struct ServerMessage {
    /// The context it belongs to.
    pub context: Option<String>,
    /// Sound, as bytes of the output format; an error when it was no base64.
    pub audio: Option<Result<Vec<u8>, BadAudio>>,
    /// When each character of the sound is heard.
    pub alignment: Option<Alignment>,
    /// Whether all has been spoken.
    pub is_final: bool,
    /// What went wrong; the service closes the socket after it.
    pub error: Option<ErrorMessage>,
}

/// Sound that is no base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sound is no base64")]
pub struct BadAudio;

/// An error as the service tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorMessage {
    /// Its name, such as `input_timeout_exceeded`; may be empty.
    pub error: String,
    /// For people; may be empty.
    pub message: String,
}

impl ServerMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is no JSON object, or a part is not of its type.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        // A list would be read as the fields in order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(serde_json::Error::custom("not an object"));
        }
        let raw: Raw = serde_json::from_slice(bytes)?;
        let audio = raw.audio.map(|Audio(decoded)| decoded);
        let is_final = raw.is_final_camel.or(raw.is_final_snake).unwrap_or(false);
        // Some errors have come with a message alone.
        let told = !raw.error.is_null() || (!raw.message.is_null() && audio.is_none() && !is_final);
        Ok(Self {
            context: raw.context_camel.or(raw.context_snake),
            audio,
            alignment: RawAlignment::read(raw.alignment),
            is_final,
            error: told.then(|| ErrorMessage { error: plain(raw.error), message: plain(raw.message) }),
        })
    }
}

/// Both spellings of each name have been seen. They are fields of their own, as a message may have both.
#[derive(Deserialize)]
struct Raw {
    #[serde(default, rename = "contextId")]
    context_camel: Option<String>,
    #[serde(default, rename = "context_id")]
    context_snake: Option<String>,
    #[serde(default)]
    audio: Option<Audio>,
    #[serde(default, rename = "isFinal")]
    is_final_camel: Option<bool>,
    #[serde(default, rename = "is_final")]
    is_final_snake: Option<bool>,
    /// Read on its own: one that cannot be read takes only itself away, not the sound beside it.
    #[serde(default)]
    alignment: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    message: Value,
}

#[derive(Deserialize)]
struct RawAlignment {
    chars: Vec<String>,
    #[serde(default, rename = "charStartTimesMs")]
    start_ms: Option<Vec<f64>>,
    #[serde(default, rename = "charsStartTimesMs")]
    start_ms_plural: Option<Vec<f64>>,
    #[serde(default, rename = "charDurationsMs")]
    duration_ms: Option<Vec<f64>>,
    #[serde(default, rename = "charsDurationsMs")]
    duration_ms_plural: Option<Vec<f64>>,
}

impl RawAlignment {
    /// `None` also when it is not what it should be: a list that is missing, shorter than the others, or has gaps.
    fn read(json: Value) -> Option<Alignment> {
        let raw = Self::deserialize(json).ok()?;
        let start_ms = raw.start_ms.or(raw.start_ms_plural)?;
        let duration_ms = raw.duration_ms.or(raw.duration_ms_plural)?;
        let whole = raw.chars.len() == start_ms.len() && raw.chars.len() == duration_ms.len();
        let end_ms = start_ms.iter().zip(&duration_ms).map(|(start, duration)| start + duration).collect();
        whole.then_some(Alignment { chars: raw.chars, start_ms, end_ms })
    }
}

/// A text, or anything else as JSON.
fn plain(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Sound, decoded straight from the JSON text: most of what a socket brings is this.
struct Audio(Result<Vec<u8>, BadAudio>);

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl<'de> Deserialize<'de> for Audio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64;
        impl Visitor<'_> for Base64 {
            type Value = Audio;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sound in base64")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Audio, E> {
                Ok(Audio(BASE64.decode(text).map_err(|_| BadAudio)))
            }
        }
        deserializer.deserialize_str(Base64)
    }
}

#[cfg(test)]
mod tests;
