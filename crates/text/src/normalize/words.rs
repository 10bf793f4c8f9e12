//! Written words: acronyms, identifiers, Roman numerals, single letters.

use super::number::{cardinal, ordinal};
use super::tokens::Tokens;
use crate::Lexicon;

/// Capitals that are said as a word.
const WORDS: &[&str] = &[
    "NASA", "NATO", "AIDS", "NOT", "AND", "THE", "ALL", "YES", "NO", "NOW", "NEW", "YOU", "FOR", "ARE", "IS", "OR",
    "ON", "OFF", "DO", "ONE", "TWO", "RAM", "ROM", "SIM", "PIN", "LAN", "GIF", "LASER", "RADAR", "COVID", "UNESCO",
    "UNICEF", "OPEC", "FIFA", "NAFTA", "SWAT", "JPEG", "YAML", "JSON", "IN", "OF", "TO", "BUT", "MUST", "STOP", "OUT",
    "SO", "HOW", "WHY", "WHO", "CAN", "MAY", "GET", "SET", "OPEN", "BY", "BE", "IF", "WE", "MY", "ME", "HE",
];
/// Capitals of four letters and more that are spelled although a dictionary has them as words.
const SPELLED: &[&str] = &["HTML", "HTTP", "HTTPS", "NCAA", "ASCII", "USSR", "NAACP", "YMCA"];
/// Words that are said otherwise than they are written.
const RESPELLED: &[(&str, &str)] = &[
    ("ok", "okay"),
    ("json", "jason"),
    ("yaml", "yammel"),
    ("ascii", "askey"),
    ("jpeg", "jaypeg"),
    ("wifi", "wye fye"),
    ("sql", "S Q L"),
    ("nginx", "engine X"),
    ("todo", "to do"),
    ("pdf", "P D F"),
    ("url", "U R L"),
    ("api", "A P I"),
    ("cpu", "C P U"),
    ("gpu", "G P U"),
    ("usb", "U S B"),
    ("ai", "A I"),
    ("io", "I O"),
    ("tv", "T V"),
    ("ui", "U I"),
    ("id", "I D"),
    ("usr", "user"),
    ("py", "pie"),
];
/// Kings, queens and popes: a Roman numeral after them is an ordinal.
const RULERS: &[&str] = &[
    "Henry",
    "Louis",
    "Elizabeth",
    "George",
    "Edward",
    "Charles",
    "William",
    "Richard",
    "James",
    "Philip",
    "Paul",
    "Benedict",
    "Pius",
    "Francis",
    "Catherine",
    "Peter",
    "Nicholas",
    "Alexander",
    "Frederick",
    "Napoleon",
    "Leo",
    "Gregory",
    "Ivan",
    "Mary",
    "Victoria",
    "Ferdinand",
    "Carl",
    "Gustav",
    "Christian",
    "Olaf",
    "Harald",
    "Otto",
    "Wilhelm",
    "Leopold",
    "Ramesses",
    "Ptolemy",
    "Innocent",
    "Clement",
    "Urban",
    "John",
    "Edgar",
    "Malcolm",
    "Robert",
];
/// Words after which even a single capital I, V or X is a number.
const NUMBERED: &[&str] = &[
    "chapter", "part", "section", "volume", "act", "scene", "book", "article", "phase", "type", "war", "episode",
    "appendix", "title", "stage", "level", "grade", "class", "figure", "table", "bowl", "vol", "fantasy", "mark",
];

/// The value of a Roman numeral in its proper form.
fn roman(text: &str) -> Option<u32> {
    let value = |c: char| match c {
        'I' => Some(1),
        'V' => Some(5),
        'X' => Some(10),
        'L' => Some(50),
        'C' => Some(100),
        _ => None,
    };
    let values: Option<Vec<u32>> = text.chars().map(value).collect();
    let values = values.filter(|v| v.len() <= 9)?;
    let total = values.iter().enumerate().fold(0i64, |sum, (i, &v)| {
        let less = values.get(i + 1).is_some_and(|&n| n > v);
        sum + if less { -i64::from(v) } else { i64::from(v) }
    });
    let total = u32::try_from(total).ok()?;
    (write_roman(total) == text).then_some(total)
}

