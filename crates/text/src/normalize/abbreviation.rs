//! Abbreviations with a full stop, and whether that stop also ends the sentence.

use super::tokens::{Reading, Tokens};

/// What has to follow for the abbreviation to be one, and whether its stop may end a sentence.
#[derive(Clone, Copy, PartialEq)]
enum Follows {
    /// A name: the stop never ends a sentence.
    Name,
    /// A number.
    Number,
    /// Anything; the stop ends a sentence where a new one starts.
    Anything,
    /// As [`Follows::Anything`], and the stop may be missing.
    NoStop,
}

use Follows::{Anything, Name, NoStop, Number};

/// As written (case of the first letter counts where it is a capital), what is said.
const ABBREVIATIONS: &[(&str, &str, Follows)] = &[
    ("Mr", "mister", NoStop),
    ("Mrs", "missus", NoStop),
    ("Ms", "miz", NoStop),
    ("Prof", "professor", Name),
    ("Gen", "general", Name),
    ("Col", "colonel", Name),
    ("Capt", "captain", Name),
    ("Lt", "lieutenant", Name),
    ("Sgt", "sergeant", Name),
    ("Rev", "reverend", Name),
    ("Gov", "governor", Name),
    ("Sen", "senator", Name),
    ("Rep", "representative", Name),
    ("Pres", "president", Name),
    ("Mt", "mount", Name),
    ("Ft", "fort", Name),
    ("Jan", "january", Name),
    ("Jr", "junior", Anything),
    ("Sr", "senior", Anything),
    ("Inc", "incorporated", Anything),
    ("Ltd", "limited", Anything),
    ("Corp", "corporation", Anything),
    ("Co", "company", Anything),
    ("Bros", "brothers", Anything),
    ("Dept", "department", Anything),
    ("dept", "department", Anything),
    ("Ave", "avenue", Anything),
    ("Blvd", "boulevard", Anything),
    ("Rd", "road", Anything),
    ("Hwy", "highway", Anything),
    ("Apt", "apartment", Anything),
    ("vs", "versus", NoStop),
    ("Vs", "versus", NoStop),
    ("etc", "et cetera", NoStop),
    ("approx", "approximately", Anything),
    ("Approx", "approximately", Anything),
    ("est", "established", Number),
    ("Est", "established", Number),
    ("ca", "circa", Number),
    ("No", "number", Number),
    ("Nos", "numbers", Number),
    ("no", "number", Number),
    ("Fig", "figure", Number),
    ("fig", "figure", Number),
    ("Eq", "equation", Number),
    ("Vol", "volume", Number),
    ("vol", "volume", Number),
    ("Ch", "chapter", Number),
    ("ch", "chapter", Number),
    ("Sec", "section", Number),
    ("pp", "pages", Number),
    ("p", "page", Number),
    ("al", "al", Anything),
    ("min", "minutes", Anything),
    ("max", "maximum", Anything),
    ("hrs", "hours", Anything),
    ("Mon", "monday", Anything),
    ("Tue", "tuesday", Anything),
    ("Tues", "tuesday", Anything),
    ("Wed", "wednesday", Anything),
    ("Thu", "thursday", Anything),
    ("Thurs", "thursday", Anything),
    ("Fri", "friday", Anything),
    ("Feb", "february", Anything),
    ("Aug", "august", Anything),
    ("Sept", "september", Anything),
    ("Sep", "september", Anything),
    ("Oct", "october", Anything),
    ("Nov", "november", Anything),
    ("Dec", "december", Anything),
    ("Apr", "april", Anything),
];

/// Runs of letters with stops that are said as words.
const DOTTED: &[(&str, &str)] = &[("e.g", "for example,"), ("i.e", "that is,"), ("a.k.a", "also known as")];

/// Words that more often start a sentence than follow an abbreviation inside one.
const STARTERS: &[&str] = &[
    "The", "A", "An", "He", "She", "It", "We", "They", "I", "You", "This", "That", "These", "Those", "There", "Here",
    "In", "On", "At", "But", "And", "So", "If", "When", "What", "Who", "Why", "How", "My", "Our", "His", "Her",
    "Their", "Your", "Its", "However", "Then", "Now", "No", "Yes", "Please", "Is", "Are", "Do", "Can", "Let", "It's",
    "That's", "I'm", "He's", "She's",
];

/// Whether the word at `i` starts a new sentence after an abbreviation.
pub(super) fn starts_sentence(t: &Tokens<'_>, i: usize) -> bool {
    t.word(i).is_some_and(|w| STARTERS.contains(&w))
}

const DAYS: &[(&str, &str)] = &[
    ("Mon", "monday"),
    ("Tue", "tuesday"),
    ("Tues", "tuesday"),
    ("Wed", "wednesday"),
    ("Thu", "thursday"),
    ("Thurs", "thursday"),
    ("Fri", "friday"),
    ("Sat", "saturday"),
    ("Sun", "sunday"),
];

