//! Pronunciations: overrides, the built-in dictionary, derived forms, then letter-to-sound.

mod bytes;
mod dictionary;
mod lts;
mod morphology;

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::phones::{Phone, parse_phones};
use dictionary::Dictionary;
use lts::LetterToSound;

const DICTIONARY: &[u8] = include_bytes!("../../data/lexicon.bin");
const LETTER_TO_SOUND: &[u8] = include_bytes!("../../data/lts.bin");

/// Names of the letters `a`…`z`.
const LETTERS: [&str; 26] = [
    "EY1",
    "B IY1",
    "S IY1",
    "D IY1",
    "IY1",
    "EH1 F",
    "JH IY1",
    "EY1 CH",
    "AY1",
    "JH EY1",
    "K EY1",
    "EH1 L",
    "EH1 M",
    "EH1 N",
    "OW1",
    "P IY1",
    "K Y UW1",
    "AA1 R",
    "EH1 S",
    "T IY1",
    "Y UW1",
    "V IY1",
    "D AH1 B AH0 L Y UW0",
    "EH1 K S",
    "W AY1",
    "Z IY1",
];

/// Why a list of pronunciations was refused.
#[derive(Debug, thiserror::Error)]
pub enum LexiconError {
    /// Not a JSON object of strings.
    #[error("pronunciations are not a JSON object of strings: {0}")]
    Json(#[from] serde_json::Error),
    /// A pronunciation is empty or names an unknown phone.
    #[error("pronunciation of \"{word}\" is not a list of ARPAbet phones: \"{phones}\"")]
    Phones {
        /// The word it was given for.
        word: String,
        /// What was given.
        phones: String,
    },
}

/// Word to phones, for every word there can be.
///
/// Made of CMUdict (first pronunciations), optional overrides, and rules for the rest. Cheap to build: the dictionary
/// stays packed, the letter-to-sound model is unpacked (a few ms) at the first word that needs it.
pub struct Lexicon {
    dictionary: Option<Dictionary>,
    overrides: HashMap<String, Vec<Phone>>,
    letter_to_sound: OnceLock<Option<LetterToSound>>,
}

impl Default for Lexicon {
    fn default() -> Self {
        Self::builtin()
    }
}

impl Lexicon {
    /// The dictionary compiled into the program.
    pub fn builtin() -> Self {
        Self { dictionary: Dictionary::open(DICTIONARY), overrides: HashMap::new(), letter_to_sound: OnceLock::new() }
    }

    /// Adds pronunciations that win over the dictionary: JSON, `{"word": "W ER1 D", …}`.
    ///
    /// # Errors
    /// [`LexiconError`] if the text is no such object or a phone is unknown; nothing is added then.
    pub fn with_overrides(mut self, overrides: &str) -> Result<Self, LexiconError> {
        let given: HashMap<String, String> = serde_json::from_str(overrides)?;
        for (word, phones) in given {
            match parse_phones(&phones) {
                Some(p) => self.overrides.insert(word.to_lowercase(), p),
                None => return Err(LexiconError::Phones { word, phones }),
            };
        }
        Ok(self)
    }

    /// Number of dictionary words.
    pub fn len(&self) -> usize {
        self.dictionary.as_ref().map_or(0, Dictionary::len)
    }

    /// Whether there is no dictionary word at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a lowercase word is listed.
    pub fn contains(&self, word: &str) -> bool {
        self.overrides.contains_key(word) || self.dictionary.as_ref().is_some_and(|d| d.contains(word))
    }

    /// The listed pronunciation of a lowercase word.
    pub fn listed(&self, word: &str) -> Option<Vec<Phone>> {
        match self.overrides.get(word) {
            Some(p) => Some(p.clone()),
            None => self.dictionary.as_ref()?.get(word),
        }
    }

    /// Every dictionary entry in the order of its bytes, without overrides.
    pub fn entries(&self) -> impl Iterator<Item = (String, Vec<Phone>)> + '_ {
        self.dictionary.iter().flat_map(Dictionary::entries)
    }

    /// Phones of a spoken word: lowercase letters and apostrophes, or one capital for the name of a letter.
    ///
    /// `next` is the word after it in the same clause: "the" and "to" change before a vowel. Never empty for a word
    /// that has a letter.
    pub fn pronounce(&self, word: &str, next: Option<&str>) -> Vec<Phone> {
        if matches!(word, "the" | "to") && next.is_some_and(|n| self.word(n).first().is_some_and(|p| p.is_vowel())) {
            let names = if word == "the" { "DH IY0" } else { "T UW0" };
            return parse_phones(names).unwrap_or_default();
        }
        self.word(word)
    }

    fn word(&self, word: &str) -> Vec<Phone> {
        if let [letter] = word.as_bytes()
            && (letter.is_ascii_uppercase() || !matches!(letter, b'a' | b'i'))
        {
            let index = usize::from(letter.to_ascii_lowercase().wrapping_sub(b'a'));
            let name = LETTERS.get(index).and_then(|n| parse_phones(n));
            return name.unwrap_or_default();
        }
        let word = word.to_ascii_lowercase();
        if let Some(p) = self.listed(&word) {
            return p;
        }
        self.derived(&word, &|w| self.listed(w))
    }

    /// The pronunciation of a word that is not listed; `find` says what is.
    fn derived(&self, word: &str, find: &dyn Fn(&str) -> Option<Vec<Phone>>) -> Vec<Phone> {
        if let Some(stem) = word.strip_suffix("'s") {
            let stem = find(stem).unwrap_or_else(|| self.derived(stem, find));
            if let Some(p) = morphology::plural(stem) {
                return p;
            }
        }
        let plain = word.replace('\'', "");
        if plain.len() != word.len()
            && let Some(p) = find(&plain)
        {
            return p;
        }
        morphology::derive(&plain, find).unwrap_or_else(|| self.guess(&plain))
    }

    /// What the rules say for a word, as if the words for which `hidden` is true were not listed: for measuring them.
    pub fn pronounce_unlisted(&self, word: &str, hidden: &dyn Fn(&str) -> bool) -> Vec<Phone> {
        let find = |w: &str| if hidden(w) { None } else { self.listed(w) };
        self.derived(word, &find)
    }

    /// Letter-to-sound alone.
    pub fn guess(&self, word: &str) -> Vec<Phone> {
        let model = self.letter_to_sound.get_or_init(|| LetterToSound::open(LETTER_TO_SOUND));
        let phones = model.as_ref().map(|m| m.phones(word)).unwrap_or_default();
        if !phones.is_empty() {
            return phones;
        }
        // Nothing to say as a word ("hmf"): name the letters.
        let letters = word.bytes().filter(u8::is_ascii_lowercase);
        let names = letters.filter_map(|b| LETTERS.get(usize::from(b - b'a')));
        names.filter_map(|n| parse_phones(n)).flatten().collect()
    }
}

#[cfg(test)]
mod tests;
