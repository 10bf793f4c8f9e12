//! Where a text may be cut.

use std::collections::VecDeque;

use super::sentences::{self, Before, CONTEXT, Verdict, breaking, closer, dash, list_number, newline, terminator};
use crate::speech::continued::of_word;

/// How good a place is for a cut, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// White space that belongs between its neighbours: "Dr. Smith", "5 km". Only a phrase that is too long is cut there.
    Gap,
    Word,
    Clause,
    Sentence,
    /// The writer of the text wants a cut.
    Bar,
    /// The writer wants to hear what there is.
    Flush,
}

impl Kind {
    /// Whether no phrase goes beyond it.
    pub fn hard(self) -> bool {
        matches!(self, Self::Bar | Self::Flush)
    }
}

/// A place for a cut: behind a word or mark, before the white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    /// In bytes of the text.
    pub at: usize,
    /// In characters from the beginning of the utterance.
    pub chars: usize,
    pub kind: Kind,
}

/// Characters behind a mark that may say what it is. Longer runs of marks or spaces decide nothing.
const LOOK: usize = 64;

/// Finds the edges of a text, each once, as soon as it is certain.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    language: Option<String>,
    /// Up to where the text has been looked at, in bytes of it.
    at: usize,
    /// The same in characters from the beginning of the utterance.
    chars: usize,
    /// End of the last thing that is neither white space nor a bar: in bytes, and in characters.
    solid: (usize, usize),
    /// Where the last sentence ended, in bytes of the text.
    sentence: Option<usize>,
    /// Edges in the text, in order.
    pub edges: VecDeque<Edge>,
}

impl Scanner {
    /// In a language (a BCP 47 tag) where it is known.
    pub fn new(language: Option<&str>) -> Self {
        let primary = language.and_then(|tag| tag.split(['-', '_']).next()).map(str::to_lowercase);
        Self { language: primary.filter(|language| !language.is_empty()), ..Self::default() }
    }

    /// Characters that have been looked at, from the beginning of the utterance.
    pub fn seen(&self) -> usize {
        self.chars
    }

    /// Where the last thing ends that is neither white space nor a bar: in bytes, and in characters.
    pub fn solid(&self) -> (usize, usize) {
        self.solid
    }

    /// Looks at nothing before this place, in bytes of the text and in characters from the beginning of the utterance.
    pub fn skip(&mut self, (at, chars): (usize, usize)) {
        if self.at < at {
            (self.at, self.chars, self.solid) = (at, chars, (at, chars));
        }
    }

    /// So many bytes at the beginning of the text are gone, and what is before `from` then is spoken.
    pub fn forget(&mut self, bytes: usize, from: usize) {
        self.at -= bytes;
        self.solid.0 = self.solid.0.saturating_sub(bytes);
        self.sentence = self.sentence.and_then(|end| end.checked_sub(bytes));
        while self.edges.front().is_some_and(|edge| edge.at <= bytes + from) {
            self.edges.pop_front();
        }
        for edge in &mut self.edges {
            edge.at -= bytes;
        }
    }

    /// Looks at what is new in a text; to its end when it is `closed`.
    pub fn scan(&mut self, text: &str, closed: bool) {
        while let Some(character) = text[self.at..].chars().next() {
            let length = match character {
                '|' => {
                    self.edge_at(self.solid, Kind::Bar);
                    self.pass(1);
                    continue;
                }
                _ if character.is_whitespace() => {
                    self.space(text, character);
                    self.pass(character.len_utf8());
                    continue;
                }
                _ if terminator(character) => self.terminators(text, closed),
                _ if clause(character) => self.clauses(text, closed),
                _ if dash(character) => self.dashes(text, closed),
                _ => {
                    self.unspaced(text, character);
                    Some((character.len_utf8(), None))
                }
            };
            let Some((length, kind)) = length else { return };
            self.chars += text[self.at..self.at + length].chars().count();
            self.at += length;
            self.solid = (self.at, self.chars);
            if let Some(kind) = kind {
                self.edge_at(self.solid, kind);
            }
        }
    }

    fn pass(&mut self, bytes: usize) {
        self.at += bytes;
        self.chars += 1;
    }

    /// Notes an edge; where there is one, the better of the two.
    pub fn edge_at(&mut self, (at, chars): (usize, usize), kind: Kind) {
        if kind == Kind::Sentence {
            self.sentence = Some(at);
        }
        match self.edges.back_mut() {
            Some(last) if last.at == at => last.kind = last.kind.max(kind),
            _ => self.edges.push_back(Edge { at, chars, kind }),
        }
    }

    fn space(&mut self, text: &str, character: char) {
        if newline(character) {
            self.edge_at(self.solid, Kind::Sentence);
        } else if breaking(character) {
            let last = text[..self.solid.0].chars().next_back();
            let kind = if last.is_some_and(ends_word) { Kind::Word } else { Kind::Gap };
            self.edge_at(self.solid, kind);
        }
    }

