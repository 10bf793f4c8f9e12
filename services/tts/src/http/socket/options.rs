//! How to speak on this socket, as `config` says.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

use evervoice_core::{
    api::{BargeIn, SpeakBody, SpeechConfig},
    audio::OutputFormat,
    service::Problem,
    tts::{SpeechLimits, SpeechRequest},
};

use super::{guard::Guard, pace::Pace};
use crate::{config::SpeechSettings, http::check};

/// How to speak from the next utterance on; pace, marks and barge-in hold at once.
pub struct Options {
    voice: Option<String>,
    lang: Option<String>,
    speed: Option<f32>,
    format: Option<String>,
    pub pace: Pace,
    /// Time between two marks.
    pub mark: Duration,
    /// `None` as long as the caller's sound does not interrupt.
    pub guard: Option<Guard>,
}

impl Options {
    /// As the settings say.
    pub fn new(settings: &SpeechSettings) -> Self {
        let pace = Pace { lead_ms: settings.lead_ms, frame_ms: settings.frame_ms };
        let (voice, lang, speed, format) = (None, None, None, None);
        Self { voice, lang, speed, format, pace, mark: Duration::from_millis(500), guard: None }
    }

    /// Takes what a `config` says: all of it, or nothing.
    ///
    /// # Errors
    /// The first value that is not allowed, with what is.
    pub fn apply(&mut self, config: SpeechConfig, limits: SpeechLimits) -> Result<(), Problem> {
        let SpeechConfig { voice, lang, speed, format, lead_ms, mark_ms, barge_in } = config;
        let text = "x".to_owned();
        request(SpeakBody { text, voice: voice.clone(), lang: lang.clone(), speed, format: format.clone() }, limits)?;
        if let Some(lead) = lead_ms {
            within("lead_ms", lead, 40..=600_000)?;
        }
        if let Some(mark) = mark_ms {
            within("mark_ms", mark, 20..=60_000)?;
        }
        if let Some(barge_in) = &barge_in {
            within("barge_in.sample_rate", barge_in.sample_rate, 8_000..=48_000)?;
            within("barge_in.min_level_dbfs", barge_in.min_level_dbfs, -90.0..=0.0)?;
            within("barge_in.min_speech_ms", barge_in.min_speech_ms, 20..=10_000)?;
            within("barge_in.max_pause_ms", barge_in.max_pause_ms, 0..=10_000)?;
            within("barge_in.holdoff_ms", barge_in.holdoff_ms, 0..=60_000)?;
        }
        self.voice = voice.or(self.voice.take());
        self.lang = lang.or(self.lang.take());
        self.speed = speed.or(self.speed);
        self.format = format.or(self.format.take());
        self.pace.lead_ms = lead_ms.unwrap_or(self.pace.lead_ms);
        self.mark = mark_ms.map_or(self.mark, Duration::from_millis);
        if let Some(barge_in) = barge_in {
            self.guard = Some(barge_in).filter(|barge_in: &BargeIn| barge_in.enabled).map(Guard::new);
        }
        Ok(())
    }

    /// A request; what it does not say is as `config` said.
    ///
    /// # Errors
    /// As for `POST /api/tts`, and WAV is refused.
    pub fn request(&self, body: SpeakBody, limits: SpeechLimits) -> Result<(SpeechRequest, OutputFormat), Problem> {
        let SpeakBody { text, voice, lang, speed, format } = body;
        let body = SpeakBody {
            text,
            voice: voice.or_else(|| self.voice.clone()),
            lang: lang.or_else(|| self.lang.clone()),
            speed: speed.or(self.speed),
            format: format.or_else(|| self.format.clone()),
        };
        request(body, limits)
    }

    /// The language and format of what nobody asks for in words.
    pub fn language_and_format(&self) -> (Option<&str>, OutputFormat) {
        let format = self.format.as_deref().and_then(|name| name.parse().ok());
        (self.lang.as_deref(), format.unwrap_or_default())
    }
}

