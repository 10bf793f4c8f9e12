//! Who speaks a request, and how: the same rules over HTTP and WebSockets.

use std::collections::BTreeMap;

use evervoice_core::tts::{SpeechRequest, TtsError, VoiceInfo, has_words};
use serde::Serialize;

use crate::{config::ElevenLabsSettings, format::OutputFormat};

/// How a voice sounds: `voice_settings` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct VoiceSettings {
    /// 0 to 1.
    pub stability: f32,
    /// 0 to 1.
    pub similarity_boost: f32,
    /// 0 to 1.
    pub style: f32,
    /// Closer to the speaker, and slower.
    pub use_speaker_boost: bool,
    /// Pace, 0.7 to 1.2.
    pub speed: f32,
}

impl VoiceSettings {
    /// As configured, at a pace.
    pub fn new(settings: &ElevenLabsSettings, speed: f32) -> Self {
        Self {
            stability: settings.voice_stability,
            similarity_boost: settings.voice_similarity_boost,
            style: settings.voice_style,
            use_speaker_boost: settings.voice_use_speaker_boost,
            speed,
        }
    }
}

/// What ElevenLabs has to know of a request besides its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Casting {
    /// The voice.
    pub voice_id: String,
    /// The language, for models that take one.
    pub language: Option<String>,
    /// Pace, in [`ElevenLabsSettings::SPEED`].
    pub speed: f32,
}

impl Casting {
    /// Casts `request`.
    ///
    /// # Errors
    /// [`TtsError::UnknownVoice`], [`TtsError::LanguageNotSupported`], [`TtsError::SpeedNotSupported`],
    /// [`TtsError::NothingToSpeak`]: another provider may be able to speak it.
    pub fn of(request: &SpeechRequest, settings: &ElevenLabsSettings) -> Result<Self, TtsError> {
        if !has_words(request.text()) {
            return Err(TtsError::NothingToSpeak);
        }
        Self::new(request.voice(), request.language(), request.speed(), settings)
    }

    /// Casts by name or id of the voice (`None` for the configured one), language and pace.
    ///
    /// # Errors
    /// [`TtsError::UnknownVoice`], [`TtsError::LanguageNotSupported`], [`TtsError::SpeedNotSupported`].
    pub fn new(
        voice: Option<&str>,
        language: Option<&str>,
        speed: f32,
        settings: &ElevenLabsSettings,
    ) -> Result<Self, TtsError> {
        let named = named(settings);
        let voice_id = match voice {
            None => settings.voice_id.clone(),
            Some(wanted) => match named.get(wanted) {
                Some(id) => id.clone(),
                None if named.values().any(|id| id == wanted) => wanted.to_owned(),
                None => {
                    let known = named.into_keys().collect();
                    return Err(TtsError::UnknownVoice { wanted: wanted.to_owned(), known });
                }
            },
        };
        let pace = speed * settings.voice_speed;
        if !ElevenLabsSettings::SPEED.contains(&pace) {
            // In terms of the request, which multiplies the configured pace.
            let limit = |pace: &f32| (pace / settings.voice_speed * 100.0).round() / 100.0;
            let [lowest, highest] = [ElevenLabsSettings::SPEED.start(), ElevenLabsSettings::SPEED.end()].map(limit);
            return Err(TtsError::SpeedNotSupported { voice: voice_id, lowest, highest });
        }
        Ok(Self { voice_id, language: settings.language_for(language)?, speed: pace })
    }
}

/// Everything that decides how `provider` would speak a request in this format, besides its text and language; `None` when it
/// cannot. `service` is the service's address: an emulator has another voice.
pub fn rendering(
    provider: &str,
    service: &str,
    request: &SpeechRequest,
    settings: &ElevenLabsSettings,
    format: OutputFormat,
) -> Option<String> {
    let Casting { voice_id, speed, .. } = Casting::of(request, settings).ok()?;
    let ElevenLabsSettings { model_id, apply_text_normalization: normalization, seed, .. } = settings;
    let VoiceSettings { stability, similarity_boost, style, use_speaker_boost, .. } =
        VoiceSettings::new(settings, speed);
    Some(format!(
        "{provider} {service} voice={voice_id} model={model_id} format={} speed={speed} stability={stability} \
         similarity_boost={similarity_boost} style={style} speaker_boost={use_speaker_boost} \
         normalization={} seed={}",
        format.name(),
        normalization.name(),
        seed.map(|seed| seed.to_string()).unwrap_or_default(),
    ))
}

/// Whether a request may ask for this voice: by its name or its id.
pub fn has_voice(settings: &ElevenLabsSettings, wanted: &str) -> bool {
    named(settings).iter().any(|(name, id)| name == wanted || id == wanted)
}

