//! Telephone numbers: digit by digit, a pause between the groups.

use super::number::digits;
use super::tokens::{Kind, Reading, Tokens};

/// A telephone number at token `i`: "+1 (555) 123-4567", "555-1234", "8 800 555 35 35".
pub(super) fn read(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let plus = t.is(i, "+") && t.glued_digits(i + 1).is_some();
    let start = i + usize::from(plus);
    let mut groups: Vec<&str> = Vec::new();
    let (mut j, mut end) = (start, start);
    let (mut hyphens, mut brackets, mut spaces) = (0, 0, 0);
    while let Some(token) = t.get(j) {
        match (token.kind, token.text) {
            (Kind::Digits, d) if t.boundary(j + 1) => {
                if token.space && j > start {
                    spaces += 1;
                }
                groups.push(d);
                end = j + 1;
            }
            (Kind::Symbol, "(") if t.glued_digits(j + 1).is_some() && t.is(j + 2, ")") && (j == start || j == end) => {
                brackets += 1;
            }
            (Kind::Symbol, ")") if brackets > 0 && t.is(j.wrapping_sub(2), "(") && j == end => {}
            (Kind::Symbol, "-" | "." | "–")
                if t.glued(j) && t.glued_digits(j + 1).is_some() && (j == end || t.is(j - 1, ")")) =>
            {
                hyphens += 1
            }
            _ => break,
        }
        j += 1;
        if groups.len() > 8 {
            return None;
        }
    }
    let lengths: Vec<usize> = groups.iter().map(|g| g.len()).collect();
    let total: usize = lengths.iter().sum();
    let short = lengths == [3, 4] && hyphens == 1 && spaces == 0 && i + 3 == end;
    let dashed = lengths == [3, 3, 4] || matches!(lengths.as_slice(), [1, 3, 3, 4]);
    let spaced = spaces > 0
        && total >= 10
        && lengths.len() >= 4
        && lengths[0] <= 3
        && lengths[1..].iter().all(|n| (2..=4).contains(n));
    let pattern = plus && (7..=15).contains(&total)
        || short
        || (dashed || brackets == 1 && lengths.len() >= 3) && (9..=11).contains(&total)
        || spaced && total <= 13 && !thousands(&lengths, hyphens + brackets);
    if !pattern {
        return None;
    }
    let spoken: Vec<String> = groups.iter().map(|g| digits(g)).collect();
    let plus = if plus { "plus " } else { "" };
    Reading::new(end, format!("{plus}{}", spoken.join(", ")))
}

/// "12 000 000 000" is one number.
fn thousands(lengths: &[usize], marks: usize) -> bool {
    marks == 0 && lengths[1..].iter().all(|n| *n == 3)
}