fn write_roman(mut n: u32) -> String {
    const PARTS: [(u32, &str); 9] =
        [(100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")];
    let mut out = String::new();
    for (value, sign) in PARTS {
        while n >= value && out.len() < 16 {
            out.push_str(sign);
            n -= value;
        }
    }
    out
}

/// A Roman numeral at token `i` where the word before it says that it is one.
pub(super) fn numeral(t: &Tokens<'_>, i: usize) -> Option<String> {
    let word = t.word(i)?;
    let before = t.before(i).filter(|_| !t.glued(i))?.text;
    let n = roman(word)?.to_string();
    if NUMBERED.contains(&before.to_ascii_lowercase().as_str()) {
        // "Class I" and "part I wrote": a lone I is a number only after a capital and before the end of a phrase.
        let lone = word == "I"
            && (before.starts_with(|c: char| c.is_ascii_lowercase())
                || t.word(i + 1).is_some_and(|w| w.starts_with(|c: char| c.is_ascii_lowercase())));
        return (!lone).then(|| cardinal(&n));
    }
    if RULERS.contains(&before) && word.len() >= 2 || RULERS.contains(&before) && matches!(word, "V" | "X") {
        return Some(format!("the {}", ordinal(&n)));
    }
    let shouting = before.len() > 1 && before.chars().all(|c| c.is_ascii_uppercase());
    let capital = before.starts_with(|c: char| c.is_ascii_uppercase()) && !shouting;
    (capital && word.len() >= 2 && word.chars().all(|c| "IVX".contains(c))).then(|| cardinal(&n))
}

fn has_vowel(word: &str) -> bool {
    word.chars().any(|c| "aeiouyAEIOUY".contains(c))
}

fn letters(word: &str) -> String {
    let letters = word.chars().filter(char::is_ascii_alphabetic);
    let letters: Vec<String> = letters.map(|c| c.to_ascii_uppercase().to_string()).collect();
    letters.join(" ")
}

/// How a written word is said. `shouting` is true in text that is all capitals.
pub(super) fn say(word: &str, lexicon: &Lexicon, shouting: bool) -> String {
    let lower = word.to_ascii_lowercase();
    if let Some((_, said)) = RESPELLED.iter().find(|(w, _)| *w == lower) {
        // "Io" and "Ai" may be names, "id" in capitals or not is the letters.
        return (*said).to_owned();
    }
    if word.len() == 1 {
        return match word {
            "a" | "i" | "I" => lower,
            _ => word.to_ascii_uppercase(),
        };
    }
    if let Some((stem, ending)) = split_plural(word) {
        return plural_letters(stem, ending, lexicon, shouting);
    }
    let capitals = word.chars().all(|c| c.is_ascii_uppercase());
    if capitals {
        return if is_initialism(word, &lower, lexicon, shouting) { letters(word) } else { lower };
    }
    if lexicon.contains(&lower) {
        return lower;
    }
    let parts = camel(word);
    if parts.len() > 1 {
        let said: Vec<String> = parts.iter().map(|p| say(p, lexicon, false)).collect();
        return said.join(" ");
    }
    if !has_vowel(&lower) && lower.len() <= 6 && !lower.contains('\'') {
        return letters(word);
    }
    lower
}

fn is_initialism(word: &str, lower: &str, lexicon: &Lexicon, shouting: bool) -> bool {
    if SPELLED.contains(&word) {
        return true;
    }
    if WORDS.contains(&word) {
        return false;
    }
    let listed = lexicon.contains(lower);
    match word.len() {
        0..=3 => !(shouting && listed && has_vowel(word)),
        4..=5 => !(listed && has_vowel(word)),
        _ => !listed && !has_vowel(word),
    }
}

/// Capitals with a small ending: "PCs", "FBI's".
fn split_plural(word: &str) -> Option<(&str, &str)> {
    let (stem, ending) = match word.strip_suffix("'s") {
        Some(stem) => (stem, "'s"),
        None => (word.strip_suffix('s')?, "s"),
    };
    (stem.len() >= 2 && stem.chars().all(|c| c.is_ascii_uppercase())).then_some((stem, ending))
}

fn plural_letters(stem: &str, ending: &str, lexicon: &Lexicon, shouting: bool) -> String {
    let said = say(stem, lexicon, shouting);
    let spelled = said.rsplit(' ').next().is_some_and(|w| w.len() == 1);
    if spelled {
        let head = &said[..said.len() - 1];
        let last = said[said.len() - 1..].to_ascii_lowercase();
        return format!("{head}{last}'s");
    }
    said + ending
}

/// The parts of an identifier in camel case; names like "McDonald" stay whole.
fn camel(word: &str) -> Vec<&str> {
    if word.starts_with("Mc") || word.starts_with("Mac") || word.contains('\'') {
        return vec![word];
    }
    let b = word.as_bytes();
    let mut parts = Vec::new();
    let mut start = 0;
    for i in 1..b.len() {
        let edge = b[i].is_ascii_uppercase()
            && (b[i - 1].is_ascii_lowercase() || b.get(i + 1).is_some_and(u8::is_ascii_lowercase));
        if edge {
            parts.push(&word[start..i]);
            start = i;
        }
    }
    parts.push(&word[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roman_numerals() {
        assert_eq!(roman("VIII"), Some(8));
        assert_eq!(roman("XIV"), Some(14));
        assert_eq!(roman("IIII"), None);
        assert_eq!(roman("IC"), None);
        assert_eq!(roman("MIX"), None);
    }

    #[test]
    fn identifiers() {
        assert_eq!(camel("getHTTPResponse"), ["get", "HTTP", "Response"]);
        assert_eq!(camel("plain"), ["plain"]);
    }
}
