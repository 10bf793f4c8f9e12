//! The phones of American English: ARPAbet, vowels with stress 0 or 1 (CMUdict's secondary stress counts as 1).

use std::fmt;

/// Names in the order of the packed data files (`data/lexicon.bin`, `data/lts.bin`).
const NAMES: [&str; 54] = [
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W",
    "Y", "Z", "ZH", "AA0", "AA1", "AE0", "AE1", "AH0", "AH1", "AO0", "AO1", "AW0", "AW1", "AY0", "AY1", "EH0", "EH1",
    "ER0", "ER1", "EY0", "EY1", "IH0", "IH1", "IY0", "IY1", "OW0", "OW1", "OY0", "OY1", "UH0", "UH1", "UW0", "UW1",
];
/// Index of the first vowel in [`NAMES`].
const FIRST_VOWEL: u8 = 24;

/// One phone, a vowel carrying its stress: `K`, `AE1`, `ER0`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone(u8);

impl Phone {
    /// The phone of this name; CMUdict's stress 2 is read as 1. `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        let at = |n: &str| NAMES.iter().position(|&p| p == n);
        let index = match name.strip_suffix('2') {
            Some(vowel) => at(&format!("{vowel}1")),
            None => at(name),
        }?;
        u8::try_from(index).ok().map(Self)
    }

    /// Its name, such as `AE1`.
    pub fn as_str(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("")
    }

    /// Every phone there is.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..NAMES.len() as u8).map(Self)
    }

    /// Whether this is a vowel (the nucleus of a syllable).
    pub fn is_vowel(self) -> bool {
        self.0 >= FIRST_VOWEL
    }

    /// Whether this is a stressed vowel.
    pub fn is_stressed(self) -> bool {
        self.is_vowel() && (self.0 - FIRST_VOWEL) % 2 == 1
    }

    /// Position in tables that hold one value per phone.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads `"K AE1 T"`; `None` if one of the names is unknown or there is none.
pub(crate) fn parse_phones(names: &str) -> Option<Vec<Phone>> {
    let phones: Option<Vec<_>> = names.split_whitespace().map(Phone::parse).collect();
    phones.filter(|p| !p.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_classes() {
        let k = Phone::parse("K").unwrap();
        let a = Phone::parse("AE1").unwrap();
        assert!(!k.is_vowel() && !k.is_stressed());
        assert!(a.is_vowel() && a.is_stressed());
        assert!(!Phone::parse("ER0").unwrap().is_stressed());
        assert_eq!(Phone::parse("OW2"), Phone::parse("OW1"));
        assert_eq!(Phone::parse("AE"), None);
        assert!(Phone::all().all(|p| Phone::parse(p.as_str()) == Some(p)));
        assert_eq!(parse_phones("K XX T"), None);
    }
}
