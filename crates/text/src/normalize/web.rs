//! Addresses: e-mail, web, files, @names and #tags.

use super::number::cardinal;
use super::tokens::{Kind, Tokens};

/// Endings of host names that are recognised without "www." or "https://".
const TOP_LEVEL: &[&str] = &[
    "com", "org", "net", "edu", "gov", "mil", "int", "io", "ai", "dev", "app", "co", "uk", "us", "eu", "de", "fr",
    "ru", "jp", "cn", "in", "ca", "au", "nl", "it", "es", "ch", "se", "info", "biz", "tv", "me", "cloud", "tech",
    "xyz", "local",
];

/// An address at a token: the tokens it spans and its parts, each a word, a number or the name of a mark.
pub(super) struct Address {
    pub(super) next: usize,
    pub(super) parts: Vec<Part>,
}

/// A piece of an address.
pub(super) enum Part {
    /// Said as it stands.
    Said(String),
    /// A run of letters, read by the rules for words.
    Letters(String),
}

/// The run of glued tokens from `i` on, without what closes it (brackets, quotes, marks at its end).
fn extent(t: &Tokens<'_>, i: usize) -> usize {
    let mut end = i + 1;
    while t.glued(end) && !matches!(t.text(end), "(" | ")" | "[" | "]" | "<" | ">" | "{" | "}" | "\"" | ",") {
        end += 1;
    }
    while end > i + 1 && t.get(end - 1).is_some_and(|x| x.kind == Kind::Symbol) && !t.is(end - 1, "/") {
        end -= 1;
    }
    end
}

/// An address at token `i`.
pub(super) fn read(t: &Tokens<'_>, i: usize) -> Option<Address> {
    let first = t.get(i)?;
    let fresh = !t.glued(i)
        || t.before(i)
            .is_some_and(|b| b.kind == Kind::Symbol && matches!(b.text, "(" | "[" | "\"" | "'" | "<" | "=" | ","));
    if !fresh {
        return None;
    }
    if matches!(first.text, "@" | "#") {
        let tag = t.glued(i + 1) && t.word(i + 1).is_some();
        let sign = if first.text == "@" { "at" } else { "hashtag" };
        return tag.then(|| spell(t, i + 1, extent(t, i + 1), vec![Part::Said(sign.to_owned())]));
    }
    if matches!(first.text, "/" | "~") && t.glued(i + 1) && (t.word(i + 1).is_some() || t.is(i + 1, "/")) {
        let end = extent(t, i);
        let path = (i + 1..end).any(|j| t.is(j, "/"));
        return path.then(|| spell(t, i, end, Vec::new()));
    }
    if first.kind == Kind::Symbol {
        return None;
    }
    let end = extent(t, i);
    if end < i + 3 {
        return None;
    }
    let scheme = first.kind == Kind::Word && t.is(i + 1, ":") && t.is(i + 2, "/") && t.is(i + 3, "/") && end > i + 4;
    if scheme {
        let www = usize::from(t.is(i + 4, "www") && t.is(i + 5, ".")) * 2;
        return Some(spell(t, i + 4 + www, end, Vec::new()));
    }
    if first.text.eq_ignore_ascii_case("www") && t.is(i + 1, ".") {
        return Some(spell(t, i + 2, end, Vec::new()));
    }
    let at = (i + 1..end).filter(|&j| t.is(j, "@")).count() == 1;
    let at_inside = (i + 1..end - 1).any(|j| t.is(j, "@"));
    if at && at_inside {
        return Some(spell(t, i, end, Vec::new()));
    }
    // "example.com/docs": words and dots up to a slash or the end, the last of them a top level.
    let host_end = (i..end).find(|&j| matches!(t.text(j), "/" | ":" | "?")).unwrap_or(end);
    let dots = (i..host_end).filter(|&j| t.is(j, ".")).count();
    let plain =
        (i..host_end).all(|j| t.get(j).is_some_and(|x| x.kind != Kind::Symbol) || matches!(t.text(j), "." | "-"));
    let top = t.word(host_end - 1).is_some_and(|w| TOP_LEVEL.contains(&w)) && t.is(host_end.saturating_sub(2), ".");
    (dots > 0 && plain && top && host_end > i + 2).then(|| spell(t, i, end, Vec::new()))
}

/// Names of the marks inside an address.
fn mark(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "." => "dot",
        "@" => "at",
        "/" => "slash",
        "-" => "dash",
        "_" => "underscore",
        ":" => "colon",
        "?" => "question mark",
        "=" => "equals",
        "&" => "and",
        "+" => "plus",
        "#" => "hash",
        "%" => "percent",
        "~" => "tilde",
        _ => return None,
    })
}

fn spell(t: &Tokens<'_>, from: usize, end: usize, mut parts: Vec<Part>) -> Address {
    // A slash at the very end is not said.
    let last = if end > from + 1 && t.is(end - 1, "/") { end - 1 } else { end };
    for j in from..last {
        let Some(token) = t.get(j) else { break };
        match token.kind {
            Kind::Word => parts.push(Part::Letters(token.text.to_owned())),
            Kind::Digits => parts.push(Part::Said(cardinal(token.text))),
            Kind::Symbol => parts.extend(mark(token.text).map(|m| Part::Said(m.to_owned()))),
            Kind::Line => {}
        }
    }
    Address { next: end, parts }
}
