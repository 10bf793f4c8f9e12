//! Whether a mark ends a sentence, by what stands around it.
//!
//! Every answer follows from the words next to the mark alone, and is given as soon as nothing that may still come can
//! change it: a text has the same sentences however it is pushed. For the abbreviations of a language the crate
//! `sentencex` is asked, about two words and the next one only: it pairs quotes and brackets over a whole text, which a
//! text that is still being written does not have.

/// What a mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The end of a sentence.
    Sentence,
    /// A pause within one.
    Clause,
    /// Part of an abbreviation, a number, a name.
    Inside,
    /// What comes next decides.
    Unsure,
}

/// What is before a mark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    /// The last [`CONTEXT`] bytes.
    pub text: &'a str,
    /// Where in it the last sentence ended.
    pub sentence: Option<usize>,
}

/// Bytes before a mark that may matter: two words.
pub(super) const CONTEXT: usize = 96;

/// White space at which a text may be cut; no-break spaces are none.
pub(super) fn breaking(character: char) -> bool {
    character.is_whitespace() && !matches!(character, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

pub(super) fn newline(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// Marks that may end a sentence.
pub(super) fn terminator(character: char) -> bool {
    matches!(character, '.' | '!' | '?' | '…' | '‼' | '⁇' | '⁈' | '⁉' | '؟' | '۔' | '।' | '॥') || ideographic(character)
}

/// Marks of scripts that write without spaces: nothing needs to follow them.
fn ideographic(character: char) -> bool {
    matches!(character, '。' | '！' | '？' | '．' | '｡')
}

/// What may stand between a mark and the space after it.
pub(super) fn closer(character: char) -> bool {
    "\"'»”’›)]}*_」』）】》".contains(character)
}

fn opener(character: char) -> bool {
    "\"'«“„‘‹([{*_#>「『（【《".contains(character)
}

pub(super) fn dash(character: char) -> bool {
    matches!(character, '-' | '–' | '—')
}

/// Judges a run of terminators and closers.
///
/// `after` is what follows as far as it may matter; `closed` when no more of that comes. The language is the first part of a
/// BCP 47 tag.
pub(super) fn judge(before: Before, run: &str, after: &str, closed: bool, language: Option<&str>) -> Verdict {
    let unknown = if closed { Verdict::Sentence } else { Verdict::Unsure };
    let Some(first) = after.chars().next() else { return unknown };
    if newline(first) || first == '|' || run.trim_end_matches(closer).ends_with(ideographic) {
        return Verdict::Sentence;
    }
    if !breaking(first) {
        // A sign follows: "Great!🙂". Otherwise it is inside something: "3.5", "example.com".
        let sign = !first.is_ascii() && !first.is_alphanumeric() && !first.is_whitespace() && !dash(first);
        return if sign { Verdict::Sentence } else { Verdict::Inside };
    }
    let (next, dashed) = next_word(after);
    let Some(initial) = next.chars().next() else { return unknown };
    if newline(initial) || initial == '|' {
        return Verdict::Sentence;
    }
    let lower = initial.is_lowercase();
    if run.contains(|mark| terminator(mark) && mark != '.' && mark != '…') {
        let quoted = dashed || run.contains(closer);
        return match () {
            () if run.ends_with(')') && before.text.ends_with('(') => Verdict::Inside,
            () if lower && quoted => Verdict::Clause,
            () => Verdict::Sentence,
        };
    }
    if run.contains('…') || run.matches('.').count() > 1 {
        return if lower || initial.is_numeric() { Verdict::Clause } else { Verdict::Sentence };
    }
    match lower {
        true if whole_word(before, language) => Verdict::Clause,
        true => Verdict::Inside,
        false => after_period(before, next, closed, language),
    }
}

/// Whether the word before a period is no abbreviation: some write all sentences in small letters. Short words are often
/// abbreviations that nobody has listed, Russian ones even up to four letters ("англ.").
fn whole_word(before: Before, language: Option<&str>) -> bool {
    let word = bare(before.text.rsplit(char::is_whitespace).next().unwrap_or_default());
    let cyrillic = cyrillic(word);
    let long = word.chars().count() >= if cyrillic { 5 } else { 3 };
    long && word.chars().all(char::is_alphabetic) && separate(spoken(language, cyrillic), "", word, "Xx")
}

/// The language of a word, whose script may belie the language of the text.
fn spoken(language: Option<&str>, cyrillic: bool) -> &str {
    match language {
        Some("en") | None if cyrillic => "ru",
        Some("ru") if !cyrillic => "en",
        language => language.unwrap_or("en"),
    }
}

/// The text from the next word on, without quotes, brackets and dashes in front of it; and whether a dash was there.
fn next_word(after: &str) -> (&str, bool) {
    let in_front = |character: char| breaking(character) && !newline(character) || opener(character) || dash(character);
    // A line that begins is an answer whatever it begins with.
    let next = after.trim_start_matches(in_front);
    (next, after[..after.len() - next.len()].contains(dash))
}

/// Judges one period with something other than a small letter behind it.
fn after_period(before: Before, next: &str, closed: bool, language: Option<&str>) -> Verdict {
    let mut words = before.text.rsplit(char::is_whitespace);
    let word = bare(words.next().unwrap_or_default());
    let previous = bare(words.find(|word| !word.is_empty()).unwrap_or_default());
    let numeric = next.starts_with(char::is_numeric);
    if word.is_empty() {
        return Verdict::Sentence;
    }
    if list_number(before) || word.chars().all(char::is_numeric) && numeric {
        return Verdict::Inside;
    }
    let ends = |yes: bool| if yes { Verdict::Sentence } else { Verdict::Inside };
    let cyrillic = cyrillic(word);
    if cyrillic && let Some(end) = russian(previous, word) {
        return ends(end);
    }
    if !numeric && ORDINARY.contains(&word.to_lowercase().as_str()) {
        return Verdict::Sentence;
    }
    let language = spoken(language, cyrillic);
    // "J. K. Rowling", "5 p.m. The": the whole next word matters; else its first letter, where that is enough.
    let initials = word.chars().count() == 1 || word.contains('.');
    let first = next.chars().next().filter(|first| first.is_uppercase()).map_or(String::from("Xx"), String::from);
    if !initials && separate(language, previous, word, &first) {
        return Verdict::Sentence;
    }
    let end = next.find(|character: char| !character.is_alphanumeric() && character != '\'' && character != '’');
    match end {
        _ if !next.starts_with(char::is_alphabetic) => ends(initials && separate(language, previous, word, &first)),
        Some(end) => {
            let length = next[end..].chars().next().map_or(0, char::len_utf8);
            ends(separate(language, previous, word, &next[..end + length]))
        }
        None if closed => ends(separate(language, previous, word, next)),
        None => Verdict::Unsure,
    }
}

fn bare(word: &str) -> &str {
    word.trim_matches(|character: char| opener(character) || closer(character) || dash(character))
}

pub(super) fn cyrillic(text: &str) -> bool {
    text.chars().any(|character| matches!(character, '\u{0400}'..='\u{052F}'))
}

/// English abbreviations that are first of all words; before a number ("No. 5") they abbreviate.
const ORDINARY: [&str; 10] = ["no", "me", "may", "ill", "ok", "art", "mass", "pa", "ma", "in"];

/// Russian abbreviations before a name or a number.
const RUSSIAN: [&str; 29] = [
    "им", "св", "рис", "ок", "напр", "обл", "гр", "корп", "пл", "наб", "бул", "пер", "зам", "гл", "доц", "табл", "мн",
    "ср", "соч", "изд", "ред", "ст", "тел", "г-н", "г-жа", "д-р", "ул", "проф", "см",
];

/// Whether a Russian word and a period end a sentence, where the list of `sentencex` does not tell.
fn russian(previous: &str, word: &str) -> Option<bool> {
    let lower = word.to_lowercase();
    let pair = match word.rsplit_once('.') {
        Some((first, last)) => (first.to_lowercase(), last.to_lowercase()),
        None => (previous.trim_end_matches('.').to_lowercase(), lower.clone()),
    };
    match (pair.0.as_str(), pair.1.as_str()) {
        ("т", "д" | "п") => return Some(true),
        ("т", "е" | "к" | "н" | "ч") | ("и", "о") | ("н", "э") => return Some(false),
        ("и", "др" | "пр") => return Some(true),
        _ => {}
    }
    // "А. С. Пушкин"
    let last = pair.1.chars().count() == 1 && word.chars().next_back().is_some_and(char::is_uppercase);
    (last || RUSSIAN.contains(&lower.as_str())).then_some(false)
}

/// Whether what ends here is the number of a list: "1", "12", at the beginning of a line or sentence.
pub(super) fn list_number(before: Before) -> bool {
    let rest = before.text.trim_end_matches(char::is_numeric);
    let digits = before.text[rest.len()..].chars().count();
    let rest = rest.trim_end_matches(|character: char| breaking(character) && !newline(character));
    let begins = |last| newline(last) || last == '|' || opener(last);
    (1..=3).contains(&digits) && (before.sentence == Some(rest.len()) || rest.chars().next_back().is_none_or(begins))
}

/// Whether a sentence ends after the word and a period, by the abbreviations of the language.
fn separate(language: &str, previous: &str, word: &str, next: &str) -> bool {
    let question = format!("{previous} {word}. {next}");
    let question = question.trim_start();
    let mark = question.len() - next.len() - 1;
    let sentences = sentencex::get_sentence_boundaries(language, question);
    sentences.iter().any(|sentence| sentence.start_byte + sentence.text.trim_end().len() == mark)
}