    /// The length of a run of terminators, in bytes, and the edge behind it; `None` when what comes decides.
    fn terminators(&self, text: &str, closed: bool) -> Option<(usize, Option<Kind>)> {
        let window = head(&text[self.at..], LOOK);
        let run = &window[..run_of(window, |mark| terminator(mark) || closer(mark))];
        let rest = &text[self.at + run.len()..];
        if run.len() == window.len() && run.chars().count() == LOOK {
            return Some((run.len(), None));
        }
        let after = head(rest, LOOK);
        let closed = closed || after.chars().count() == LOOK;
        let kind = match sentences::judge(self.before(text), run, after, closed, self.language.as_deref()) {
            Verdict::Sentence => Some(Kind::Sentence),
            Verdict::Clause => Some(Kind::Clause),
            Verdict::Inside => None,
            Verdict::Unsure => return None,
        };
        Some((run.len(), kind))
    }

    /// As [`terminators`](Self::terminators), for marks within a sentence.
    fn clauses(&self, text: &str, closed: bool) -> Option<(usize, Option<Kind>)> {
        let window = head(&text[self.at..], LOOK);
        let run = &window[..run_of(window, |mark| clause(mark) || closer(mark))];
        let full = run.chars().count() == LOOK;
        // "1) Item"
        let listed = run == ")" && list_number(self.before(text));
        let kind = match text[self.at + run.len()..].chars().next() {
            None if !closed && !full => return None,
            _ if listed => None,
            _ if run.contains(wide) => Some(Kind::Clause),
            None => Some(Kind::Clause),
            Some(next) => (breaking(next) || next == '|').then_some(Kind::Clause),
        };
        Some((run.len(), kind))
    }

    /// As [`terminators`](Self::terminators), for dashes: " - ", " — ", "word—word"; no hyphen, no minus, no range.
    fn dashes(&self, text: &str, closed: bool) -> Option<(usize, Option<Kind>)> {
        let window = head(&text[self.at..], LOOK);
        let run = &window[..run_of(window, dash)];
        let next = text[self.at + run.len()..].chars().next();
        if next.is_none() && !closed && run.chars().count() < LOOK {
            return None;
        }
        let before = self.before(text).text;
        let last = before.trim_end_matches(|character| breaking(character) && !newline(character)).chars().next_back();
        let word = last.is_some_and(|last| ends_word(last) || last == ',');
        let spaced = before.ends_with(breaking) && next.is_some_and(breaking);
        let between =
            run.contains('—') && before.ends_with(char::is_alphabetic) && next.is_some_and(char::is_alphabetic);
        Some((run.len(), (word && spaced || between).then_some(Kind::Clause)))
    }

    /// Scripts without spaces may be cut between two letters.
    fn unspaced(&mut self, text: &str, character: char) {
        let last = text[..self.at].chars().next_back();
        let letter = |character: char| character.is_alphanumeric() && !of_word(character);
        if last.is_some_and(|last| letter(last) && !leads(last)) && letter(character) && !follows(character) {
            self.edge_at((self.at, self.chars), Kind::Word);
        }
    }

    fn before<'a>(&self, text: &'a str) -> Before<'a> {
        let begin = text.ceil_char_boundary(self.at.saturating_sub(CONTEXT));
        let sentence = self.sentence.and_then(|end| end.checked_sub(begin));
        Before { text: &text[begin..self.at], sentence }
    }
}

/// The first characters of a text.
fn head(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(end, _)| &text[..end])
}

fn run_of(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|character| !of(character)).unwrap_or(text.len())
}

/// Marks within a sentence.
pub(super) fn clause(character: char) -> bool {
    matches!(character, ',' | ';' | ':' | ')' | ']' | '}' | '،' | '؛') || wide(character)
}

/// Those of scripts that write without spaces.
fn wide(character: char) -> bool {
    matches!(character, '，' | '、' | '；' | '：' | '）' | '」' | '』')
}

/// Whether the space behind a character is between two words that need not stay together: not behind a number ("5 km",
/// "1 000"), an abbreviation ("Dr. Smith") or a sign ("№ 5").
fn ends_word(last: char) -> bool {
    !last.is_numeric() && !terminator(last) && !"-–—$€£¥₽₴₸₹#№§&@+=<>×÷±/\\([{«“„‘‹".contains(last)
}

/// Vowels of Thai and Lao that are written before their consonant.
fn leads(character: char) -> bool {
    matches!(character, '\u{0E40}'..='\u{0E44}' | '\u{0EC0}'..='\u{0EC4}')
}

/// Signs that belong to the letter before them.
fn follows(character: char) -> bool {
    matches!(character,
        '\u{0E30}'..='\u{0E3A}' | '\u{0E45}'..='\u{0E4E}' | '\u{0EB0}'..='\u{0EBC}' | '\u{0EC6}'..='\u{0ECE}'
        | '\u{102B}'..='\u{103E}' | '\u{1056}'..='\u{1060}' | '\u{1062}'..='\u{1064}' | '\u{1067}'..='\u{106D}'
        | '\u{1071}'..='\u{1074}' | '\u{1082}'..='\u{108F}' | '\u{3099}'..='\u{309C}' | '\u{30FC}')
}
