//! Settings of ElevenLabs. They stand at the top level of `configs/tts_config.yml`, which is their manual.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use evervoice_core::{config::Mistakes, tts::TtsError};
use serde::{Deserialize, Serialize};

use crate::{
    api_key::ApiKey,
    format::{Endpoint, OutputFormat},
};

/// Everything about ElevenLabs that can be set. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ElevenLabsSettings {
    /// Key of the account.
    pub api_key: ApiKey,
    /// Voice of requests that name none.
    pub voice_id: String,
    /// Model, such as `eleven_flash_v2_5`.
    pub model_id: String,
    /// Further voices: a name to ask for, and its voice id.
    pub voices: BTreeMap<String, String>,
    /// Language for models that take one.
    pub language_code: Option<String>,
    /// Whether the service spells out numbers itself.
    pub apply_text_normalization: TextNormalization,
    /// For the same sound each time, as far as the service can.
    pub seed: Option<u32>,
    /// Whether the service may keep what was said.
    pub enable_logging: bool,

    /// Pace, 0.7 to 1.2; the pace of a request multiplies it.
    pub voice_speed: f32,
    /// 0 to 1.
    pub voice_stability: f32,
    /// 0 to 1.
    pub voice_similarity_boost: f32,
    /// 0 to 1.
    pub voice_style: f32,
    /// Closer to the speaker, and slower.
    pub voice_use_speaker_boost: bool,

    /// Where the HTTP interface is.
    pub http_base_url: String,
    /// Longest time to the first byte of sound, retries included.
    pub http_timeout_sec: f64,
    /// Longest silence between two pieces of a body.
    pub http_stall_timeout_sec: f64,
    /// What to ask for over HTTP.
    pub http_output_format: OutputFormat,
    /// 0 to 4, or `null` to leave it out.
    pub optimize_streaming_latency: Option<u8>,
    /// Whether to ask for the times of the characters too.
    pub http_timestamps: bool,
    /// Attempts after the first one.
    pub http_max_retries: usize,

    /// Where the WebSocket interface is.
    pub ws_base_url: String,
    /// Which of the two interfaces.
    pub ws_endpoint: WsEndpoint,
    /// After so long without text the service closes a socket; at most 180.
    pub ws_inactivity_timeout: u16,
    /// The service speaks at once, instead of waiting for `chunk_length_schedule`.
    pub ws_auto_mode: bool,
    /// Characters to wait for before the first, second, … piece of sound; for `ws_auto_mode: false`.
    pub chunk_length_schedule: Vec<u16>,
    /// Whether the service reads SSML tags.
    pub ws_enable_ssml_parsing: bool,
    /// What to ask for over WebSockets.
    pub ws_output_format: OutputFormat,
    /// Time between two signs of life on a socket.
    pub ws_keep_alive_sec: f64,
    /// Longest time for name, TCP, TLS and upgrade together.
    pub ws_connect_timeout_sec: f64,
    /// Send the key in the first message, not in the header of the upgrade.
    pub ws_key_in_first_message: bool,
    /// Longest time from text to first sound.
    pub ws_first_audio_timeout_sec: f64,
    /// Longest silence while more sound is due.
    pub ws_stall_timeout_sec: f64,
    /// How long the service may take to say that an utterance is over, before its socket is given up.
    pub ws_context_close_timeout_sec: f64,

    /// Sockets kept ready for each voice, model and format; 0 to connect on demand.
    pub pool_size: usize,
    /// Most sockets for each voice, model and format.
    pub pool_max: usize,
    /// After so long without use the model is woken in the background; `null` for never.
    pub rewarm_after_idle_sec: Option<f64>,
    /// What is synthesised for that, and thrown away.
    pub warm_text: String,

    /// Certificates (PEM) that are trusted besides those of the operating system. Not a key: `SSL_CERT_FILE` is for users; this
    /// is for a program that starts a service of its own.
    #[serde(skip)]
    pub trusted_pem: String,
}