fn request(body: SpeakBody, limits: SpeechLimits) -> Result<(SpeechRequest, OutputFormat), Problem> {
    match check(body, limits)? {
        (_, OutputFormat::Wav) => {
            let what = "a WebSocket streams raw sound; POST /api/tts/wav gives WAV";
            Err(Problem::unprocessable("unknown_format", what))
        }
        checked => Ok(checked),
    }
}

/// NaN is in no range.
fn within<T: PartialOrd + Display>(name: &str, value: T, allowed: RangeInclusive<T>) -> Result<(), Problem> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let what = format!("`{name}` is {value}; it must be {} to {}", allowed.start(), allowed.end());
    Err(Problem::unprocessable("invalid_field", what))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::TtsSettings;

    const LIMITS: SpeechLimits = SpeechLimits { max_chars: 100 };

    fn apply(options: &mut Options, config: Value) -> Result<(), Problem> {
        options.apply(serde_json::from_value(config).unwrap(), LIMITS)
    }

    fn body(body: Value) -> SpeakBody {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn what_a_config_leaves_out_stays_and_an_utterance_wins() {
        let mut options = Options::new(&TtsSettings::default().speech);
        assert_eq!(options.pace, Pace { lead_ms: 400, frame_ms: 40 });
        apply(&mut options, json!({"voice": "anna", "speed": 1.5, "format": "ulaw_8000", "lead_ms": 1000})).unwrap();
        apply(&mut options, json!({"lang": "ru", "mark_ms": 20, "barge_in": {"min_speech_ms": 100}})).unwrap();
        let (request, format) = options.request(body(json!({"text": "x"})), LIMITS).unwrap();
        assert_eq!((request.voice(), request.language(), request.speed()), (Some("anna"), Some("ru"), 1.5));
        assert_eq!((format, options.pace.lead_ms, options.mark.as_millis()), (OutputFormat::Ulaw8000, 1000, 20));
        assert_eq!(options.guard.as_ref().unwrap().settings().min_speech_ms, 100);
        let own = body(json!({"text": "x", "voice": "bob", "format": "pcm_8000", "speed": 1.0}));
        let (request, format) = options.request(own, LIMITS).unwrap();
        assert_eq!((request.voice(), request.speed(), format), (Some("bob"), 1.0, OutputFormat::Pcm8000));
        apply(&mut options, json!({"barge_in": {"enabled": false}})).unwrap();
        assert!(options.guard.is_none());
    }

    #[test]
    fn a_value_out_of_range_is_told_with_the_range_and_changes_nothing() {
        let mut options = Options::new(&TtsSettings::default().speech);
        for (config, code, told) in [
            (json!({"lead_ms": 39}), "invalid_field", "`lead_ms` is 39; it must be 40 to 600000"),
            (json!({"lead_ms": 600_001}), "invalid_field", "lead_ms"),
            (json!({"mark_ms": 19}), "invalid_field", "20 to 60000"),
            (json!({"speed": 3.0}), "speed_out_of_range", "0.5 to 2"),
            (json!({"format": "mp3"}), "unknown_format", "pcm_16000"),
            (json!({"format": "wav"}), "unknown_format", "/api/tts/wav"),
            (json!({"barge_in": {"sample_rate": 7_999}}), "invalid_field", "8000 to 48000"),
            (json!({"barge_in": {"min_level_dbfs": 0.5}}), "invalid_field", "-90 to 0"),
            (json!({"barge_in": {"min_speech_ms": 0}}), "invalid_field", "min_speech_ms"),
            (json!({"barge_in": {"max_pause_ms": 10_001}}), "invalid_field", "max_pause_ms"),
            (json!({"barge_in": {"holdoff_ms": 60_001}}), "invalid_field", "holdoff_ms"),
        ] {
            let mut wrong = config.clone();
            wrong["voice"] = json!("anna");
            let problem = apply(&mut options, wrong).unwrap_err();
            assert_eq!((problem.status.as_u16(), problem.code.as_str()), (422, code), "{config}");
            assert!(problem.detail.contains(told), "{config}: {}", problem.detail);
        }
        assert!(options.voice.is_none() && options.guard.is_none());
    }
}
