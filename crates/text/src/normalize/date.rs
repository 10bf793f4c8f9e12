//! Dates.

use super::number::{ordinal, year};
use super::tokens::{Reading, Tokens};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The month of this name or abbreviation, which must be written with a capital.
fn month(word: &str) -> Option<&'static str> {
    if !word.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let short = word.len() == 3 || word == "sept";
    MONTHS.iter().find(|m| **m == word || short && m.starts_with(&word)).copied()
}

fn month_number(digits: &str) -> Option<&'static str> {
    if digits.len() > 2 {
        return None;
    }
    MONTHS.get(digits.parse::<usize>().ok()?.checked_sub(1)?).copied()
}

fn day(digits: &str) -> Option<&str> {
    let n = digits.parse::<u8>().ok().filter(|n| digits.len() <= 2 && (1..=31).contains(n));
    n.map(|_| digits)
}

/// A year of four digits at `i`, not followed by more of a number.
fn year_at<'a>(t: &Tokens<'a>, i: usize) -> Option<&'a str> {
    let y = t.digits(i).filter(|y| y.len() == 4)?;
    let more = t.glued_symbol(i + 1, ",") && t.glued_digits(i + 2).is_some()
        || t.glued_symbol(i + 1, ".") && t.glued_digits(i + 2).is_some()
        || t.glued_symbol(i + 1, ":");
    (t.boundary(i + 1) && !more).then_some(y)
}

/// "1st", "22nd": the token after the ending.
fn after_ordinal(t: &Tokens<'_>, i: usize) -> usize {
    let ending = t.glued(i) && matches!(t.text(i), "st" | "nd" | "rd" | "th");
    i + usize::from(ending)
}

/// A month's name at `i` and the token after it and its full stop.
fn month_at(t: &Tokens<'_>, i: usize) -> Option<(&'static str, usize)> {
    let word = t.word(i)?;
    let name = month(word)?;
    let dot = word.len() < name.len() && t.glued_symbol(i + 1, ".");
    Some((name, i + 1 + usize::from(dot)))
}

fn date(month: &str, day: &str, y: Option<&str>) -> String {
    let year = y.map(|y| format!(", {}", year(y))).unwrap_or_default();
    format!("{month} {}{year}", ordinal(day))
}

/// A date at token `i`.
pub(super) fn read(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    numeric(t, i).or_else(|| month_first(t, i)).or_else(|| day_first(t, i))
}

/// 2026-11-21, 2026/11/21, 11/21/2026, 21/11/2026, 21.11.2026.
fn numeric(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let a = t.digits(i)?;
    let mark = t.text(i + 1);
    if !matches!(mark, "-" | "/" | ".") || !t.glued(i + 1) || !t.glued_symbol(i + 3, mark) {
        return None;
    }
    let (b, c) = (t.glued_digits(i + 2)?, t.glued_digits(i + 4)?);
    let rest = t.glued_symbol(i + 5, mark) && t.glued_digits(i + 6).is_some();
    if rest || t.glued_digits(i + 5).is_some() {
        return None;
    }
    // "3/4/25": a year of two digits.
    let long = match c.parse::<u8>() {
        Ok(y) if mark == "/" && c.len() == 2 && a.len() <= 2 => format!("{}{c}", if y < 70 { "20" } else { "19" }),
        _ => c.to_owned(),
    };
    let c = long.as_str();
    let (y, m, d) = if a.len() == 4 && mark != "." {
        (a, b, c)
    } else if c.len() == 4 && a.len() <= 2 {
        // Days first where points are used or the second number cannot be a month.
        if mark == "."
            || month_number(a).is_none()
            || month_number(b).is_some() && mark == "-" && day(a).is_some_and(|d| month_number(d).is_none())
        {
            (c, b, a)
        } else {
            (c, a, b)
        }
    } else {
        return None;
    };
    let (m, d) = match month_number(m) {
        Some(name) => (name, day(d)?),
        None => (month_number(d)?, day(m)?),
    };
    // "2026-11-21T09:05": the letter only joins.
    let joined = t.glued(i + 5) && t.is(i + 5, "T") && t.glued_digits(i + 6).is_some();
    if !joined && !t.boundary(i + 5) {
        return None;
    }
    let comma = if joined { "," } else { "" };
    Reading::new(i + 5 + usize::from(joined), date(m, d, Some(y)) + comma)
}

/// "Nov 21st, 2026", "May 5", "March 2026".
fn month_first(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let (name, j) = month_at(t, i)?;
    if let Some(y) = year_at(t, j) {
        return Reading::new(j + 1, format!("{name} {}", year(y)));
    }
    let d = day(t.digits(j)?)?;
    let next = after_ordinal(t, j + 1);
    let clock = t.glued_symbol(next, ":") || t.glued_symbol(next, ".") && t.glued_digits(next + 1).is_some();
    if !t.boundary(next) || clock || t.glued_symbol(next, "%") {
        return None;
    }
    // "May 5-7": both are days.
    if matches!(t.text(next), "-" | "–")
        && t.glued(next)
        && let Some(last) = t.glued_digits(next + 1).and_then(day)
        && t.boundary(next + 2)
    {
        return Reading::new(next + 2, format!("{name} {} to {}", ordinal(d), ordinal(last)));
    }
    let comma = usize::from(t.is(next, ","));
    if let Some(y) = year_at(t, next + comma) {
        return Reading::new(next + comma + 1, date(name, d, Some(y)));
    }
    Reading::new(next, date(name, d, None))
}

/// "21 November 2026", "the 5th of May".
fn day_first(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let d = day(t.digits(i)?)?;
    let j = after_ordinal(t, i + 1);
    let (name, k) = month_at(t, j).filter(|_| t.get(j).is_some_and(|x| x.space))?;
    let the = t.before(i).is_some_and(|b| b.text.eq_ignore_ascii_case("the"));
    let the = if the { "" } else { "the " };
    let comma = usize::from(t.is(k, ","));
    match year_at(t, k + comma) {
        Some(y) => Reading::new(k + comma + 1, format!("{the}{} of {name}, {}", ordinal(d), year(y))),
        None => Reading::new(k, format!("{the}{} of {name}", ordinal(d))),
    }
}