/// What the models `eleven_flash_v2_5` and `eleven_turbo_v2_5` speak, by the service's documentation of models.
const LANGUAGES: [&str; 32] = [
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fil", "fr", "hi", "hr", "hu", "id", "it", "ja", "ko", "ms",
    "nl", "no", "pl", "pt", "ro", "ru", "sk", "sv", "ta", "tr", "uk", "vi", "zh",
];

/// `apply_text_normalization`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextNormalization {
    /// As the model likes it.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl TextNormalization {
    /// The value on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// `ws_endpoint`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WsEndpoint {
    /// `/multi-stream-input`: a socket serves several utterances at the same time, and one after the other.
    Multi,
    /// `/stream-input`: a socket serves one utterance.
    Single,
}

impl Default for ElevenLabsSettings {
    fn default() -> Self {
        Self {
            api_key: ApiKey::default(),
            voice_id: String::new(),
            model_id: String::new(),
            voices: BTreeMap::new(),
            language_code: None,
            apply_text_normalization: TextNormalization::Auto,
            seed: None,
            enable_logging: true,
            voice_speed: 1.0,
            voice_stability: 0.5,
            voice_similarity_boost: 0.8,
            voice_style: 0.0,
            voice_use_speaker_boost: false,
            http_base_url: "https://api.elevenlabs.io".to_owned(),
            http_timeout_sec: 20.0,
            http_stall_timeout_sec: 5.0,
            http_output_format: OutputFormat::PCM_16000,
            optimize_streaming_latency: Some(4),
            http_timestamps: true,
            http_max_retries: 2,
            ws_base_url: "wss://api.elevenlabs.io".to_owned(),
            ws_endpoint: WsEndpoint::Multi,
            ws_inactivity_timeout: 20,
            ws_auto_mode: true,
            chunk_length_schedule: vec![120, 160, 250, 290],
            ws_enable_ssml_parsing: false,
            ws_output_format: OutputFormat::PCM_16000,
            ws_keep_alive_sec: 15.0,
            ws_connect_timeout_sec: 10.0,
            ws_key_in_first_message: false,
            ws_first_audio_timeout_sec: 5.0,
            ws_stall_timeout_sec: 5.0,
            ws_context_close_timeout_sec: 5.0,
            pool_size: 2,
            pool_max: 64,
            rewarm_after_idle_sec: Some(600.0),
            warm_text: "Hi.".to_owned(),
            trusted_pem: String::new(),
        }
    }
}

impl ElevenLabsSettings {
    /// Pace that the service takes.
    pub const SPEED: RangeInclusive<f32> = 0.7..=1.2;

    /// Environment variables that set a key: `(variable, key)`.
    pub const VARIABLES: [(&'static str, &'static str); 5] = [
        ("ELEVEN_API_KEY", "api_key"),
        ("ELEVEN_VOICE_ID", "voice_id"),
        ("ELEVEN_MODEL_ID", "model_id"),
        ("ELEVEN_HTTP_BASE_URL", "http_base_url"),
        ("ELEVEN_WS_BASE_URL", "ws_base_url"),
    ];

