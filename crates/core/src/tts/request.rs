//! One utterance to be spoken.

use super::TtsError;

/// What a request may ask for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeechLimits {
    /// Longest text, in Unicode characters.
    pub max_chars: usize,
}

/// A request that has been checked: an invalid one cannot be built.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeechRequest {
    text: String,
    voice: Option<String>,
    language: Option<String>,
    speed: f32,
    id: String,
    spoken: String,
}

impl SpeechRequest {
    /// Slowest and fastest pace, as a factor on the voice's own.
    pub const SPEED: std::ops::RangeInclusive<f32> = 0.5..=2.0;

    /// Checks text and speed. Voice and language are checked by the provider, who knows them.
    ///
    /// # Errors
    /// [`TtsError::EmptyText`], [`TtsError::TextTooLong`], [`TtsError::Speed`].
    pub fn new(
        text: String,
        voice: Option<String>,
        language: Option<String>,
        speed: Option<f32>,
        limits: SpeechLimits,
    ) -> Result<Self, TtsError> {
        if text.trim().is_empty() {
            return Err(TtsError::EmptyText);
        }
        let chars = text.chars().count();
        if chars > limits.max_chars {
            return Err(TtsError::TextTooLong { chars, limit: limits.max_chars });
        }
        let speed = speed.unwrap_or(1.0);
        // NaN is in no range.
        if !Self::SPEED.contains(&speed) {
            return Err(TtsError::Speed { speed });
        }
        Ok(Self { text, voice, language, speed, id: String::new(), spoken: String::new() })
    }

    /// Names the request for logs: the `X-Request-Id` of whoever asked.
    pub fn with_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// The same request by another voice; `None` for the default one.
    pub fn with_voice(mut self, voice: Option<String>) -> Self {
        self.voice = voice;
        self
    }

    /// The same request for another text, which must not be empty or longer than allowed.
    pub fn with_text(&self, text: &str) -> Self {
        Self { text: text.to_owned(), ..self.clone() }
    }

    /// The same request after this text, which a voice may fit its melody to.
    pub fn after(mut self, spoken: &str) -> Self {
        spoken.clone_into(&mut self.spoken);
        self
    }

    /// The request for what is left when `text[..spoken]` has been spoken; `None` when nothing is left to say, or `spoken` is
    /// no place in the text.
    pub fn rest(&self, spoken: usize) -> Option<Self> {
        let (before, rest) = self.text.split_at_checked(spoken)?;
        speakable(rest).then(|| Self {
            text: rest.trim_start().to_owned(),
            spoken: format!("{}{before}", self.spoken),
            ..self.clone()
        })
    }

    /// Id of the request for logs; empty when it has none.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What has been spoken before this text, for a voice that fits its melody to it; often empty.
    pub fn spoken_before(&self) -> &str {
        &self.spoken
    }

    /// What to say, not empty.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The voice by name; `None` for the default one.
    pub fn voice(&self) -> Option<&str> {
        self.voice.as_deref()
    }

    /// The language as a BCP 47 tag; `None` for the voice's own.
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// Pace in [`Self::SPEED`]; 1.0 is the voice's own.
    pub fn speed(&self) -> f32 {
        self.speed
    }
}

/// Whether there is anything in a text that is said aloud: letters, digits, and the signs that stand for a word, such as in
/// "5 €" or "100 %".
pub fn speakable(text: &str) -> bool {
    has_words(text) || text.contains(|character| DRAWN.contains(character))
}

/// Whether a text that stands alone is said: as [`speakable`], but for signs that only mean something beside a number or a
/// word, as in "5 + 3" or "C#". Lines are drawn with them, and quotations and headings are marked.
pub fn has_words(text: &str) -> bool {
    text.contains(|character: char| character.is_alphanumeric() || SIGNS.contains(character))
}

/// Signs that are said wherever they stand.
const SIGNS: &str = "%‰&@°§€$£¥₽₴₸₹¢÷±№√∞";

/// Signs that are said beside a word.
const DRAWN: &str = "#+=<>×";

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str, speed: f32) -> Result<SpeechRequest, TtsError> {
        SpeechRequest::new(text.into(), None, None, Some(speed), SpeechLimits { max_chars: 10 })
    }

    #[test]
    fn the_rest_is_what_has_not_been_spoken() {
        let whole = request("One. Two!", 1.0).unwrap();
        let rest = whole.rest(4).unwrap();
        assert_eq!((rest.text(), rest.spoken_before()), ("Two!", "One."));
        assert_eq!(rest.rest(1).unwrap().spoken_before(), "One.T");
        assert!(whole.rest(8).is_none(), "a mark alone is not spoken");
        assert!(whole.rest(99).is_none());
        let price = SpeechRequest { text: "It costs 5 €.".into(), ..whole };
        assert_eq!(price.rest(10).unwrap().text(), "€.", "a sign that is a word");
    }

    #[test]
    fn drawn_lines_are_no_words() {
        for (text, rest, alone) in [
            ("==========", true, false),
            ("> \n>", true, false),
            ("5 + 3", true, true),
            ("€.", true, true),
            ("…", false, false),
        ] {
            assert_eq!((speakable(text), has_words(text)), (rest, alone), "{text}");
        }
    }

    #[test]
    fn invalid_requests_cannot_be_built() {
        assert!(matches!(request(" \n", 1.0), Err(TtsError::EmptyText)));
        assert!(matches!(request("12345678901", 1.0), Err(TtsError::TextTooLong { chars: 11, limit: 10 })));
        for speed in [0.0, 0.49, 2.01, f32::NAN, f32::INFINITY, -1.0] {
            assert!(matches!(request("ok", speed), Err(TtsError::Speed { .. })), "{speed}");
        }
        assert!(request("ääääääääää", 2.0).is_ok(), "characters count, not bytes");
    }
}
