//! Unicode → ASCII and a few symbols with names.
//!
//! Accents fold, full-width and styled letters become plain, pictures and invisible characters go. A letter that is
//! left over belongs to a script that cannot be read: that is an error, because its word would be lost.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use super::folding::{NAMED, greek, is_picture, replacement, vanishes};
use super::script;
use crate::TextError;

fn is_greek(c: char) -> bool {
    c.is_alphabetic() && script::name(c) == "Greek"
}

/// The text with only printable ASCII, spaces, line ends and [`NAMED`] symbols.
pub(super) fn clean(text: &str) -> Result<String, TextError> {
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map_or(' ', |&(_, c)| c);
        match c {
            '\n' => out.push('\n'),
            '\r' if after != '\n' => out.push('\n'),
            '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            ' '..='~' => out.push(c),
            c if vanishes(c) => continue,
            'µ' | 'μ' if !is_greek(before) && !is_greek(after) => out.push('µ'),
            'Ω' if !is_greek(before) && !is_greek(after) => out.push('Ω'),
            c if NAMED.contains(c) && !is_greek(c) => out.push(c),
            c if is_greek(c) => match greek(c).filter(|_| !is_greek(before) && !is_greek(after)) {
                Some(name) => {
                    out.push(' ');
                    out.push_str(name);
                    out.push(' ');
                }
                None => return Err(unreadable(text, at, c)),
            },
            c if is_picture(c) => out.push(' '),
            c => match replacement(c) {
                // Superscripts in a row share one "to the power of".
                Some(s) if s.starts_with('^') && replacement(before).is_some_and(|b| b.starts_with('^')) => {
                    out.push_str(&s[1..]);
                }
                Some(s) => out.push_str(s),
                None => fold(text, at, c, before, &mut out)?,
            },
        }
        before = c;
    }
    Ok(out)
}

/// A character without a rule of its own: its compatibility decomposition, a digit of another script, or a gap.
fn fold(text: &str, at: usize, c: char, before: char, out: &mut String) -> Result<(), TextError> {
    if let Some(digit) = script::digit(c) {
        out.push(digit);
        return Ok(());
    }
    let mut plain = String::new();
    decompose_compatible(c, |d| {
        if is_combining_mark(d) || vanishes(d) {
            return;
        }
        match replacement(d) {
            Some(s) => plain.push_str(s),
            None => plain.push(d),
        }
    });
    if plain.is_ascii() && plain.chars().all(|c| !c.is_ascii_control()) {
        // "3½" is "3 1/2", "①②" are two numbers.
        let number = plain.contains(|c: char| c.is_ascii_digit());
        if number && before.is_numeric() && (plain.contains('/') || !c.is_ascii_digit() && !is_small(c)) {
            out.push(' ');
        }
        out.push_str(&plain);
    } else if c.is_alphanumeric() || plain.chars().any(char::is_alphabetic) {
        return Err(unreadable(text, at, c));
    } else {
        out.push(' ');
    }
    Ok(())
}

/// Subscript, full-width and styled digits, which go together into one number.
fn is_small(c: char) -> bool {
    matches!(u32::from(c), 0x2080..=0x2089 | 0xFF10..=0xFF19 | 0x1D7CE..=0x1D7FF)
}

fn unreadable(text: &str, at: usize, c: char) -> TextError {
    let from = text[..at].char_indices().rev().take_while(|(_, c)| c.is_alphanumeric()).last().map_or(at, |(i, _)| i);
    // Scripts without spaces have no short words: show the beginning.
    let word = text[from..].chars();
    let word = word.take_while(|c| c.is_alphanumeric() || is_combining_mark(*c));
    TextError::UnsupportedScript { script: script::name(c), sample: word.take(24).collect() }
}