    /// The keys without which nobody can be asked, of those that are not set.
    pub fn missing(&self) -> Vec<&'static str> {
        let set = [
            ("api_key", self.api_key.is_empty()),
            ("voice_id", self.voice_id.trim().is_empty()),
            ("model_id", self.model_id.trim().is_empty()),
        ];
        set.into_iter().filter(|(_, empty)| *empty).map(|(key, _)| key).collect()
    }

    /// Whether the model can be asked over a WebSocket. Those of the third and fourth generation cannot: the service answers
    /// the upgrade with 400 `unsupported_model` (seen), and names another interface.
    pub fn model_has_websocket(&self) -> bool {
        !["eleven_v3", "eleven_v4"].iter().any(|family| self.model_id.starts_with(family))
    }

    /// The language to tell the service: the one asked for, or the configured one, for models that take one; others refuse
    /// it, and are told nothing.
    ///
    /// # Errors
    /// [`TtsError::LanguageNotSupported`] for a language that the model does not speak.
    pub fn language_for(&self, wanted: Option<&str>) -> Result<Option<String>, TtsError> {
        let Some(tag) = wanted.or(self.language_code.as_deref()).filter(|tag| !tag.is_empty()) else { return Ok(None) };
        let primary = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let model = |parts: &[&str]| parts.iter().any(|part| self.model_id.contains(part));
        let speaks = match () {
            () if model(&["_v2_5"]) => LANGUAGES.contains(&primary.as_str()),
            // They speak more than seventy, and the list grows.
            () if model(&["_v3", "_v4"]) => {
                matches!(primary.len(), 2..=3) && primary.bytes().all(|b| b.is_ascii_lowercase())
            }
            () => return Ok(None),
        };
        if speaks {
            return Ok(Some(primary));
        }
        let what = format!("the language {tag:?}");
        Err(TtsError::LanguageNotSupported { what, supported: LANGUAGES.map(str::to_owned).to_vec() })
    }

    /// Age at which an idle socket is replaced: before the service closes it, as checking out a socket in its last
    /// seconds was seen to lose utterances.
    pub fn max_idle(&self) -> Duration {
        Duration::from_secs_f64(f64::from(self.ws_inactivity_timeout) * 0.75)
    }

    /// What every connection to the service begins with.
    pub(crate) fn client_builder(&self) -> reqwest::ClientBuilder {
        evervoice_http_client::builder_trusting(&self.trusted_pem)
    }

    /// Adds what is wrong with the values.
    pub fn check(&self, mistakes: &mut Mistakes) {
        if let Some(level) = self.optimize_streaming_latency {
            mistakes.range("optimize_streaming_latency", level, 0..=4);
        }
        mistakes.range("ws_inactivity_timeout", self.ws_inactivity_timeout, 5..=180);
        mistakes.range("voice_speed", self.voice_speed, Self::SPEED);
        for (key, value) in [
            ("voice_stability", self.voice_stability),
            ("voice_similarity_boost", self.voice_similarity_boost),
            ("voice_style", self.voice_style),
        ] {
            mistakes.range(key, value, 0.0..=1.0);
        }
        for (key, seconds) in [
            ("http_timeout_sec", self.http_timeout_sec),
            ("http_stall_timeout_sec", self.http_stall_timeout_sec),
            ("ws_keep_alive_sec", self.ws_keep_alive_sec),
            ("ws_connect_timeout_sec", self.ws_connect_timeout_sec),
            ("ws_first_audio_timeout_sec", self.ws_first_audio_timeout_sec),
            ("ws_stall_timeout_sec", self.ws_stall_timeout_sec),
            ("ws_context_close_timeout_sec", self.ws_context_close_timeout_sec),
        ] {
            mistakes.range(key, seconds, 0.05..=600.0);
        }
        if self.ws_keep_alive_sec >= f64::from(self.ws_inactivity_timeout) {
            let what = format!("must be less than ws_inactivity_timeout, {} s", self.ws_inactivity_timeout);
            mistakes.add("ws_keep_alive_sec", what);
        }
        if let Some(seconds) = self.rewarm_after_idle_sec {
            mistakes.range("rewarm_after_idle_sec", seconds, 1.0..=86_400.0);
        }
        if self.warm_text.trim().is_empty() {
            mistakes.add("warm_text", "must have something to say; rewarm_after_idle_sec: null turns waking off");
        }
        mistakes.range("http_max_retries", self.http_max_retries, 0..=10);
        mistakes.range("pool_max", self.pool_max, 1..=1_000);
        // Before an old socket goes, its replacement is opened.
        mistakes.range("pool_size", self.pool_size, 0..=self.pool_max.saturating_sub(1));
        if self.language_for(None).is_err() {
            let what = format!("{} speaks {}", self.model_id, LANGUAGES.join(", "));
            mistakes.add("language_code", what);
        }
        mistakes.range("chunk_length_schedule", self.chunk_length_schedule.len(), 1..=10);
        for length in &self.chunk_length_schedule {
            mistakes.range("chunk_length_schedule", *length, 50..=500);
        }
        self.check_formats(mistakes);
        for (key, url, schemes) in [
            ("http_base_url", &self.http_base_url, ["https", "http"]),
            ("ws_base_url", &self.ws_base_url, ["wss", "ws"]),
        ] {
            if !reqwest::Url::parse(url).is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host()) {
                mistakes.add(key, format!("must be a URL that begins with {}://", schemes.join(":// or ")));
            }
        }
    }

    fn check_formats(&self, mistakes: &mut Mistakes) {
        for (key, format, endpoint) in [
            ("http_output_format", self.http_output_format, Endpoint::Stream),
            ("ws_output_format", self.ws_output_format, Endpoint::WebSocket),
        ] {
            if !format.allowed_on(endpoint) {
                let allowed: Vec<_> = OutputFormat::all().filter(|format| format.allowed_on(endpoint)).collect();
                let names: Vec<_> = allowed.iter().map(|format| format.name()).collect();
                mistakes
                    .add(key, format!("{} cannot be streamed here; allowed are {}", format.name(), names.join(", ")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(change: impl FnOnce(&mut ElevenLabsSettings)) -> Vec<String> {
        let mut settings = ElevenLabsSettings::default();
        change(&mut settings);
        let mut mistakes = Mistakes::default();
        settings.check(&mut mistakes);
        mistakes.list().iter().map(|mistake| mistake.place.clone()).collect()
    }

    #[test]
    fn the_defaults_are_in_range_and_name_nobody() {
        assert_eq!(mistakes(|_| {}), Vec::<String>::new());
        assert_eq!(ElevenLabsSettings::default().missing(), ["api_key", "voice_id", "model_id"]);
    }

    #[test]
    fn values_out_of_range_are_told_under_their_key() {
        assert_eq!(mistakes(|s| s.optimize_streaming_latency = Some(5)), ["optimize_streaming_latency"]);
        assert_eq!(mistakes(|s| s.ws_inactivity_timeout = 181), ["ws_inactivity_timeout"]);
        assert_eq!(mistakes(|s| s.voice_speed = 1.3), ["voice_speed"]);
        assert_eq!(mistakes(|s| s.chunk_length_schedule = vec![49, 501]).len(), 2);
        assert_eq!(mistakes(|s| s.ws_keep_alive_sec = 20.0), ["ws_keep_alive_sec"]);
        assert_eq!(mistakes(|s| s.ws_base_url = "https://x".into()), ["ws_base_url"]);
        assert_eq!(mistakes(|s| s.http_output_format = "wav_16000".parse().unwrap()), ["http_output_format"]);
        assert_eq!(mistakes(|s| s.ws_output_format = "pcm_48000".parse().unwrap()), ["ws_output_format"]);
    }

    #[test]
    fn models_differ_in_what_they_take() {
        let model = |id: &str| ElevenLabsSettings { model_id: id.into(), ..Default::default() };
        assert!(!model("eleven_v3").model_has_websocket());
        assert!(model("eleven_turbo_v2_5").model_has_websocket());
        let language = |id: &str, tag: &str| model(id).language_for(Some(tag)).ok();
        assert_eq!(language("eleven_turbo_v2_5", "ru-RU"), Some(Some("ru".into())));
        assert_eq!(
            language("eleven_turbo_v2_5", "klingon"),
            None,
            "not one socket for each name that someone makes up"
        );
        assert_eq!(language("eleven_v3", "la"), Some(Some("la".into())));
        assert_eq!(language("eleven_multilingual_v2", "ru"), Some(None), "it refuses the field");
    }
}
