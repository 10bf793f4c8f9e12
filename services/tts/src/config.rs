//! Settings of the text-to-speech service. `configs/tts_config.yml` is their manual.

use std::{collections::BTreeMap, path::PathBuf};

use evervoice_core::{
    audio::OutputFormat,
    config::{Mistakes, Settings},
    service::settings::{LogSettings, ServerSettings},
};
use evervoice_elevenlabs::ElevenLabsSettings;
use serde::{Deserialize, Serialize};

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TtsSettings {
    /// Who may speak.
    pub provider: ProviderChoice,
    /// The providers in order: the next one is asked when one fails.
    pub chain: Vec<ProviderName>,
    /// ElevenLabs.
    #[serde(flatten)]
    pub elevenlabs: ElevenLabsSettings,
    /// Where to listen.
    pub server: ServerSettings,
    /// How to log.
    pub log: LogSettings,
    /// What is spoken, and how much at once.
    pub speech: SpeechSettings,
    /// The voices of this machine.
    pub local: LocalSettings,
    /// What is rendered before anybody asks.
    pub stock: StockSettings,
}

/// Key `provider`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderChoice {
    /// ElevenLabs when it has all it needs, and the local voice.
    Auto,
    /// ElevenLabs must have all it needs; the local voice is behind it when `chain` says so.
    ElevenLabs,
    /// The local voice alone.
    Local,
}

/// A provider in `chain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderName {
    /// ElevenLabs over a warm WebSocket.
    #[serde(rename = "elevenlabs_ws")]
    ElevenLabsWs,
    /// ElevenLabs over HTTP.
    #[serde(rename = "elevenlabs_http")]
    ElevenLabsHttp,
    /// The voices of this machine.
    Local,
}

/// Key `speech`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpeechSettings {
    /// Longest text of an utterance, in characters.
    pub max_chars: usize,
    /// Utterances at once; further ones get 503 at once.
    pub max_utterances: usize,
    /// How long a client may take no sound before its utterance is given up, in seconds.
    pub client_stall_timeout: f64,
    /// WebSockets at once; further ones get 503.
    pub max_sockets: usize,
    /// How long a WebSocket may stay open with nothing to say, in seconds.
    pub socket_idle_timeout: f64,
    /// Utterances that may wait on one WebSocket.
    pub socket_queue: usize,
    /// How long a text that comes in pieces may pause, in seconds.
    pub text_timeout: f64,
    /// How long a provider has for its first sound before it is given up, in seconds.
    pub first_audio_timeout: f64,
    /// After how long without a first sound the next provider starts beside it, in ms; `null` for never.
    pub first_audio_budget_ms: Option<u64>,
    /// How long a provider may pause in the middle of an utterance while the listener waits, in ms.
    pub stall_ms: u64,
    /// Longest time from the first word of a streamed text to its first phrase, in ms.
    pub first_phrase_ms: u64,
    /// Longest phrase, in characters.
    pub max_phrase_chars: usize,
    /// Phrases made ahead of the one that is heard.
    pub phrases_ahead: usize,
    /// After how long without more text what has come is spoken, in ms.
    pub text_idle_ms: u64,
    /// How far sound on a WebSocket runs ahead of the listener, in ms of sound.
    pub lead_ms: u64,
    /// Length of a binary message on a WebSocket, in ms of sound.
    pub frame_ms: u64,
    /// How long an interrupted conversation can be taken up again, in seconds.
    pub resume_timeout: f64,
    /// Memory for the sound of texts that are spoken again, in MiB; 0 for none.
    pub cache_mb: u64,
    /// Failures in a row after which a provider is left alone.
    pub breaker_failures: u32,
    /// For how long, the first time, in seconds.
    pub breaker_open: f64,
    /// For how long at most, in seconds.
    pub breaker_longest: f64,
}