/// The voices that can be asked for by name.
pub fn voices(settings: &ElevenLabsSettings, provider: &'static str, sample_rate: u32) -> Vec<VoiceInfo> {
    let info = |(name, id): (String, String)| VoiceInfo {
        default: id == settings.voice_id,
        name,
        languages: settings.language_code.iter().cloned().collect(),
        provider,
        sample_rate,
    };
    named(settings).into_iter().map(info).collect()
}

/// Voice ids by name. The configured voice has its id as its name when it has no other.
fn named(settings: &ElevenLabsSettings) -> BTreeMap<String, String> {
    let mut voices = settings.voices.clone();
    if !voices.values().any(|id| *id == settings.voice_id) {
        voices.insert(settings.voice_id.clone(), settings.voice_id.clone());
    }
    voices
}

#[cfg(test)]
mod tests {
    use evervoice_core::tts::SpeechLimits;

    use super::*;
    use crate::config::TextNormalization;

    fn settings() -> ElevenLabsSettings {
        ElevenLabsSettings {
            voice_id: "id-1".into(),
            model_id: "eleven_flash_v2_5".into(),
            voices: [("anna".to_owned(), "id-2".to_owned())].into(),
            ..Default::default()
        }
    }

    fn cast(voice: Option<&str>, speed: f32) -> Result<Casting, TtsError> {
        Casting::new(voice, Some("ru-RU"), speed, &settings())
    }

    #[test]
    fn a_voice_goes_by_name_or_id() {
        for (voice, id) in [(None, "id-1"), (Some("anna"), "id-2"), (Some("id-2"), "id-2"), (Some("id-1"), "id-1")] {
            let casting = cast(voice, 1.0).unwrap();
            assert_eq!((casting.voice_id.as_str(), casting.language.as_deref()), (id, Some("ru")));
        }
        let Err(TtsError::UnknownVoice { known, .. }) = cast(Some("bob"), 1.0) else { panic!("nobody knows bob") };
        assert_eq!(known, ["anna", "id-1"]);
        let listed = voices(&settings(), "elevenlabs_ws", 16_000);
        assert_eq!(
            listed.iter().map(|voice| (voice.name.as_str(), voice.default)).collect::<Vec<_>>(),
            [("anna", false), ("id-1", true)]
        );
    }

    #[test]
    fn the_pace_is_within_what_the_service_takes() {
        assert_eq!(cast(None, 1.2).unwrap().speed, 1.2);
        for speed in [1.3, 0.5] {
            let Err(TtsError::SpeedNotSupported { lowest, highest, .. }) = cast(None, speed) else { panic!("{speed}") };
            assert_eq!((lowest, highest), (0.7, 1.2));
        }
    }

    #[test]
    fn what_decides_the_sound_is_told_and_what_cannot_be_spoken() {
        let told = |speed, change: fn(&mut ElevenLabsSettings)| {
            let mut settings = settings();
            change(&mut settings);
            let limits = SpeechLimits { max_chars: 10 };
            let request = SpeechRequest::new("Hello.".into(), None, None, Some(speed), limits).unwrap();
            rendering("elevenlabs_ws", "wss://service", &request, &settings, OutputFormat::PCM_16000)
        };
        let usual = told(1.0, |_| {}).unwrap();
        assert!(usual.contains("voice=id-1") && usual.contains("format=pcm_16000"), "{usual}");
        assert_eq!(told(1.0, |_| {}).unwrap(), usual);
        let changes: [fn(&mut ElevenLabsSettings); 6] = [
            |settings| settings.voice_id = "id-3".into(),
            |settings| settings.model_id = "eleven_turbo_v2_5".into(),
            |settings| settings.voice_stability = 0.4,
            |settings| settings.voice_style = 0.1,
            |settings| settings.seed = Some(1),
            |settings| settings.apply_text_normalization = TextNormalization::On,
        ];
        for (at, change) in changes.into_iter().enumerate() {
            assert_ne!(told(1.0, change).unwrap(), usual, "change {at}");
        }
        assert_ne!(told(1.1, |_| {}).unwrap(), usual);
        assert_eq!(told(2.0, |_| {}), None, "too fast");
    }

    #[test]
    fn marks_alone_are_not_spoken() {
        for text in ["… !", "=========="] {
            let request = SpeechRequest::new(text.into(), None, None, None, SpeechLimits { max_chars: 10 }).unwrap();
            assert!(matches!(Casting::of(&request, &settings()), Err(TtsError::NothingToSpeak)), "{text}");
        }
    }
}
