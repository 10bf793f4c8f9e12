//! Numbers as words, and written numbers as the tokens have them.

use super::tokens::{Kind, Tokens};

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [&str; 7] = ["", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion"];

fn below_thousand(n: u16, out: &mut Vec<&'static str>) {
    let (hundreds, rest) = (usize::from(n / 100), usize::from(n % 100));
    if hundreds > 0 {
        out.extend([ONES[hundreds], "hundred"]);
    }
    if rest >= 20 {
        out.push(TENS[rest / 10]);
    }
    if rest >= 20 && rest % 10 > 0 {
        out.push(ONES[rest % 10]);
    } else if rest > 0 && rest < 20 {
        out.push(ONES[rest]);
    }
}

/// Digit by digit: "zero zero seven".
pub(super) fn digits(text: &str) -> String {
    let words = text.chars().filter_map(|c| c.to_digit(10));
    let words: Vec<&str> = words.map(|d| ONES[d as usize]).collect();
    words.join(" ")
}

/// A whole number; digit by digit if it starts with a zero or is beyond quintillions.
pub(super) fn cardinal(text: &str) -> String {
    if text.len() > 21 || text.len() > 1 && text.starts_with('0') {
        return digits(text);
    }
    let mut words = Vec::new();
    let mut left = text;
    while !left.is_empty() {
        let groups = (left.len() - 1) / 3;
        let (group, rest) = left.split_at(left.len() - 3 * groups);
        let value = group.parse().unwrap_or(0);
        below_thousand(value, &mut words);
        if value > 0 && groups > 0 {
            words.push(SCALES[groups]);
        }
        left = rest;
    }
    if words.is_empty() {
        words.push("zero");
    }
    words.join(" ")
}

/// The ordinal of a spoken number: "twenty one" → "twenty first".
pub(super) fn to_ordinal(cardinal: &str) -> String {
    let (head, last) = match cardinal.rsplit_once(' ') {
        Some((head, last)) => (format!("{head} "), last),
        None => (String::new(), cardinal),
    };
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        w => match w.strip_suffix('y') {
            Some(stem) => format!("{stem}ieth"),
            None => format!("{w}th"),
        },
    };
    head + &last
}

pub(super) fn ordinal(text: &str) -> String {
    to_ordinal(&cardinal(text.trim_start_matches('0')))
}

/// The plural of a spoken number: "nineties".
pub(super) fn to_plural(cardinal: &str) -> String {
    if let Some(stem) = cardinal.strip_suffix('y') {
        format!("{stem}ies")
    } else if cardinal.ends_with('x') {
        format!("{cardinal}es")
    } else {
        format!("{cardinal}s")
    }
}

/// A year of four digits as years are said: "nineteen oh five", "two thousand one", "twenty twenty six".
pub(super) fn year(text: &str) -> String {
    let Ok(n) = text.parse::<u16>() else {
        return cardinal(text);
    };
    if text.len() != 4 || !(1000..=9999).contains(&n) || n / 10 % 100 == 0 && n % 1000 < 10 {
        return cardinal(text);
    }
    let (century, rest) = text.split_at(2);
    match rest {
        "00" => format!("{} hundred", cardinal(century)),
        r if r.starts_with('0') => format!("{} oh {}", cardinal(century), cardinal(&r[1..])),
        r => format!("{} {}", cardinal(century), cardinal(r)),
    }
}

/// Whether four digits without separators are read as a year where nothing says otherwise.
pub(super) fn looks_like_year(text: &str) -> bool {
    text.len() == 4 && (("1100".."2000").contains(&text) || text.starts_with("20"))
}

/// A written number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Number {
    /// Digits before the point, separators removed; may be empty (".5").
    pub(super) whole: String,
    /// Digits after the point.
    pub(super) fraction: Option<String>,
    /// Whether thousands were separated.
    pub(super) grouped: bool,
    /// The token after it.
    pub(super) next: usize,
}