/// Key `stock`: phrases that are rendered at start, so that they are at hand when they are needed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StockSettings {
    /// Whether anything is rendered.
    pub enabled: bool,
    /// Where the sound is kept from one start to the next; `null` for memory alone.
    pub dir: Option<PathBuf>,
    /// Names of the formats that it is kept in.
    pub formats: Vec<String>,
    /// What is said while an answer is on its way, by language and by what the caller said.
    pub fillers: BTreeMap<String, Fillers>,
    /// Texts that are often spoken, by language: at hand, and spoken even when nobody else can.
    pub pinned: BTreeMap<String, Vec<String>>,
    /// What is said when nobody can speak, by language.
    pub outage: BTreeMap<String, String>,
}

/// Key `stock.fillers.LANGUAGE`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fillers {
    /// After a question.
    pub question: Vec<String>,
    /// After a request to do something.
    pub request: Vec<String>,
    /// After anything else.
    pub hesitation: Vec<String>,
}

impl Default for StockSettings {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<String>>();
        let en = Fillers {
            question: texts(&["Hm, let me see.", "Good question.", "One moment."]),
            request: texts(&["Sure.", "All right.", "I will do that."]),
            hesitation: texts(&["Hm.", "I see.", "Well."]),
        };
        let ru = Fillers {
            question: texts(&["Хм, сейчас посмотрю.", "Хороший вопрос.", "Одну секунду."]),
            request: texts(&["Конечно.", "Хорошо.", "Сейчас сделаю."]),
            hesitation: texts(&["Хм.", "Понятно.", "Так."]),
        };
        let outage = [
            ("en", "Sorry, I cannot speak right now. Please try again in a moment."),
            ("ru", "Извините, сейчас я не могу ответить. Пожалуйста, попробуйте ещё раз чуть позже."),
        ];
        Self {
            enabled: true,
            dir: Some(PathBuf::from(evervoice_models::DEFAULT_MODELS_DIR).join("stock")),
            formats: texts(&["pcm_16000", "ulaw_8000"]),
            fillers: [("en".to_owned(), en), ("ru".to_owned(), ru)].into(),
            pinned: [("en".to_owned(), Vec::new()), ("ru".to_owned(), Vec::new())].into(),
            outage: outage.map(|(language, text)| (language.to_owned(), text.to_owned())).into(),
        }
    }
}

/// Key `local`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalSettings {
    /// Threads that compute speech; `null` for one per core.
    pub threads: Option<usize>,
    /// Where `voices` are looked for.
    pub models_dir: PathBuf,
    /// A list of models in place of `configs/models.yml` as it was compiled in.
    pub manifest: Option<PathBuf>,
    /// Voices besides the built-in one, each a name or alias of the list, the name of a directory inside `models_dir`, or a
    /// path.
    pub voices: Vec<String>,
    /// Whether the built-in English voice is loaded.
    pub built_in: bool,
    /// Voice of requests that name none; `null` for the first one that can read the text.
    pub default_voice: Option<String>,
}

impl Default for TtsSettings {
    fn default() -> Self {
        Self {
            provider: ProviderChoice::Auto,
            chain: vec![ProviderName::ElevenLabsWs, ProviderName::ElevenLabsHttp, ProviderName::Local],
            elevenlabs: ElevenLabsSettings::default(),
            server: ServerSettings::on_port(8082),
            log: LogSettings::default(),
            speech: SpeechSettings {
                max_chars: 5_000,
                max_utterances: 64,
                client_stall_timeout: 30.0,
                max_sockets: 1000,
                socket_idle_timeout: 300.0,
                socket_queue: 16,
                text_timeout: 20.0,
                first_audio_timeout: 3.0,
                first_audio_budget_ms: Some(500),
                stall_ms: 700,
                first_phrase_ms: 250,
                max_phrase_chars: 250,
                phrases_ahead: 2,
                text_idle_ms: 500,
                lead_ms: 400,
                frame_ms: 40,
                resume_timeout: 10.0,
                cache_mb: 64,
                breaker_failures: 3,
                breaker_open: 5.0,
                breaker_longest: 60.0,
            },
            local: LocalSettings {
                threads: None,
                models_dir: evervoice_models::DEFAULT_MODELS_DIR.into(),
                manifest: None,
                voices: Vec::new(),
                built_in: true,
                default_voice: None,
            },
            stock: StockSettings::default(),
        }
    }
}

