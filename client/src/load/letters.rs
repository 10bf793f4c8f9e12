//! Whether a sound, or what was announced of it, says its text: every letter and digit of it, in order, once.

use std::ops::AddAssign;

use serde::Serialize;

/// How a sound differs from its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Letters and digits of the text that are not in the sound.
    pub lost: u64,
    /// Letters and digits in the sound that are not in the text: heard twice, or false.
    pub repeated: u64,
}

impl AddAssign for Difference {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.repeated += other.repeated;
    }
}

/// Compares what was decoded of a sound with its text. With `whole` false the sound may end early: the end of the text is
/// not missed then, but what is left out before is, and the last character of the sound may be a torn one.
///
/// What both have in common is their longest common subsequence (the usual dynamic programme, row by row): characters of
/// the text beyond it are lost, those of the sound repeated.
pub fn compare(text: &str, decoded: &str, whole: bool) -> Difference {
    let (text, mut decoded) = (letters(text), letters(decoded));
    // Nearly always, and much faster.
    if text == decoded || !whole && text.starts_with(&decoded) {
        return Difference::default();
    }
    let difference = best(&text, &decoded, whole);
    if whole || difference == Difference::default() {
        return difference;
    }
    decoded.pop();
    best(&text, &decoded, whole)
}

fn best(text: &[char], decoded: &[char], whole: bool) -> Difference {
    // common[j]: in common of the text so far and the first j characters of the sound.
    let mut common = vec![0_u64; decoded.len() + 1];
    let against =
        |read: usize, common: u64| Difference { lost: read as u64 - common, repeated: decoded.len() as u64 - common };
    let mut best = against(0, 0);
    for (read, character) in text.iter().enumerate() {
        let mut diagonal = 0;
        for (at, other) in decoded.iter().enumerate() {
            let above = common[at + 1];
            common[at + 1] = if character == other { diagonal + 1 } else { above.max(common[at]) };
            diagonal = above;
        }
        let difference = against(read + 1, common[decoded.len()]);
        if difference.lost + difference.repeated <= best.lost + best.repeated {
            best = difference;
        }
    }
    if whole { against(text.len(), common[decoded.len()]) } else { best }
}

fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|character| character.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn difference(lost: u64, repeated: u64) -> Difference {
        Difference { lost, repeated }
    }

    #[test]
    fn whole_sound_has_every_letter_once() {
        assert_eq!(compare("Hello, world 42!", "Hello,world42", true), difference(0, 0));
        assert_eq!(compare("Hello world", "Hello wold", true), difference(1, 0));
        assert_eq!(compare("Hello world", "Hello Hello world", true), difference(0, 5));
        assert_eq!(compare("Hello world", "Hello wxrld", true), difference(1, 1));
        assert_eq!(compare("Hello", "", true), difference(5, 0));
        assert_eq!(compare("…", "", true), difference(0, 0));
    }

    #[test]
    fn sound_that_was_stopped_may_end_early_but_has_no_holes() {
        assert_eq!(compare("Hello world", "Hello w", false), difference(0, 0));
        assert_eq!(compare("Hello world", "", false), difference(0, 0));
        assert_eq!(compare("Hello world", "Hello wx", false), difference(0, 0), "the last one was cut");
        assert_eq!(compare("Hello world", "Helo world", false), difference(1, 0));
        assert_eq!(compare("one two three", "one one two", false), difference(0, 3));
        assert_eq!(compare("abcdefgh", "abxydef", false), difference(1, 2));
    }

    proptest! {
        #[test]
        fn any_beginning_is_whole_as_far_as_it_goes(text in "[a-d ]{0,30}", end in 0_usize..30) {
            let beginning = &text[..end.min(text.len())];
            prop_assert_eq!(compare(&text, beginning, false), difference(0, 0));
            let missing = letters(&text).len() - letters(beginning).len();
            prop_assert_eq!(compare(&text, beginning, true), difference(missing as u64, 0));
        }

        #[test]
        fn a_hole_and_an_echo_are_counted(text in "[a-z]{10,30}", at in 0_usize..8) {
            let hole = text[..at].to_owned() + &text[at + 1..];
            prop_assert_eq!(compare(&text, &hole, true), difference(1, 0));
            let echo = text[..at + 2].to_owned() + &text[at..];
            prop_assert_eq!(compare(&text, &echo, true), difference(0, 2));
        }
    }
}
