//! Words made of listed words: plurals, past tenses, -ing, common endings and compounds.
//!
//! Tried before letter-to-sound, because a listed stem is right more often than a guess from letters.

use crate::phones::Phone;

type Found = Option<Vec<Phone>>;

/// Endings that only add sounds to the stem: spelling, phones.
const ENDINGS: &[(&str, &str)] = &[
    ("ness", "N AH0 S"),
    ("less", "L AH0 S"),
    ("ful", "F AH0 L"),
    ("ment", "M AH0 N T"),
    ("ly", "L IY0"),
    ("ship", "SH IH0 P"),
    ("like", "L AY1 K"),
    ("man", "M AH0 N"),
];
/// Beginnings that only add sounds.
const BEGINNINGS: &[(&str, &str)] = &[
    ("un", "AH0 N"),
    ("non", "N AA1 N"),
    ("over", "OW1 V ER0"),
    ("under", "AH1 N D ER0"),
    ("super", "S UW1 P ER0"),
    ("inter", "IH1 N T ER0"),
    ("multi", "M AH1 L T IY0"),
    ("micro", "M AY1 K R OW0"),
    ("anti", "AE1 N T IY0"),
    ("mis", "M IH0 S"),
];
/// Shortest part of a compound that is trusted, in letters.
const SHORTEST_PART: usize = 4;

fn is(p: Option<&Phone>, names: &[&str]) -> bool {
    p.is_some_and(|p| names.contains(&p.as_str()))
}

fn with(mut stem: Vec<Phone>, names: &str) -> Found {
    for name in names.split(' ') {
        stem.push(Phone::parse(name)?);
    }
    Some(stem)
}

/// The stem with the plural, possessive or third-person s.
pub(crate) fn plural(stem: Vec<Phone>) -> Found {
    let last = stem.last();
    if is(last, &["S", "Z", "SH", "ZH", "CH", "JH"]) {
        with(stem, "IH0 Z")
    } else if is(last, &["P", "T", "K", "F", "TH"]) {
        with(stem, "S")
    } else {
        with(stem, "Z")
    }
}

fn past(stem: Vec<Phone>) -> Found {
    let last = stem.last();
    if is(last, &["T", "D"]) {
        with(stem, "IH0 D")
    } else if is(last, &["P", "K", "F", "TH", "S", "SH", "CH"]) {
        with(stem, "T")
    } else {
        with(stem, "D")
    }
}

/// Stems a vowel ending may have been put on: as it stands, with the dropped e, with the consonant undoubled.
fn stems(stem: &str) -> Vec<String> {
    let b = stem.as_bytes();
    let mut out = Vec::new();
    if let [.., a, z] = b
        && a == z
        && !b"aeioulsz".contains(z)
    {
        // "planned" is "plan", never "plann" or "planne".
        out.push(stem[..stem.len() - 1].to_owned());
        return out;
    }
    // "hoped" is "hope", "helped" is "help": a single consonant after a single vowel wants the e.
    let wants_e = matches!(b, [.., v, c] if b"aeiouy".contains(v) && !b"aeiouywx".contains(c));
    let as_it_is = stem.to_owned();
    let with_e = format!("{stem}e");
    if wants_e {
        out.extend([with_e, as_it_is]);
    } else {
        out.extend([as_it_is, with_e]);
    }
    out
}

/// A pronunciation from listed parts, or `None`. `find` looks a lowercase word up in the lists.
pub(crate) fn derive(word: &str, find: &dyn Fn(&str) -> Found) -> Found {
    let find_stem = |stem: &str| {
        if stem.len() >= 3 { find(stem) } else { None }
    };
    let any = |stem: &str| stems(stem).iter().find_map(|s| find_stem(s));
    if let Some(stem) = word.strip_suffix("ies")
        && let Some(p) = find_stem(&format!("{stem}y"))
    {
        return with(p, "Z");
    }
    if let Some(stem) = word.strip_suffix('s')
        && !stem.ends_with(['s', 'u', 'i', '\''])
    {
        let sibilant =
            stem.strip_suffix('e').filter(|s| s.ends_with(['s', 'x', 'z']) || s.ends_with("ch") || s.ends_with("sh"));
        if let Some(p) = find_stem(stem).or_else(|| sibilant.and_then(find_stem)) {
            return plural(p);
        }
    }
    if let Some(stem) = word.strip_suffix("ied")
        && let Some(p) = find_stem(&format!("{stem}y"))
    {
        return with(p, "D");
    }
    if let Some(p) = word.strip_suffix("ed").and_then(any) {
        return past(p);
    }
    if let Some(p) = word.strip_suffix("ing").and_then(any) {
        return with(p, "IH0 NG");
    }
    for (ending, phones) in ENDINGS {
        if let Some(p) = word.strip_suffix(ending).and_then(find_stem)
            && p.iter().any(|p| p.is_vowel())
        {
            return with(p, phones);
        }
    }
    for (beginning, phones) in BEGINNINGS {
        if let Some(rest) = word.strip_prefix(beginning)
            && rest.len() >= SHORTEST_PART
            && let Some(p) = find(rest)
        {
            let mut out = with(Vec::new(), phones)?;
            out.extend(p);
            return Some(out);
        }
    }
    compound(word, find)
}

/// Two listed words run together; the cut with the most even halves wins.
fn compound(word: &str, find: &dyn Fn(&str) -> Found) -> Found {
    if !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    let n = word.len();
    let mut cuts: Vec<usize> = (SHORTEST_PART..=n.saturating_sub(SHORTEST_PART)).collect();
    cuts.sort_by_key(|&c| c.abs_diff(n - c));
    cuts.into_iter().find_map(|c| {
        let (a, b) = word.split_at_checked(c)?;
        let (mut first, second) = (find(a)?, find(b)?);
        first.extend(second);
        Some(first)
    })
}
