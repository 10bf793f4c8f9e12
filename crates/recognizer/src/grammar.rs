//! The phrases that a session may be limited to.
//!
//! The binding pastes phrases into JSON without escaping, and libvosk crashes the process on JSON that it cannot read and
//! on an empty list; words it does not know it leaves out with a line in its log. So a grammar is checked here, and its
//! words against the model when a session begins.

use std::collections::BTreeSet;

use evervoice_core::asr::AsrError;

/// The word for "anything else" in Vosk models.
const UNKNOWN: &str = "[unk]";

/// A checked list of phrases: one to [`MAX_PHRASES`](Self::MAX_PHRASES), lower-case, of letters (any script),
/// apostrophes, hyphens and spaces, or exactly `[unk]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar(Vec<String>);

impl Grammar {
    /// Most phrases of one grammar.
    pub const MAX_PHRASES: usize = 1000;
    /// Longest phrase, in Unicode characters.
    pub const MAX_PHRASE_CHARS: usize = 200;

    /// Reads a JSON list such as `["turn on the light", "[unk]"]`. Capital letters are made small, as models have them.
    ///
    /// # Errors
    /// [`AsrError::Grammar`] saying what is not allowed.
    pub fn parse(json: &str) -> Result<Self, AsrError> {
        let phrases: Vec<String> = serde_json::from_str(json)
            .map_err(|_| refused(r#"it must be a JSON list of phrases, such as ["turn on the light", "[unk]"]"#))?;
        if phrases.is_empty() {
            return Err(refused("the list has no phrase"));
        }
        if phrases.len() > Self::MAX_PHRASES {
            let max = Self::MAX_PHRASES;
            return Err(refused(format!("it has {} phrases; at most {max} are allowed", phrases.len())));
        }
        phrases
            .into_iter()
            .enumerate()
            .map(|(index, text)| phrase(index + 1, &text))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The phrases, in the order given.
    pub fn phrases(&self) -> &[String] {
        &self.0
    }

    /// Every word, once.
    pub(crate) fn words(&self) -> BTreeSet<&str> {
        self.0.iter().flat_map(|phrase| phrase.split(' ')).collect()
    }
}

/// The phrase as the engine gets it: lower-case, its words separated by single spaces.
fn phrase(number: usize, text: &str) -> Result<String, AsrError> {
    if text == UNKNOWN {
        return Ok(text.to_owned());
    }
    // Counted after lowering: a capital letter may become two characters.
    let text = text.to_lowercase();
    let (chars, max) = (text.chars().count(), Grammar::MAX_PHRASE_CHARS);
    if chars > max {
        return Err(refused(format!("phrase {number} has {chars} characters; at most {max} are allowed")));
    }
    if let Some(wrong) = text.chars().find(|&char| !is_allowed(char)) {
        return Err(refused(format!(
            "phrase {number} has the character {wrong:?}; allowed are letters, apostrophe, hyphen and space, or the \
             phrase [unk]"
        )));
    }
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return Err(refused(format!("phrase {number} has no word")));
    }
    Ok(words.join(" "))
}

fn is_allowed(char: char) -> bool {
    char.is_alphabetic() || matches!(char, '\'' | '-' | ' ')
}

fn refused(why: impl Into<String>) -> AsrError {
    AsrError::Grammar(why.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn why(json: &str) -> String {
        match Grammar::parse(json) {
            Err(AsrError::Grammar(why)) => why,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn good_phrases_are_taken_in_small_letters() {
        let grammar = Grammar::parse(r#"["Turn  on the light ", "o'clock", "[unk]", "включи свет", "да-да"]"#).unwrap();
        assert_eq!(grammar.phrases(), ["turn on the light", "o'clock", "[unk]", "включи свет", "да-да"]);
        assert!(grammar.words().contains("light") && grammar.words().contains("[unk]"));
    }

    #[test]
    fn every_trap_is_refused_and_named() {
        for (json, part) in [
            ("", "JSON list"),
            ("{}", "JSON list"),
            (r#""turn on""#, "JSON list"),
            ("[1]", "JSON list"),
            ("[null]", "JSON list"),
            (r#"["a""#, "JSON list"),
            ("[]", "no phrase"),
            (r#"["ok", "say \"hi\""]"#, r#"phrase 2 has the character '"'"#),
            (r#"["back\\slash"]"#, "'\\\\'"),
            (r#"["line\nfeed"]"#, "'\\n'"),
            (r#"["nul\u0000"]"#, "'\\0'"),
            (r#"["tab\there"]"#, "'\\t'"),
            (r#"["one 2 three"]"#, "'2'"),
            (r#"["“quoted”"]"#, "'“'"),
            (r#"["[unk] light"]"#, "'['"),
            (r#"["[UNK]"]"#, "'['"),
            (r#"["<eps>"]"#, "'<'"),
            (r#"[""]"#, "no word"),
            (r#"["   "]"#, "no word"),
        ] {
            assert!(why(json).contains(part), "{json}: {}", why(json));
        }
    }

    #[test]
    fn length_and_number_have_limits() {
        let phrases = |count: usize, chars: usize| serde_json::to_string(&vec!["a".repeat(chars); count]).unwrap();
        assert!(Grammar::parse(&phrases(1000, 200)).is_ok());
        assert!(why(&phrases(1001, 1)).contains("1001 phrases; at most 1000"));
        assert!(why(&phrases(1, 201)).contains("201 characters; at most 200"));
    }

    fn check(json: &str) -> Result<(), TestCaseError> {
        let Ok(grammar) = Grammar::parse(json) else { return Ok(()) };
        prop_assert!((1..=Grammar::MAX_PHRASES).contains(&grammar.phrases().len()));
        for phrase in grammar.phrases() {
            prop_assert!(phrase == UNKNOWN || phrase.chars().all(is_allowed), "{phrase:?}");
            prop_assert!(!phrase.is_empty() && phrase.chars().count() <= Grammar::MAX_PHRASE_CHARS);
            prop_assert!(!phrase.contains(|char: char| char.is_control() || "\"\\".contains(char)));
        }
        // What is pasted together without escaping must read back as the same list.
        let pasted = grammar.phrases().iter().map(|phrase| format!("\"{phrase}\"")).collect::<Vec<_>>().join(", ");
        let read: Vec<String> = serde_json::from_str(&format!("[{pasted}]")).unwrap();
        prop_assert_eq!(read.as_slice(), grammar.phrases());
        Ok(())
    }

    proptest! {
        #[test]
        fn no_text_gets_through_unchecked(text in "(?s).{0,60}") {
            check(&text)?;
        }

        #[test]
        fn no_list_gets_through_unchecked(phrases in prop::collection::vec("(?s)[a-zA-Zİß'\"\\\\ \\-\\n\\[\\]]{0,12}|.{0,8}", 0..5)) {
            check(&serde_json::to_string(&phrases).unwrap())?;
        }
    }
}
