//! Cleaned text as tokens: runs of letters, runs of digits, single symbols, ends of lines.

/// What a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, with apostrophes between them.
    Word,
    /// Digits.
    Digits,
    /// One other character.
    Symbol,
    /// End of a line that ends a sentence.
    Line,
}

/// A piece of the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Whether white space (or nothing) stands before it.
    pub(super) space: bool,
}

/// Words that are written with a leading apostrophe.
const CLIPPED: &[&str] = &["em", "bout", "til", "tis", "twas", "cause"];

/// Splits cleaned text.
pub(super) fn tokenize(text: &str) -> Tokens<'_> {
    let mut list = Vec::new();
    let (bytes, mut at, mut space) = (text.as_bytes(), 0, true);
    let letter = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_alphabetic);
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let start = at;
        at += c.len_utf8();
        let kind = if c == '\n' {
            Kind::Line
        } else if c == ' ' {
            space = true;
            continue;
        } else if c.is_ascii_digit() {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            Kind::Digits
        } else if c.is_ascii_alphabetic() || c == '\'' && space && clipped(&text[at..]) {
            while letter(at) || bytes.get(at) == Some(&b'\'') && letter(at - 1) && letter(at + 1) {
                at += 1;
            }
            Kind::Word
        } else {
            Kind::Symbol
        };
        list.push(Token { kind, text: &text[start..at], space });
        space = kind == Kind::Line;
    }
    Tokens { list }
}

fn clipped(rest: &str) -> bool {
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let word = rest[..end].to_ascii_lowercase();
    CLIPPED.contains(&word.as_str()) && !rest[end..].starts_with('\'')
}

/// The tokens of a text, looked at by position; every look past an end finds nothing.
pub(super) struct Tokens<'a> {
    list: Vec<Token<'a>>,
}

impl<'a> Tokens<'a> {
    pub(super) fn get(&self, i: usize) -> Option<Token<'a>> {
        self.list.get(i).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn before(&self, i: usize) -> Option<Token<'a>> {
        self.get(i.checked_sub(1)?)
    }

    /// Text of the token, empty past the end.
    pub(super) fn text(&self, i: usize) -> &'a str {
        self.get(i).map_or("", |t| t.text)
    }

    /// Whether the token is this symbol or word.
    pub(super) fn is(&self, i: usize, text: &str) -> bool {
        self.text(i) == text
    }

    /// Whether the token stands directly after the one before it.
    pub(super) fn glued(&self, i: usize) -> bool {
        i > 0 && self.get(i).is_some_and(|t| !t.space && t.kind != Kind::Line)
    }

    /// The digits at `i`, if it is a number.
    pub(super) fn digits(&self, i: usize) -> Option<&'a str> {
        self.get(i).filter(|t| t.kind == Kind::Digits).map(|t| t.text)
    }

    /// The digits at `i` if glued to the token before.
    pub(super) fn glued_digits(&self, i: usize) -> Option<&'a str> {
        if self.glued(i) { self.digits(i) } else { None }
    }

    /// The word at `i`.
    pub(super) fn word(&self, i: usize) -> Option<&'a str> {
        self.get(i).filter(|t| t.kind == Kind::Word).map(|t| t.text)
    }

    /// Whether `i` is a glued symbol.
    pub(super) fn glued_symbol(&self, i: usize, symbol: &str) -> bool {
        self.glued(i) && self.is(i, symbol)
    }

    /// Whether the token at `i` (if any) does not go on with the letters or digits before it.
    pub(super) fn boundary(&self, i: usize) -> bool {
        !self.glued(i) || self.get(i).is_none_or(|t| t.kind == Kind::Symbol)
    }

    /// Whether the word at `i` starts with a capital.
    pub(super) fn capitalized(&self, i: usize) -> bool {
        self.word(i).is_some_and(|w| w.starts_with(|c: char| c.is_ascii_uppercase()))
    }

    /// Whether "a" stands before `i` and a word comes at `next`: an amount between them is said in the singular, as in
    /// "a ten mile run".
    pub(super) fn attributive(&self, i: usize, next: usize) -> bool {
        let article = self.before(i).is_some_and(|b| matches!(b.text, "a" | "A" | "an" | "An"));
        let noun = self.word(next).is_some_and(|w| w.len() > 2 && w != "and" && w != "per" && w != "for");
        article && self.get(i).is_some_and(|x| x.space) && noun
    }

    /// Whether the text or the line ends at `i`.
    pub(super) fn ends(&self, i: usize) -> bool {
        self.get(i).is_none_or(|t| t.kind == Kind::Line)
    }
}

/// What a rule found: the position after it, and what is said.
pub(super) struct Reading {
    pub(super) next: usize,
    pub(super) said: String,
}

impl Reading {
    pub(super) fn new(next: usize, said: impl Into<String>) -> Option<Self> {
        Some(Self { next, said: said.into() })
    }
}