impl Settings for TtsSettings {
    const VARIABLES: &'static [(&'static str, &'static str)] = &[
        ElevenLabsSettings::VARIABLES[0],
        ElevenLabsSettings::VARIABLES[1],
        ElevenLabsSettings::VARIABLES[2],
        ElevenLabsSettings::VARIABLES[3],
        ElevenLabsSettings::VARIABLES[4],
        ("TTS_PROVIDER", "provider"),
        ("BIND_ADDRESS", "server.bind_address"),
        ("TTS_PORT", "server.port"),
        ("TTS_MAX_CHARS", "speech.max_chars"),
        ("TTS_MAX_UTTERANCES", "speech.max_utterances"),
        ("TTS_CACHE_MB", "speech.cache_mb"),
        ("TTS_STOCK_DIR", "stock.dir"),
        ("TTS_THREADS", "local.threads"),
        ("TTS_VOICES", "local.voices"),
        ("TTS_DEFAULT_VOICE", "local.default_voice"),
        ("MODELS_DIR", "local.models_dir"),
        ("MODELS_MANIFEST", "local.manifest"),
        ("LOG_LEVEL", "log.level"),
        ("LOG_DIR", "log.dir"),
    ];

    fn check(&self, mistakes: &mut Mistakes) {
        self.server.check(mistakes);
        self.log.check(mistakes);
        mistakes.range("speech.max_chars", self.speech.max_chars, 1..=100_000);
        mistakes.range("speech.max_utterances", self.speech.max_utterances, 1..=100_000);
        mistakes.range("speech.client_stall_timeout", self.speech.client_stall_timeout, 0.1..=3600.0);
        mistakes.range("speech.socket_idle_timeout", self.speech.socket_idle_timeout, 1.0..=86_400.0);
        mistakes.range("speech.max_sockets", self.speech.max_sockets, 1..=100_000);
        mistakes.range("speech.socket_queue", self.speech.socket_queue, 1..=1_000);
        mistakes.range("speech.text_timeout", self.speech.text_timeout, 0.1..=3600.0);
        mistakes.range("speech.first_audio_timeout", self.speech.first_audio_timeout, 0.1..=60.0);
        if let Some(budget) = self.speech.first_audio_budget_ms {
            mistakes.range("speech.first_audio_budget_ms", budget, 20..=60_000);
        }
        mistakes.range("speech.stall_ms", self.speech.stall_ms, 50..=60_000);
        mistakes.range("speech.first_phrase_ms", self.speech.first_phrase_ms, 0..=10_000);
        mistakes.range("speech.max_phrase_chars", self.speech.max_phrase_chars, 40..=2_000);
        mistakes.range("speech.phrases_ahead", self.speech.phrases_ahead, 1..=16);
        mistakes.range("speech.text_idle_ms", self.speech.text_idle_ms, 50..=60_000);
        mistakes.range("speech.lead_ms", self.speech.lead_ms, 40..=600_000);
        mistakes.range("speech.frame_ms", self.speech.frame_ms, 20..=100);
        mistakes.range("speech.resume_timeout", self.speech.resume_timeout, 0.0..=600.0);
        mistakes.range("speech.cache_mb", self.speech.cache_mb, 0..=65_536);
        self.stock.check(mistakes);
        mistakes.range("speech.breaker_failures", self.speech.breaker_failures, 1..=1_000);
        mistakes.range("speech.breaker_open", self.speech.breaker_open, 0.1..=3600.0);
        mistakes.range("speech.breaker_longest", self.speech.breaker_longest, self.speech.breaker_open..=3600.0);
        self.check_providers(mistakes);
        if let Some(threads) = self.local.threads {
            mistakes.range("local.threads", threads, 1..=256);
        }
        if !self.local.built_in && self.local.voices.is_empty() {
            mistakes.add("local.built_in", "is false and local.voices is empty: there would be no voice");
        }
    }
}

impl StockSettings {
    fn check(&self, mistakes: &mut Mistakes) {
        for name in &self.formats {
            if name.parse::<OutputFormat>().is_err() {
                let known = OutputFormat::ALL.map(OutputFormat::name).join(", ");
                mistakes.add("stock.formats", format!("there is no format {name:?}; the formats are {known}"));
            }
        }
    }
}

