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
            alignment: raw.alignment.map(RawAlignment::read),
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
    #[serde(default)]
    alignment: Option<RawAlignment>,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    message: Value,
}

#[derive(Deserialize)]
struct RawAlignment {
    #[serde(default)]
    chars: Vec<String>,
    #[serde(default, rename = "charStartTimesMs", alias = "charsStartTimesMs")]
    start_ms: Vec<f64>,
    #[serde(default, rename = "charDurationsMs", alias = "charsDurationsMs")]
    duration_ms: Vec<f64>,
}

impl RawAlignment {
    fn read(self) -> Alignment {
        let end_ms = self.start_ms.iter().zip(&self.duration_ms).map(|(start, duration)| start + duration).collect();
        Alignment { chars: self.chars, start_ms: self.start_ms, end_ms }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VOICE: VoiceSettings =
        VoiceSettings { stability: 0.5, similarity_boost: 0.8, style: 0.0, use_speaker_boost: false, speed: 1.0 };

    fn json(message: ClientMessage<'_>, place: Place<'_>) -> Value {
        serde_json::from_str(&message.encode(place)).unwrap()
    }

    #[test]
    fn messages_are_flat_and_differ_by_interface() {
        use serde_json::json;
        let context = Place::Context("7");
        let text = ClientMessage::Text { text: "Hi. ", try_trigger_generation: true, flush: false };
        assert_eq!(json(text, Place::Single), json!({"text": "Hi. ", "try_trigger_generation": true}));
        assert_eq!(json(text, context), json!({"text": "Hi. ", "try_trigger_generation": true, "context_id": "7"}));
        assert_eq!(json(ClientMessage::Flush, Place::Single), json!({"text": " ", "flush": true}));
        assert_eq!(json(ClientMessage::Flush, context), json!({"flush": true, "context_id": "7"}));
        assert_eq!(json(ClientMessage::KeepAlive, Place::Single), json!({"text": " "}));
        assert_eq!(json(ClientMessage::KeepAlive, context), json!({"text": "", "context_id": "7"}));
        assert_eq!(json(ClientMessage::Close, Place::Single), json!({"text": ""}));
        assert_eq!(json(ClientMessage::Close, context), json!({"context_id": "7", "close_context": true}));
    }

    #[test]
    fn the_first_message_holds_what_is_fixed_for_the_utterance() {
        let open = ClientMessage::Open { voice: &VOICE, schedule: Some(&[50, 120]), key: Some("k") };
        let settings = r#"{"stability":0.5,"similarity_boost":0.8,"style":0.0,"use_speaker_boost":false,"speed":1.0}"#;
        assert_eq!(
            open.encode(Place::Context("a")),
            format!(
                r#"{{"text":" ","context_id":"a","voice_settings":{settings},"generation_config":{{"chunk_length_schedule":[50,120]}},"xi-api-key":"k"}}"#
            )
        );
        let bare = ClientMessage::Open { voice: &VOICE, schedule: None, key: None };
        assert_eq!(bare.encode(Place::Single), format!(r#"{{"text":" ","voice_settings":{settings}}}"#));
    }

    #[test]
    fn sound_comes_with_or_without_alignment_in_either_spelling() {
        let camel = br#"{"audio":"AQID","isFinal":null,"contextId":"7","normalizedAlignment":{"chars":[" ","H"]},
            "alignment":{"chars":["H","i"],"charStartTimesMs":[0,70],"charDurationsMs":[70,50.5]}}"#;
        let snake = br#"{"audio":"AQI\u0044","is_final":false,"context_id":"7",
            "alignment":{"chars":["H","i"],"charsStartTimesMs":[0,70],"charsDurationsMs":[70,50.5]}}"#;
        let alignment =
            Alignment { chars: vec!["H".into(), "i".into()], start_ms: vec![0.0, 70.0], end_ms: vec![70.0, 120.5] };
        for bytes in [&camel[..], &snake[..]] {
            let message = ServerMessage::parse(bytes).unwrap();
            assert_eq!(message.context.as_deref(), Some("7"));
            assert_eq!(message.audio, Some(Ok(vec![1, 2, 3])));
            assert_eq!(message.alignment, Some(alignment.clone()));
            assert!(!message.is_final && message.error.is_none());
        }
        let tail =
            ServerMessage::parse(br#"{"audio":"AQ==","isFinal":null,"normalizedAlignment":null,"alignment":null}"#);
        assert_eq!(tail.unwrap(), ServerMessage { audio: Some(Ok(vec![1])), ..Default::default() });
        let both =
            ServerMessage::parse(br#"{"contextId":"7","context_id":"7","isFinal":true,"is_final":true}"#).unwrap();
        assert!(both.is_final);
    }

    #[test]
    fn the_end_has_no_sound() {
        let message =
            ServerMessage::parse(br#"{"audio":null,"isFinal":true,"normalizedAlignment":null,"alignment":null}"#);
        assert_eq!(message.unwrap(), ServerMessage { is_final: true, ..Default::default() });
    }

    #[test]
    fn errors_are_told_by_name_by_message_or_both() {
        let error = |bytes: &[u8]| ServerMessage::parse(bytes).unwrap().error.map(|told| (told.error, told.message));
        let told = |error: &str, message: &str| Some((error.to_owned(), message.to_owned()));
        assert_eq!(
            error(br#"{"message":"Invalid API key","error":"invalid_api_key","code":1008}"#),
            told("invalid_api_key", "Invalid API key")
        );
        assert_eq!(error(br#"{"message":"We are sorry","code":"1008"}"#), told("", "We are sorry"));
        assert_eq!(error(br#"{"error":{"type":"x"}}"#), told(r#"{"type":"x"}"#, ""));
        assert_eq!(error(br#"{"audio":"","message":"note","error":null}"#), None);
    }

    #[test]
    fn bad_sound_spoils_its_own_utterance_only() {
        let message = ServerMessage::parse(br#"{"audio":"???","contextId":"7"}"#).unwrap();
        assert_eq!((message.audio, message.context.as_deref()), (Some(Err(BadAudio)), Some("7")));
        assert_eq!(
            ServerMessage::parse(br#"{"audio":"AQ"}"#).unwrap().audio,
            Some(Ok(vec![1])),
            "padding may be missing"
        );
        for nonsense in [&b"{"[..], b"", b"[]", b"7", br#"{"audio":7}"#, b"\xff"] {
            assert!(ServerMessage::parse(nonsense).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_can_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ServerMessage::parse(&bytes);
        }

        #[test]
        fn no_values_can_break_it(
            audio in any::<String>(),
            chars in prop::collection::vec(any::<String>(), 0..4),
            times in prop::collection::vec(any::<f64>(), 0..4),
        ) {
            let text = serde_json::json!({
                "audio": audio,
                "alignment": {"chars": chars, "charStartTimesMs": times, "charDurationsMs": times},
            });
            let _ = ServerMessage::parse(text.to_string().as_bytes());
        }

        #[test]
        fn any_sound_arrives_as_it_was_sent(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let text = serde_json::json!({"audio": BASE64.encode(&bytes)}).to_string();
            prop_assert_eq!(ServerMessage::parse(text.as_bytes()).unwrap().audio, Some(Ok(bytes)));
        }

        #[test]
        fn any_text_is_valid_json(text in any::<String>()) {
            let message = ClientMessage::Text { text: &text, try_trigger_generation: false, flush: true };
            prop_assert_eq!(json(message, Place::Single)["text"].take(), Value::String(text.clone()));
        }
    }
}
