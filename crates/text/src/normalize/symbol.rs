//! Symbols that have a name or make a pause.

use super::Pause;
use super::tokens::{Kind, Tokens};

/// What a symbol does.
pub(super) enum Effect {
    Say(&'static str),
    Pause(Pause),
    Nothing,
}

/// Whether words or numbers stand on both sides: then an operator is said.
fn between(t: &Tokens<'_>, i: usize) -> bool {
    let operand = |k: Option<super::tokens::Token<'_>>| {
        k.is_some_and(|k| {
            k.kind != Kind::Symbol && k.kind != Kind::Line
                || matches!(k.text, "(" | ")" | "-" | "²" | "³" | "\"" | "$" | "%")
        })
    };
    operand(t.before(i)) && operand(t.get(i + 1))
}

/// The effect of the symbol at `i`.
pub(super) fn effect(t: &Tokens<'_>, i: usize) -> Effect {
    let Some(token) = t.get(i) else {
        return Effect::Nothing;
    };
    let before_number = t.digits(i + 1).is_some();
    let name = match token.text {
        "," | ";" | ":" | "(" | ")" | "[" | "]" | "{" | "}" | "—" | "–" | "|" => {
            return Effect::Pause(Pause::Comma);
        }
        "." | "!" | "?" => return stop(t, i),
        "-" if token.space && t.get(i + 1).is_some_and(|n| n.space) => {
            let numbers = t.before(i).is_some_and(|b| b.kind == Kind::Digits) && before_number;
            if numbers { "minus" } else { return Effect::Pause(Pause::Comma) }
        }
        "-" if t.glued_symbol(i + 1, "-") => return Effect::Pause(Pause::Comma),
        "&" => "and",
        "+" if between(t, i) || !token.space => "plus",
        "=" if between(t, i) => "equals",
        "<" if between(t, i) => "less than",
        ">" if between(t, i) => "greater than",
        "*" | "×" if between(t, i) => "times",
        "÷" => "divided by",
        "/" if token.space && between(t, i) && before_number => "divided by",
        "^" if between(t, i) => "to the power of",
        "±" => "plus or minus",
        "§" => "section",
        "©" => "copyright",
        "%" => "percent",
        "°" => "degrees",
        "@" => "at",
        "#" if t.glued(i) && t.before(i).is_some_and(|b| matches!(b.text, "C" | "F")) => "sharp",
        "#" if before_number => "number",
        "~" if before_number => "about",
        "≈" => "approximately",
        "≠" => "not equal to",
        "≤" => "less than or equal to",
        "≥" => "greater than or equal to",
        "√" => "square root of",
        "∞" => "infinity",
        "→" => return Effect::Pause(Pause::Comma),
        "²" => "squared",
        "³" => "cubed",
        "µ" => "mu",
        "Ω" => "omega",
        "$" => "dollars",
        "€" => "euros",
        "£" => "pounds",
        "¥" => "yen",
        "₽" => "rubles",
        "₹" => "rupees",
        "₿" => "bitcoin",
        "¢" => "cents",
        _ => return Effect::Nothing,
    };
    Effect::Say(name)
}

/// Full stop, exclamation and question mark, several in a row counting as one.
fn stop(t: &Tokens<'_>, i: usize) -> Effect {
    let dot = t.is(i, ".");
    let joins = |k: Option<super::tokens::Token<'_>>| k.is_some_and(|k| k.kind == Kind::Word || k.kind == Kind::Digits);
    if dot && joins(t.before(i)) && t.glued(i) && t.glued(i + 1) && joins(t.get(i + 1)) {
        // "Node.js" has a dot; "end.Next" lacks a space.
        let sentence = t.capitalized(i + 1)
            && t.text(i + 1).len() > 1
            && t.before(i).is_some_and(|b| b.text.chars().all(|c| c.is_ascii_lowercase()));
        return if sentence { Effect::Pause(Pause::Period) } else { Effect::Say("dot") };
    }
    if dot && t.glued(i + 1) && t.word(i + 1).is_some() && t.before(i).is_none_or(|b| b.text != ".") {
        return Effect::Say("dot");
    }
    // The whole run decides: "?!" asks, "..." before a small letter only hesitates.
    let is_mark = |j: usize| matches!(t.text(j), "." | "!" | "?");
    let mut start = i;
    while start > 0 && is_mark(start - 1) && t.glued(start) && i - start < 8 {
        start -= 1;
    }
    let mut end = i + 1;
    while is_mark(end) && t.glued(end) && end - i < 8 {
        end += 1;
    }
    if (start..end).any(|j| t.is(j, "?")) {
        return Effect::Pause(Pause::Question);
    }
    let dots = (start..end).all(|j| t.is(j, "."));
    let small = t.word(end).is_some_and(|w| w.starts_with(|c: char| c.is_ascii_lowercase()));
    if dots && end - start >= 2 && small {
        return Effect::Pause(Pause::Comma);
    }
    Effect::Pause(Pause::Period)
}
