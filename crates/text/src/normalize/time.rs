//! Times of day and durations written with colons.

use super::number::{cardinal, digits};
use super::tokens::{Reading, Tokens};

/// "am", "p.m." … after a time: what is said, and the token after it. A full stop that also ends the sentence stays.
fn half(t: &Tokens<'_>, i: usize) -> Option<(&'static str, usize)> {
    let word = t.word(i)?.to_ascii_lowercase();
    let name = |first: &str| if first.starts_with('a') { "A M" } else { "P M" };
    match word.as_str() {
        "am" | "pm" if t.boundary(i + 1) => Some((name(&word), i + 1)),
        "a" | "p" if t.glued_symbol(i + 1, ".") && t.glued(i + 2) && t.text(i + 2).eq_ignore_ascii_case("m") => {
            let dot = t.glued_symbol(i + 3, ".");
            let ends = t.ends(i + 4) || super::abbreviation::starts_sentence(t, i + 4);
            Some((name(&word), i + 3 + usize::from(dot && !ends)))
        }
        _ => None,
    }
}

fn number(d: &str, most: u8) -> Option<u8> {
    d.parse().ok().filter(|n| d.len() <= 2 && *n <= most)
}

/// "oh five", "thirty", "o'clock".
fn minutes(m: &str) -> String {
    match m.strip_prefix('0') {
        Some(m) => format!("oh {}", cardinal(m)),
        None => cardinal(m),
    }
}

fn hour(h: &str) -> String {
    let h = h.trim_start_matches('0');
    cardinal(if h.is_empty() { "0" } else { h })
}

/// A time at token `i`.
pub(super) fn read(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let h = t.digits(i)?;
    let colon = |j: usize| if t.glued_symbol(j, ":") { t.glued_digits(j + 1) } else { None };
    let Some(m) = colon(i + 1) else {
        // "9 a.m.", "10pm".
        number(h, 24)?;
        let (half, next) = half(t, i + 1)?;
        return finish(t, next, format!("{} {half}", hour(h)));
    };
    if m.len() != 2 || number(m, 59).is_none() || h.len() > 2 {
        // A score or a ratio.
        let said = format!("{} to {}", cardinal(h), cardinal(m));
        return t.boundary(i + 3).then(|| Reading::new(i + 3, said)).flatten();
    }
    if let Some(s) = colon(i + 3).filter(|s| s.len() == 2) {
        let mut next = i + 5;
        let mut said = format!(
            "{} {} and {} seconds",
            hour(h),
            if m == "00" { "hundred".to_owned() } else { minutes(m) },
            cardinal(s.trim_start_matches('0').max("0"))
        );
        if s == "01" {
            said.pop();
        }
        if t.glued_symbol(next, ".")
            && let Some(f) = t.glued_digits(next + 1)
        {
            said = said.replace(" seconds", &format!(" point {} seconds", digits(f)));
            next += 2;
        }
        return finish(t, next, said);
    }
    let (after, next) = match half(t, i + 3) {
        Some((half, next)) => (Some(half), next),
        None => (None, i + 3),
    };
    number(h, 24)?;
    let said = match (m, after) {
        ("00", Some(half)) => format!("{} {half}", hour(h)),
        (_, Some(half)) => format!("{} {} {half}", hour(h), minutes(m)),
        ("00", None) if number(h, 12) == Some(0) || h.starts_with('0') && h.len() == 2 && h == "00" => {
            "zero hundred hours".to_owned()
        }
        ("00", None) if number(h, 12).is_none() => format!("{} hundred", hour(h)),
        ("00", None) => format!("{} o'clock", hour(h)),
        (_, None) => format!("{} {}", hour(h), minutes(m)),
    };
    // "9:00 o'clock" names the clock itself.
    let said = match said.strip_suffix(" o'clock") {
        Some(bare) if t.word(next).is_some_and(|w| w.eq_ignore_ascii_case("o'clock")) => bare.to_owned(),
        _ => said,
    };
    finish(t, next, said)
}

/// After the time may stand "Z" for universal time, or a dash and the end of a span.
fn finish(t: &Tokens<'_>, next: usize, said: String) -> Option<Reading> {
    if t.glued(next) && t.is(next, "Z") && t.boundary(next + 1) {
        return Reading::new(next + 1, said + " U T C");
    }
    // One more time only: a chain of them is no span, and each is read on its own.
    let dash = matches!(t.text(next), "-" | "–") && t.digits(next + 1).is_some();
    let span = dash && (t.glued_symbol(next + 2, ":") || half(t, next + 2).is_some());
    if span {
        return Reading::new(next + 1, said + " to");
    }
    Reading::new(next, said)
}