impl Number {
    /// A number at token `i`: "12", "12,000", "12 000", "3.14", ".5".
    pub(super) fn at(t: &Tokens<'_>, i: usize) -> Option<Self> {
        let mut n = Self { whole: String::new(), fraction: None, grouped: false, next: i };
        if let Some(whole) = t.digits(i) {
            n.whole.push_str(whole);
            n.next = i + 1;
            n.groups(t);
        }
        // "1.2.3" is no decimal.
        let dotted = t.glued_symbol(n.next + 2, ".") && t.glued_digits(n.next + 3).is_some();
        let point = t.is(n.next, ".") && (n.next == i || t.glued(n.next)) && !dotted;
        if let Some(fraction) = t.glued_digits(n.next + 1).filter(|_| point) {
            n.fraction = Some(fraction.to_owned());
            n.next += 2;
        }
        (n.next > i).then_some(n)
    }

    fn groups(&mut self, t: &Tokens<'_>) {
        if self.whole.len() > 3 || self.whole.starts_with('0') {
            return;
        }
        let three = |d: Option<&str>| d.filter(|d| d.len() == 3).map(str::to_owned);
        let start = self.next;
        while t.glued_symbol(self.next, ",") && t.boundary(self.next + 2) {
            let Some(d) = three(t.glued_digits(self.next + 1)) else { break };
            self.whole.push_str(&d);
            self.next += 2;
        }
        if self.next > start {
            self.grouped = true;
            return;
        }
        // "12 000": groups of exactly three after a space, the last of them not followed by more digits.
        let apart = |i: usize| {
            let d = t.digits(i).filter(|_| t.get(i).is_some_and(|x| x.space));
            d.filter(|_| t.boundary(i + 1)).and_then(|d| three(Some(d)))
        };
        let mut end = self.next;
        let mut more = String::new();
        while let Some(d) = apart(end) {
            more.push_str(&d);
            end += 1;
        }
        if !more.is_empty() && t.digits(end).is_none() {
            self.whole.push_str(&more);
            self.grouped = true;
            self.next = end;
        }
    }

    /// As words.
    pub(super) fn say(&self) -> String {
        let whole = if self.whole.is_empty() { "zero".to_owned() } else { cardinal(&self.whole) };
        match &self.fraction {
            Some(f) => format!("{whole} point {}", digits(f)),
            None => whole,
        }
    }

    /// Whether exactly one: what is counted is then singular.
    pub(super) fn is_one(&self) -> bool {
        self.whole == "1" && self.fraction.is_none()
    }

    /// Whether a plain run of digits.
    pub(super) fn is_plain(&self) -> bool {
        self.fraction.is_none() && !self.grouped
    }
}

/// Whether a number may start at `i` (so that a sign before it belongs to it).
pub(super) fn starts(t: &Tokens<'_>, i: usize) -> bool {
    t.get(i).is_some_and(|x| x.kind == Kind::Digits)
        || t.is(i, ".")
            && t.glued_digits(i + 1).is_some()
            && t.before(i).is_none_or(|b| b.kind == Kind::Symbol || t.get(i).is_some_and(|x| x.space))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals_ordinals_years() {
        assert_eq!(cardinal("0"), "zero");
        assert_eq!(cardinal("1000000"), "one million");
        assert_eq!(cardinal("1000000000000000001"), "one quintillion one");
        assert_eq!(cardinal("110"), "one hundred ten");
        assert_eq!(cardinal("007"), "zero zero seven");
        assert_eq!(cardinal(&"9".repeat(30)), ["nine"; 30].join(" "));
        assert_eq!(ordinal("21"), "twenty first");
        assert_eq!(ordinal("30"), "thirtieth");
        assert_eq!(ordinal("112"), "one hundred twelfth");
        assert_eq!(year("1905"), "nineteen oh five");
        assert_eq!(year("2001"), "two thousand one");
        assert_eq!(year("2000"), "two thousand");
        assert_eq!(year("1900"), "nineteen hundred");
        assert_eq!(year("2026"), "twenty twenty six");
        assert_eq!(to_plural("ninety"), "nineties");
    }
}