impl TtsSettings {
    /// Who speaks, in order: `chain` without those that are switched off.
    pub fn providers(&self) -> Vec<ProviderName> {
        let elevenlabs = match self.provider {
            ProviderChoice::Auto => self.elevenlabs.missing().is_empty(),
            ProviderChoice::ElevenLabs => true,
            ProviderChoice::Local => false,
        };
        self.chain.iter().copied().filter(|name| *name == ProviderName::Local || elevenlabs).collect()
    }

    fn check_providers(&self, mistakes: &mut Mistakes) {
        self.elevenlabs.check(mistakes);
        let missing = self.elevenlabs.missing();
        if self.provider == ProviderChoice::ElevenLabs {
            for key in missing {
                let variable = ElevenLabsSettings::VARIABLES.iter().find(|(_, of)| *of == key).map(|(name, _)| *name);
                let what = format!("is missing, and provider is elevenlabs; set {}", variable.unwrap_or(key));
                mistakes.add(key, what);
            }
        }
        if self.chain.iter().enumerate().any(|(at, name)| self.chain[..at].contains(name)) {
            mistakes.add("chain", "names a provider twice");
        }
        let providers = self.providers();
        if providers.is_empty() {
            mistakes.add("chain", "leaves nobody who could speak");
        }
        if providers.contains(&ProviderName::ElevenLabsWs) && !self.elevenlabs.model_has_websocket() {
            let what = format!(
                "{} has no WebSocket interface; take elevenlabs_ws out of chain, or another model such as eleven_flash_v2_5",
                self.elevenlabs.model_id
            );
            mistakes.add("model_id", what);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn mistakes(change: impl FnOnce(&mut TtsSettings)) -> Vec<String> {
        let mut settings = TtsSettings::default();
        settings.elevenlabs.api_key = "sk_secret".into();
        settings.elevenlabs.voice_id = "voice".into();
        settings.elevenlabs.model_id = "eleven_flash_v2_5".into();
        change(&mut settings);
        let mut mistakes = Mistakes::default();
        settings.check(&mut mistakes);
        mistakes.list().iter().map(|mistake| mistake.place.clone()).collect()
    }

    #[test]
    fn elevenlabs_is_switched_off_or_asked_for() {
        assert_eq!(TtsSettings::default().providers(), [ProviderName::Local]);
        assert_eq!(mistakes(|_| {}), Vec::<String>::new());
        let asked = |settings: &mut TtsSettings| {
            settings.provider = ProviderChoice::ElevenLabs;
            settings.elevenlabs = ElevenLabsSettings::default();
        };
        assert_eq!(mistakes(asked), ["api_key", "voice_id", "model_id"]);
        assert_eq!(mistakes(|settings| settings.elevenlabs.model_id = "eleven_v3".into()), ["model_id"]);
        let http_only = |settings: &mut TtsSettings| {
            settings.elevenlabs.model_id = "eleven_v3".into();
            settings.chain.remove(0);
        };
        assert_eq!(mistakes(http_only), Vec::<String>::new());
        assert_eq!(mistakes(|settings| settings.chain.clear()), ["chain"]);
    }

    #[test]
    fn a_resolved_configuration_shows_no_secret() {
        let variables = [("ELEVEN_API_KEY", "sk_secret"), ("ELEVEN_VOICE_ID", "v"), ("ELEVEN_MODEL_ID", "m")];
        let settings: TtsSettings = evervoice_core::config::load(None, &variables.into_iter().collect()).unwrap();
        assert_eq!(settings.elevenlabs.api_key.expose(), "sk_secret");
        let printed = serde_json::to_string(&settings).unwrap() + &format!("{settings:?}");
        assert!(printed.contains("***") && !printed.contains("sk_secret"), "{printed}");
    }

    /// The file is the manual: it names every key, with its default.
    #[test]
    fn the_shipped_file_is_the_defaults() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/tts_config.yml");
        evervoice_core::config::assert_manual::<TtsSettings>(&file);
    }
}