/// "Mon-Fri", "Fri, 5 Dec": days without a full stop, where another day or a number follows.
fn day(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let name = |j: usize| DAYS.iter().find(|(w, _)| t.is(j, w)).map(|(_, said)| *said);
    let said = name(i)?;
    if matches!(t.text(i + 1), "-" | "–")
        && let Some(last) = name(i + 2)
    {
        return Reading::new(i + 3, format!("{said} to {last}"));
    }
    let stop = usize::from(t.glued_symbol(i + 1, "."));
    let comma = t.is(i + 1 + stop, ",");
    let number = t.digits(i + 1 + stop + usize::from(comma)).is_some();
    (number && (comma || stop == 1)).then(|| Reading::new(i + 1 + stop, said))?
}

/// An abbreviation at token `i`.
pub(super) fn read(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let word = t.word(i)?;
    if let Some(reading) = dotted(t, i).or_else(|| day(t, i)) {
        return Some(reading);
    }
    let stop = t.glued_symbol(i + 1, ".") && !(t.glued(i + 2) && t.word(i + 2).is_some());
    let next = i + 1 + usize::from(stop);
    let capital = t.capitalized(next);
    if word == "St" || word == "Dr" {
        let name_before = t.before(i).is_some_and(|b| {
            !t.get(i).is_none_or(|x| x.text.is_empty())
                && (b.text.starts_with(|c: char| c.is_ascii_uppercase()) && !STARTERS.contains(&b.text)
                    || matches!(b.text, "st" | "nd" | "rd" | "th"))
        });
        let (place, title) = if word == "St" { ("street", "saint") } else { ("drive", "doctor") };
        if capital && !(name_before && starts_sentence(t, next)) && !(name_before && word == "St") {
            return Reading::new(next, title);
        }
        if !name_before && word == "Dr" {
            return Reading::new(next, title);
        }
        return keep_stop(t, i, stop, place);
    }
    let (_, said, follows) = ABBREVIATIONS.iter().find(|(w, _, _)| *w == word)?;
    match follows {
        Name if stop && capital => Reading::new(next, *said),
        Number if stop && t.digits(next).is_some() => Reading::new(next, *said),
        NoStop if said.starts_with('m') => Reading::new(next, *said),
        Anything if !stop => None,
        // "He sat on Mon." and "min." at the end are rare; a lowercase word at the end is a word ("the max.").
        Anything if matches!(word, "al" | "min" | "max" | "Co") && t.ends(next) => None,
        Anything | NoStop => keep_stop(t, i, stop, said),
        Name | Number => None,
    }
}

/// Says the abbreviation; its stop stays as the end of the sentence at the end of a text or before a new sentence.
fn keep_stop(t: &Tokens<'_>, i: usize, stop: bool, said: &str) -> Option<Reading> {
    let ends = t.ends(i + 2) || starts_sentence(t, i + 2);
    Reading::new(i + 1 + usize::from(stop && !ends), said)
}

/// "U.S.", "e.g.", "J. K. Rowling", "Ph.D.".
fn dotted(t: &Tokens<'_>, i: usize) -> Option<Reading> {
    let word = t.word(i)?;
    if word == "Ph" && t.glued_symbol(i + 1, ".") && t.glued(i + 2) && t.is(i + 2, "D") {
        let stop = t.glued_symbol(i + 3, ".") && !t.ends(i + 4) && !starts_sentence(t, i + 4);
        return Reading::new(i + 3 + usize::from(stop), "P H D");
    }
    if word.len() != 1 || !t.glued_symbol(i + 1, ".") {
        return None;
    }
    let mut letters = word.to_owned();
    let mut last = i;
    while t.glued_symbol(last + 1, ".") && t.glued(last + 2) && t.word(last + 2).is_some_and(|w| w.len() == 1) {
        last += 2;
        letters.push('.');
        letters.push_str(t.text(last));
    }
    let stop = t.glued_symbol(last + 1, ".");
    let ends = t.ends(last + 2) || starts_sentence(t, last + 2);
    if last == i {
        // One letter: an initial if a name follows.
        let initial = t.capitalized(i) && t.capitalized(i + 2) && !ends && word != "I";
        return if initial { Reading::new(i + 2, word) } else { None };
    }
    let lower = letters.to_ascii_lowercase();
    if let Some((_, said)) = DOTTED.iter().find(|(w, _)| *w == lower) {
        return Reading::new(last + 1 + usize::from(stop), *said);
    }
    let said: Vec<String> = letters.split('.').map(str::to_ascii_uppercase).collect();
    Reading::new(last + 1 + usize::from(stop && !ends), said.join(" "))
}
