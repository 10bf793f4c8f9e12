//! The 16 numbers per symbol that the built-in voice's encoder was trained on.
//!
//! | column | meaning |
//! | --- | --- |
//! | 0, 1 | first, last phone of a word |
//! | 2 | the word is a content word |
//! | 3, 4, 5 | the phrase ends with `,` `.` `?` (one of them is 1) |
//! | 6 | vowels before this symbol in the phrase / vowels of the phrase |
//! | 7, 8 | vowels before it, vowels from it on, in the phrase: at most 20, / 10 |
//! | 9, 10 | phrases before, phrases after, in the sentence: at most 4, / 4 |
//! | 11 | at or after the last stressed vowel of the phrase |
//! | 12, 13 | vowels before it, vowels from it on, in the sentence: at most 40, / 20 |
//! | 14 | a pause |
//! | 15 | the first symbol |
//!
//! A phrase is the run up to and including a pause.

use crate::normalize::Pause;
use crate::phones::Phone;

/// Numbers per symbol.
pub const FEATURES: usize = 16;

/// One symbol of a sentence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Symbol {
    /// The silence a sentence starts with.
    Start,
    /// A phone of a word.
    Phone {
        phone: Phone,
        /// First, last phone of its word.
        first: bool,
        last: bool,
        /// Not a function word.
        content: bool,
    },
    /// The pause after a clause.
    Pause(Pause),
}

impl Symbol {
    fn is_vowel(self) -> bool {
        matches!(self, Symbol::Phone { phone, .. } if phone.is_vowel())
    }

    fn is_stressed(self) -> bool {
        matches!(self, Symbol::Phone { phone, .. } if phone.is_stressed())
    }
}

fn flag(b: bool) -> f32 {
    f32::from(u8::from(b))
}

/// `min(count, most) / unit`; the counts here are small, so the conversion is exact.
fn capped(count: usize, most: u16, unit: f32) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(most).min(most)) / unit
}

fn count(n: usize) -> f32 {
    f32::from(u16::try_from(n).unwrap_or(u16::MAX))
}

/// Features of a sentence that ends with a pause: `symbols.len() * FEATURES` values, row-major.
pub(crate) fn features(symbols: &[Symbol]) -> Vec<f32> {
    let phrases: Vec<&[Symbol]> = symbols.split_inclusive(|s| matches!(s, Symbol::Pause(_))).collect();
    let sentence_vowels = symbols.iter().filter(|s| s.is_vowel()).count();
    let mut out = Vec::with_capacity(symbols.len() * FEATURES);
    let mut done = 0;
    for (k, phrase) in phrases.iter().enumerate() {
        let end = match phrase.last() {
            Some(Symbol::Pause(p)) => *p,
            _ => Pause::Period,
        };
        let vowels = phrase.iter().filter(|s| s.is_vowel()).count().max(1);
        let nucleus = phrase
            .iter()
            .rposition(|s| s.is_stressed())
            .or_else(|| phrase.iter().rposition(|s| s.is_vowel()))
            .unwrap_or(phrase.len() - 1);
        let mut seen = 0;
        for (i, symbol) in phrase.iter().enumerate() {
            let (first, last, content) = match *symbol {
                Symbol::Phone { first, last, content, .. } => (first, last, content),
                _ => (false, false, false),
            };
            out.extend([
                flag(first),
                flag(last),
                flag(content),
                flag(end == Pause::Comma),
                flag(end == Pause::Period),
                flag(end == Pause::Question),
                count(seen) / count(vowels),
                capped(seen, 20, 10.0),
                capped(vowels.saturating_sub(seen), 20, 10.0),
                capped(k, 4, 4.0),
                capped(phrases.len() - 1 - k, 4, 4.0),
                flag(i >= nucleus),
                capped(done, 40, 20.0),
                capped(sentence_vowels - done, 40, 20.0),
                flag(!matches!(symbol, Symbol::Phone { .. })),
                flag(out.is_empty()),
            ]);
            if symbol.is_vowel() {
                seen += 1;
                done += 1;
            }
        }
    }
    out
}
