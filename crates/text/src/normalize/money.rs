//! Amounts of money.

use super::number::{Number, cardinal, starts};
use super::tokens::{Reading, Tokens};

/// Sign or code, one, many, hundredth, hundredths.
type Currency = (&'static str, &'static str, &'static str, &'static str, &'static str);
const CURRENCIES: &[Currency] = &[
    ("$", "dollar", "dollars", "cent", "cents"),
    ("£", "pound", "pounds", "penny", "pence"),
    ("€", "euro", "euros", "cent", "cents"),
    ("¥", "yen", "yen", "sen", "sen"),
    ("₽", "ruble", "rubles", "kopeck", "kopecks"),
    ("₹", "rupee", "rupees", "paisa", "paise"),
    ("₩", "won", "won", "jeon", "jeon"),
    ("₿", "bitcoin", "bitcoins", "", ""),
    ("USD", "dollar", "dollars", "cent", "cents"),
    ("GBP", "pound", "pounds", "penny", "pence"),
    ("EUR", "euro", "euros", "cent", "cents"),
    ("JPY", "yen", "yen", "sen", "sen"),
    ("RUB", "ruble", "rubles", "kopeck", "kopecks"),
    ("INR", "rupee", "rupees", "paisa", "paise"),
    ("CNY", "yuan", "yuan", "fen", "fen"),
    ("CHF", "swiss franc", "swiss francs", "centime", "centimes"),
    ("CAD", "canadian dollar", "canadian dollars", "cent", "cents"),
    ("AUD", "australian dollar", "australian dollars", "cent", "cents"),
];

fn currency(sign: &str) -> Option<&'static Currency> {
    CURRENCIES.iter().find(|c| c.0 == sign)
}

/// "million", "k", "bn" … after an amount: what is said, and the token after it.
pub(super) fn scale(t: &Tokens<'_>, i: usize) -> Option<(&'static str, usize)> {
    let word = t.word(i).filter(|_| t.boundary(i + 1))?;
    let name = match word {
        "thousand" | "Thousand" => "thousand",
        "million" | "Million" => "million",
        "billion" | "Billion" => "billion",
        "trillion" | "Trillion" => "trillion",
        "k" | "K" if t.glued(i) => "thousand",
        "M" | "m" | "mn" | "mln" | "MM" if t.glued(i) => "million",
        "B" | "b" if t.glued(i) => "billion",
        "T" if t.glued(i) => "trillion",
        "bn" => "billion",
        "tn" => "trillion",
        _ => return None,
    };
    Some((name, i + 1))
}

/// An amount with its currency in front or behind.
pub(super) fn read(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    // "US$5": the letters say nothing more.
    let prefix = matches!(t.text(i), "US" | "A" | "C" | "AU" | "CA") && t.glued_symbol(i + 1, "$");
    let sign_at = i + usize::from(prefix);
    if let Some(c) = currency(t.text(sign_at)) {
        let minus = t.is(sign_at + 1, "-") && starts(t, sign_at + 2);
        let n = Number::at(t, sign_at + 1 + usize::from(minus))?;
        let sign = if minus { "minus " } else { "" };
        let mut reading = amount(t, c, &n, sign, i)?;
        // "$100K-$200K"
        let dash = matches!(t.text(reading.next), "-" | "–") && t.glued(reading.next);
        if dash && currency(t.text(reading.next + 1)).is_some() && starts(t, reading.next + 2) {
            reading.said.push_str(" to");
            reading.next += 1;
        }
        return Some(reading);
    }
    let n = Number::at(t, i)?;
    let after = scale(t, n.next).map_or(n.next, |s| s.1);
    let c = currency(t.text(after))?;
    // "5 $3 tickets": the sign belongs to what follows it.
    if starts(t, after + 1) && t.glued(after + 1) || !t.boundary(after + 1) {
        return None;
    }
    let mut reading = amount(t, c, &n, "", i)?;
    reading.next = after + 1;
    Some(reading)
}

/// `n` of the currency; `from` is the first token of the amount.
fn amount(t: &Tokens<'_>, c: &Currency, n: &Number, sign: &str, from: usize) -> Option<Reading> {
    let (_, one, many, hundredth, hundredths) = *c;
    let next = n.next;
    if let Some((scale, next)) = scale(t, next) {
        let many = if t.attributive(from, next) { one } else { many };
        return Reading::new(next, format!("{sign}{} {scale} {many}", n.say()));
    }
    if t.is(next, "-") && t.glued(next) && starts(t, next + 1) {
        // "$5-10", "$5-$10": one name for both ends.
        if let Some(high) = Number::at(t, next + 1) {
            return Reading::new(high.next, format!("{sign}{} to {} {many}", n.say(), high.say()));
        }
    }
    let whole = |one: &str, many: &str| {
        format!(
            "{} {}",
            cardinal_or_zero(&n.whole),
            if n.whole == "1" || t.attributive(from, next) { one } else { many }
        )
    };
    let said = match n.fraction.as_deref() {
        Some(f) if f.len() == 2 && !hundredth.is_empty() => {
            let f = f.trim_start_matches('0');
            let parts = format!("{} {}", cardinal_or_zero(f), if f == "1" { hundredth } else { hundredths });
            let no_whole = n.whole.is_empty() || n.whole == "0";
            match (no_whole, f.is_empty()) {
                (_, true) => whole(one, many),
                (true, false) => parts,
                (false, false) => format!("{} and {parts}", whole(one, many)),
            }
        }
        Some(_) => format!("{} {many}", n.say()),
        None => whole(one, many),
    };
    Reading::new(next, format!("{sign}{said}"))
}

fn cardinal_or_zero(digits: &str) -> String {
    if digits.is_empty() { "zero".to_owned() } else { cardinal(digits) }
}
