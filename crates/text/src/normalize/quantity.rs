//! Numbers in their setting: signs, fractions, ranges, years, ordinals, units, versions.

use super::money::scale;
use super::number::{Number, cardinal, digits, looks_like_year, ordinal, starts, to_plural, year};
use super::tokens::{Kind, Reading, Tokens};
use super::unit;

/// A number at token `i`, with what belongs to it.
pub(super) fn read(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    if let Some(reading) = decade(t, i) {
        return Some(reading);
    }
    if let Some(sign) = sign(t, i) {
        let n = read(t, i + 1)?;
        return Reading::new(n.next, format!("{sign} {}", n.said));
    }
    if !starts(t, i) {
        return None;
    }
    if let Some(reading) = dotted(t, i).or_else(|| fraction(t, i)).or_else(|| feet(t, i)) {
        return Some(reading);
    }
    let n = Number::at(t, i)?;
    // "4-8-1-5" is a code, no range.
    let code = t.glued_symbol(i.wrapping_sub(1), "-") && t.glued(i) && i >= 2 && t.digits(i - 2).is_some();
    let range = if code { None } else { range(t, &n) };
    range.or_else(|| counted(t, i, &n))
}

/// A minus or plus that belongs to the number after it.
fn sign(t: &Tokens<'_>, i: usize) -> Option<&'static str> {
    let sign = match t.text(i) {
        "-" => "minus",
        "+" => "plus",
        "–" => "minus",
        _ => return None,
    };
    let free = !t.glued(i)
        || t.before(i).is_some_and(|b| {
            b.kind == Kind::Symbol && matches!(b.text, "(" | "=" | "," | "[" | "^" | ":" | "\"" | "<" | ">")
        });
    (free && t.glued(i + 1) && starts(t, i + 1)).then_some(sign)
}

/// "1990s", "'90s", "'98".
fn decade(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let short = t.is(i, "'") && !t.glued(i);
    let j = i + usize::from(short);
    let d = if short { t.glued_digits(j).filter(|d| d.len() == 2)? } else { t.digits(j)? };
    let plural = t.glued(j + 1) && t.is(j + 1, "s") && t.boundary(j + 2);
    let apostrophe = t.glued_symbol(j + 1, "'") && t.glued(j + 2) && t.is(j + 2, "s");
    if plural || apostrophe {
        let whole = looks_like_year(d) && d.ends_with('0');
        if !(short || whole || d.len() == 2 && d.ends_with('0') && d != "00") {
            return None;
        }
        let said = if whole { year(d) } else { cardinal(d) };
        return Reading::new(j + 2 + usize::from(apostrophe), to_plural(&said));
    }
    let closes = t.glued_symbol(j + 1, "'");
    (short && !closes && t.boundary(j + 1)).then(|| {
        let said = match d.strip_prefix('0') {
            Some(d) => format!("oh {}", cardinal(d)),
            None => cardinal(d),
        };
        Reading::new(j + 1, said)
    })?
}

/// "1.2.3": versions and addresses.
fn dotted(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let mut parts = vec![cardinal(t.digits(i)?)];
    let mut next = i + 1;
    while t.glued_symbol(next, ".")
        && let Some(d) = t.glued_digits(next + 1)
    {
        parts.push(cardinal(d));
        next += 2;
    }
    let name = if parts.len() == 4 { " dot " } else { " point " };
    (parts.len() >= 3).then(|| Reading::new(next, parts.join(name)))?
}

/// "1/2", "3 1/2", "24/7".
fn fraction(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let whole = t
        .digits(i)
        .filter(|_| t.get(i + 1).is_some_and(|x| x.space) && t.digits(i + 1).is_some() && t.glued_symbol(i + 2, "/"));
    let j = i + usize::from(whole.is_some());
    let top = t.digits(j)?;
    let bottom = if t.glued_symbol(j + 1, "/") { t.glued_digits(j + 2)? } else { return None };
    let third = t.glued(i) && t.before(i).is_some_and(|b| b.text == "/");
    if third || t.glued_symbol(j + 3, "/") || !t.boundary(j + 3) {
        return None;
    }
    let (a, b) = (top.parse::<u32>().ok()?, bottom.parse::<u32>().ok()?);
    let said = if a == 0 || b < 2 || top.starts_with('0') || bottom.starts_with('0') {
        format!("{} over {}", cardinal(top), cardinal(bottom))
    } else if a == b || a > 1 && (b == 10 || b == 100) {
        format!("{} out of {}", cardinal(top), cardinal(bottom))
    } else if a == 24 && b == 7 {
        "twenty four seven".to_owned()
    } else if a < b && b <= 100 {
        let name = match (a, b) {
            (1, 2) => "half".to_owned(),
            (_, 2) => "halves".to_owned(),
            (1, 4) => "quarter".to_owned(),
            (_, 4) => "quarters".to_owned(),
            (1, _) => ordinal(bottom),
            _ => ordinal(bottom) + "s",
        };
        let top = if whole.is_some() && a == 1 { "a".to_owned() } else { cardinal(top) };
        format!("{top} {name}")
    } else {
        format!("{} over {}", cardinal(top), cardinal(bottom))
    };
    let said = match whole {
        Some(w) => format!("{} and {said}", cardinal(w)),
        None => said,
    };
    let next = j + 3;
    match unit::at(t, next) {
        Some(u) if whole.is_some() => Reading::new(u.next, format!("{said} {}", u.many)),
        Some(u) => Reading::new(u.next, format!("{said} {}", u.one)),
        None => Reading::new(next, said),
    }
}

/// 5'10", 5'6, 6': feet and inches.
fn feet(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let a = t.digits(i).filter(|_| t.glued_symbol(i + 1, "'"))?;
    let feet = format!("{} {}", cardinal(a), if a == "1" { "foot" } else { "feet" });
    if let Some(b) = t.glued_digits(i + 2).filter(|b| b.len() <= 2) {
        let inches = match (t.glued_symbol(i + 3, "\""), b) {
            (true, "1") => " inch",
            (true, _) => " inches",
            (false, _) => "",
        };
        let next = i + 3 + usize::from(!inches.is_empty());
        return Reading::new(next, format!("{feet} {}{inches}", cardinal(b)));
    }
    // "the '6' key" is quoted.
    let quoted = t.before(i).is_some_and(|b| b.text == "'");
    (!quoted && t.word(i + 2).is_some() && !t.glued(i + 2)).then(|| Reading::new(i + 2, feet))?
}

/// What one end of a range says.
fn end_of_range(n: &Number) -> String {
    if n.is_plain() && looks_like_year(&n.whole) { year(&n.whole) } else { n.say() }
}

/// "3-5", "2019–2021", "10–20 km"; also scores.
fn range(t: &Tokens<'_>, n: &Number) -> Option<Reading> {
    let low_unit = unit::at(t, n.next).filter(|_| t.glued(n.next));
    let mark = low_unit.as_ref().map_or(n.next, |u| u.next);
    let dash = t.is(mark, "–") || t.is(mark, "-") && t.glued(mark) && t.glued(mark + 1);
    if !dash || !starts(t, mark + 1) {
        return None;
    }
    let high = Number::at(t, mark + 1)?;
    // More dashes: a serial number, read group by group.
    if matches!(t.text(high.next), "-") && t.glued_digits(high.next + 1).is_some() {
        return None;
    }
    let rest = counted(t, mark + 1, &high)?;
    let said = if looks_like_year(&n.whole)
        && high.whole.len() == 2
        && high.is_plain()
        && n.is_plain()
        && rest.next == high.next
    {
        format!("{} to {}", year(&n.whole), cardinal(&high.whole))
    } else {
        let low = if rest.next == high.next { end_of_range(n) } else { n.say() };
        let low = low_unit.map_or(low.clone(), |u| format!("{low} {}", if n.is_one() { u.one } else { u.many }));
        format!("{low} to {}", rest.said)
    };
    Reading::new(rest.next, said)
}

/// "in 1066": years that are rarely meant without a word before them.
fn old_year(t: &Tokens<'_>, i: usize, digits: &str) -> bool {
    let before = t.before(i).map_or("", |b| b.text).to_ascii_lowercase();
    digits.len() == 4
        && digits.starts_with("10")
        && matches!(before.as_str(), "in" | "since" | "year" | "circa" | "until")
}

/// Four digits of a picture size by twos: "nineteen twenty by ten eighty".
fn in_pairs(n: &Number) -> String {
    match n.whole.split_at_checked(2) {
        Some((a, b)) if n.is_plain() && b.len() == 2 && !b.starts_with('0') && !a.starts_with('0') => {
            format!("{} {}", cardinal(a), cardinal(b))
        }
        _ => n.say(),
    }
}

/// A number with its ending or unit, or alone.
fn counted(t: &Tokens<'_>, i: usize, n: &Number) -> Option<Reading> {
    let next = n.next;
    let glued = t.glued(next);
    let word = t.text(next);
    if glued
        && n.fraction.is_none()
        && t.boundary(next + 1)
        && matches!(word.to_ascii_lowercase().as_str(), "st" | "nd" | "rd" | "th")
    {
        return Reading::new(next + 1, ordinal(&n.whole));
    }
    // "4K" is a picture size.
    let picture = word == "K" && matches!(n.whole.as_str(), "2" | "4" | "8") && n.is_plain();
    let letter_scale = matches!(word, "k" | "K" | "M" | "bn" | "mn" | "mln") && glued && !picture;
    if letter_scale && let Some((scale, next)) = scale(t, next) {
        return Reading::new(next, format!("{} {scale}", n.say()));
    }
    if picture && glued && t.boundary(next + 1) {
        return Reading::new(next + 1, format!("{} K", n.say()));
    }
    // "1920x1080", "3 x 4".
    if matches!(word, "x" | "×")
        && starts(t, next + 1)
        && (glued == t.glued(next + 1))
        && !t.glued_symbol(next + 2, "x")
        && glued
    {
        let second = Number::at(t, next + 1)?;
        let rest = counted(t, next + 1, &second)?;
        let said = if rest.next == second.next { in_pairs(&second) } else { rest.said };
        return Reading::new(rest.next, format!("{} by {said}", in_pairs(n)));
    }
    if glued && word == "x" && t.boundary(next + 1) {
        return Reading::new(next + 1, format!("{} times", n.say()));
    }
    // "a 10-inch screen", "5-km run": the unit in the singular.
    if t.glued_symbol(next, "-")
        && let Some(u) =
            unit::at(t, next + 1).filter(|u| t.glued(next + 1) && u.next == next + 2 && t.text(next + 1).len() > 1)
    {
        return Reading::new(u.next, format!("{} {}", n.say(), u.one));
    }
    if let Some(u) = unit::at(t, next) {
        let name = if n.is_one() || t.attributive(i, u.next) { u.one } else { u.many };
        return Reading::new(u.next, format!("{} {name}", n.say()));
    }
    if n.is_plain()
        && (looks_like_year(&n.whole) || old_year(t, i, &n.whole))
        && !(glued && t.get(next).is_some_and(|x| x.kind == Kind::Word))
    {
        return Reading::new(next, year(&n.whole));
    }
    let code = i > 0
        && t.glued(i)
        && t.before(i).is_some_and(|b| b.kind == Kind::Symbol && b.text == "-")
        && n.whole.len() > 4;
    let said = if code { digits(&n.whole) } else { n.say() };
    Reading::new(next, said)
}
