//! Written text → clauses of spoken words.
//!
//! Four passes, each linear in the text:
//! 1. [`markup`]: markdown and HTML give way to what they mark up;
//! 2. [`clean`]: Unicode becomes ASCII and a few symbols with names; unreadable scripts are refused;
//! 3. [`tokens`]: runs of letters, runs of digits, single symbols;
//! 4. [`reader`]: at each token the first rule that fits says it: [`web`], [`money`], [`date`], [`time`], [`phone`],
//!    [`number`] with [`mod@unit`], [`words`] with [`abbreviation`], [`symbol`].
//!
//! Rules write what is said as plain text: lowercase words, a capital for the name of a letter, a comma for a pause.

mod abbreviation;
mod clean;
mod date;
mod entities;
mod folding;
mod markup;
mod money;
mod number;
mod output;
mod phone;
mod quantity;
mod reader;
mod script;
mod symbol;
mod time;
mod tokens;
mod unit;
mod web;
mod words;

use crate::{Lexicon, TextError};

/// The pause after a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pause {
    /// Inside a sentence.
    Comma,
    /// End of a sentence.
    Period,
    /// End of a question where the voice rises: a yes/no question.
    Question,
}

impl Pause {
    /// How it is written: `,` `.` `?`.
    pub fn mark(self) -> char {
        match self {
            Pause::Comma => ',',
            Pause::Period => '.',
            Pause::Question => '?',
        }
    }
}

/// Words said in one go, and the pause after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Lowercase ASCII letters and apostrophes; a single capital is the name of that letter. Never empty.
    pub words: Vec<String>,
    /// What follows.
    pub end: Pause,
}

/// Clauses in one line: `hello world, how are you.`
pub fn spoken(clauses: &[Clause]) -> String {
    let mut out = String::new();
    for clause in clauses {
        for word in &clause.words {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        }
        out.push(clause.end.mark());
    }
    out
}

/// Words that begin a question to be answered with yes or no, for callers without a voice's own list.
const YES_NO: &str = "is are was were am do does did can could will would shall should have has had may might must \
    isn't aren't wasn't weren't don't doesn't didn't can't couldn't won't wouldn't shouldn't haven't hasn't \
    ready right okay anything";

/// The clauses of a text, in order; never an empty list.
///
/// # Errors
/// [`TextError::UnsupportedScript`] if a word cannot be read, [`TextError::NothingToSpeak`] if there is none.
pub fn normalize(text: &str) -> Result<Vec<Clause>, TextError> {
    let starters: std::collections::HashSet<&str> = YES_NO.split_whitespace().collect();
    normalize_for(text, &Lexicon::builtin(), &|w| starters.contains(w))
}

/// [`normalize`] with a lexicon that decides what is a word, and a voice's list of yes/no starters.
pub(crate) fn normalize_for(
    text: &str,
    lexicon: &Lexicon,
    rises: &dyn Fn(&str) -> bool,
) -> Result<Vec<Clause>, TextError> {
    let plain = clean::clean(&markup::strip(text))?;
    let tokens = tokens::tokenize(&plain);
    let clauses = reader::read(&tokens, lexicon).finish(rises);
    if clauses.is_empty() {
        return Err(TextError::NothingToSpeak);
    }
    Ok(clauses)
}
