//! Walks over the tokens: at each one the first rule that fits says it.

use super::output::Output;
use super::symbol::Effect;
use super::tokens::{Kind, Tokens};
use super::{Pause, abbreviation, date, money, phone, quantity, symbol, time, web, words};
use crate::Lexicon;

/// Capitals in a row of lines or sentences with fewer other words than this share are shouting, not acronyms.
const SHOUTING: f32 = 0.7;

/// Speaks all tokens.
pub(super) fn read(t: &Tokens<'_>, lexicon: &Lexicon) -> Output {
    let shouting = shouting(t);
    let mut out = Output::default();
    let mut i = 0;
    while let Some(token) = t.get(i) {
        let shout = shouting.get(i).copied().unwrap_or(false);
        if let Some(address) = web::read(t, i) {
            for part in &address.parts {
                match part {
                    web::Part::Said(text) => out.say(text),
                    web::Part::Letters(word) => out.say(&words::say(word, lexicon, false)),
                }
            }
            i = address.next;
            continue;
        }
        let rules: &[fn(&Tokens<'_>, usize) -> Option<super::tokens::Reading>] = match token.kind {
            Kind::Word => &[money::read, date::read, abbreviation::read, version],
            Kind::Digits => &[date::read, time::read, phone::read, money::read, quantity::read],
            Kind::Symbol => &[phone::read, money::read, negative_money, quantity::read],
            Kind::Line => &[],
        };
        if let Some(reading) = rules.iter().find_map(|rule| rule(t, i)) {
            out.say(&reading.said);
            i = reading.next.max(i + 1);
            continue;
        }
        match token.kind {
            Kind::Line => out.pause(Pause::Period),
            Kind::Word => out.say(&word(t, i, lexicon, shout, &out)),
            Kind::Digits => out.say(&super::number::cardinal(token.text)),
            Kind::Symbol => match symbol::effect(t, i) {
                Effect::Say(name) => out.say(name),
                Effect::Pause(pause) => out.pause(pause),
                Effect::Nothing => {}
            },
        }
        i += 1;
    }
    out
}

fn word(t: &Tokens<'_>, i: usize, lexicon: &Lexicon, shout: bool, out: &Output) -> String {
    if let Some(numeral) = words::numeral(t, i) {
        return numeral;
    }
    let text = t.text(i);
    let joined = t.glued(i) && t.before(i).is_some_and(|b| b.kind == Kind::Digits)
        || t.glued(i + 1) && t.digits(i + 1).is_some();
    if text == "A" && !joined {
        // The article at the start of a sentence; elsewhere, or before another letter, the letter.
        let next = t.word(i + 1);
        let acronym = |w: &str| !shout && w.chars().all(|c| c.is_ascii_uppercase());
        let title = next.is_some_and(|w| w.len() > 1 && !acronym(w));
        let starts = out.last_word().is_none();
        let name = title && t.capitalized(i + 1);
        let amount = starts && t.get(i + 1).is_some_and(|n| n.kind == Kind::Digits || "$£€¥".contains(n.text));
        return if title && (starts || name || shout) || amount { "a" } else { "A" }.to_owned();
    }
    if joined && text.len() <= 2 && text.chars().all(|c| c.is_ascii_uppercase()) {
        let letters: Vec<String> = text.chars().map(String::from).collect();
        return letters.join(" ");
    }
    if text.len() == 2 && (t.glued_symbol(i + 1, "²") || t.glued_symbol(i + 1, "³")) {
        // "mc²" is a product of letters.
        return format!("{} {}", &text[..1], &text[1..]).to_ascii_uppercase();
    }
    if joined && text.len() == 1 {
        return text.to_ascii_uppercase();
    }
    words::say(text, lexicon, shout)
}

/// "-$5".
fn negative_money(t: &Tokens<'_>, i: usize) -> Option<super::tokens::Reading> {
    if !t.is(i, "-") || t.glued(i) || !t.glued(i + 1) || t.digits(i + 1).is_some() {
        return None;
    }
    let amount = money::read(t, i + 1)?;
    super::tokens::Reading::new(amount.next, format!("minus {}", amount.said))
}

/// "v1.2.3".
fn version(t: &Tokens<'_>, i: usize) -> Option<super::tokens::Reading> {
    if !t.text(i).eq_ignore_ascii_case("v") || t.glued(i) || t.glued_digits(i + 1).is_none() {
        return None;
    }
    let number = quantity::read(t, i + 1)?;
    super::tokens::Reading::new(number.next, format!("version {}", number.said))
}

/// For every token, whether its sentence is written in capitals.
fn shouting(t: &Tokens<'_>) -> Vec<bool> {
    let mut out = Vec::with_capacity(t.len());
    while out.len() < t.len() {
        let start = out.len();
        let (mut end, mut capitals, mut all) = (start, 0u16, 0u16);
        while let Some(token) = t.get(end) {
            end += 1;
            if token.kind == Kind::Word && token.text.len() > 1 {
                all = all.saturating_add(1);
                let upper = token.text.chars().all(|c| c.is_ascii_uppercase() || c == '\'');
                capitals = capitals.saturating_add(u16::from(upper));
            }
            if token.kind == Kind::Line || matches!(token.text, "." | "!" | "?") {
                break;
            }
        }
        let shouts = capitals >= 2 && f32::from(capitals) > SHOUTING * f32::from(all);
        out.resize(end, shouts);
    }
    out
}
