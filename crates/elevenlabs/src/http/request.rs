//! What can be asked for over HTTP.

use serde::Serialize;

use crate::{
    config::{ElevenLabsSettings, TextNormalization},
    format::OutputFormat,
    voice::{Casting, VoiceSettings},
};

/// One request for speech.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRequest {
    /// Its id in log lines; not sent.
    pub id: String,
    /// The voice.
    pub voice_id: String,
    /// What to answer with. `wav_*` is for whole answers only.
    pub output_format: OutputFormat,
    /// Whether the service may keep what was said.
    pub enable_logging: bool,
    /// 0 to 4.
    pub optimize_streaming_latency: Option<u8>,
    /// The JSON.
    pub body: Body,
}

/// The JSON of a request. What is `None` or empty is left out, and the service takes its own default.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Body {
    /// What to say.
    pub text: String,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_id: Option<String>,
    /// Language, for models that take one; others refuse it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
    /// How the voice sounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice_settings: Option<VoiceSettings>,
    /// Dictionaries, applied in order.
    #[serde(skip_serializing_if = "UpToThree::is_empty")]
    pub pronunciation_dictionary_locators: UpToThree<PronunciationDictionary>,
    /// For the same sound each time, as far as the service can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// What was said before, for the melody. Not sent to `eleven_v3` models, which refuse it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_text: Option<String>,
    /// What will be said next, for the melody. Not sent to `eleven_v3` models, which refuse it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_text: Option<String>,
    /// [Ids](super::ResponseInfo::request_id) of what was said before, in order.
    #[serde(skip_serializing_if = "UpToThree::is_empty")]
    pub previous_request_ids: UpToThree<String>,
    /// Ids of what will be heard next, in order, when this is made anew.
    #[serde(skip_serializing_if = "UpToThree::is_empty")]
    pub next_request_ids: UpToThree<String>,
    /// Whether the service spells out numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply_text_normalization: Option<TextNormalization>,
    /// The same by the rules of a language; Japanese only, and slow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply_language_text_normalization: Option<bool>,
    /// The quick clone of a voice instead of the professional one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_pvc_as_ivc: Option<bool>,
}

/// A pronunciation dictionary of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PronunciationDictionary {
    /// Its id.
    pub pronunciation_dictionary_id: String,
    /// Its version.
    pub version_id: String,
}

/// A list of at most three, which is what the service takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct UpToThree<T>(Vec<T>);

impl<T> UpToThree<T> {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for UpToThree<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> TryFrom<Vec<T>> for UpToThree<T> {
    type Error = TooMany;

    fn try_from(items: Vec<T>) -> Result<Self, TooMany> {
        if items.len() <= 3 { Ok(Self(items)) } else { Err(TooMany { count: items.len() }) }
    }
}

/// A list is longer than the service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{count} are too many; at most 3 are taken")]
pub struct TooMany {
    /// How many there are.
    pub count: usize,
}

impl HttpRequest {
    /// A request for `text` as configured.
    pub fn new(settings: &ElevenLabsSettings, casting: Casting, text: &str) -> Self {
        Self {
            id: String::new(),
            output_format: settings.http_output_format,
            enable_logging: settings.enable_logging,
            optimize_streaming_latency: settings.optimize_streaming_latency,
            body: Body {
                text: text.to_owned(),
                model_id: Some(settings.model_id.clone()),
                language_code: casting.language,
                voice_settings: Some(VoiceSettings::new(settings, casting.speed)),
                seed: settings.seed,
                apply_text_normalization: Some(settings.apply_text_normalization),
                ..Body::default()
            },
            voice_id: casting.voice_id,
        }
    }

    /// The query, by name.
    pub(super) fn query(&self) -> impl Iterator<Item = (&'static str, String)> {
        let latency = self.optimize_streaming_latency.map(|level| ("optimize_streaming_latency", level.to_string()));
        let query =
            [("output_format", self.output_format.to_string()), ("enable_logging", self.enable_logging.to_string())];
        query.into_iter().chain(latency)
    }

    /// The body as it is sent.
    pub(super) fn wire_body(&self) -> Body {
        let mut body = self.body.clone();
        if body.model_id.as_ref().is_some_and(|model| model.starts_with("eleven_v3")) {
            body.previous_text = None;
            body.next_text = None;
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request() -> HttpRequest {
        let settings = ElevenLabsSettings { model_id: "eleven_flash_v2_5".into(), ..Default::default() };
        let casting = Casting { voice_id: "v".into(), language: Some("ru".into()), speed: 1.0 };
        HttpRequest::new(&settings, casting, "Привет")
    }

    #[test]
    fn nothing_is_sent_that_was_not_asked_for() {
        let mut request = request();
        assert_eq!(
            serde_json::to_value(request.wire_body()).unwrap(),
            json!({
                "text": "Привет",
                "model_id": "eleven_flash_v2_5",
                "language_code": "ru",
                "voice_settings": {
                    "stability": 0.5, "similarity_boost": 0.8f32, "style": 0.0, "use_speaker_boost": false, "speed": 1.0,
                },
                "apply_text_normalization": "auto",
            })
        );
        let query =
            |request: &HttpRequest| request.query().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let all = ["output_format=pcm_16000", "enable_logging=true", "optimize_streaming_latency=4"];
        assert_eq!(query(&request), all);
        request.optimize_streaming_latency = None;
        assert_eq!(query(&request), all[..2]);
    }

    #[test]
    fn models_of_the_third_generation_get_no_neighbouring_text() {
        let mut request = request();
        request.body.previous_text = Some("a".into());
        request.body.next_text = Some("b".into());
        assert_eq!(request.wire_body(), request.body);
        request.body.model_id = Some("eleven_v3".into());
        assert_eq!((request.wire_body().previous_text, request.wire_body().next_text), (None, None));
    }

    #[test]
    fn a_list_of_four_cannot_be_built() {
        assert_eq!(UpToThree::try_from(vec![1, 2, 3, 4]), Err(TooMany { count: 4 }));
        assert_eq!(serde_json::to_value(UpToThree::try_from(vec![1, 2, 3]).unwrap()).unwrap(), json!([1, 2, 3]));
    }
}
