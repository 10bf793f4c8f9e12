//! Spot checks of the packed data and of the rules for what is not listed.

use super::*;

fn say(word: &str, next: Option<&str>) -> String {
    let phones = Lexicon::builtin().pronounce(word, next);
    let names: Vec<_> = phones.iter().map(|p| p.as_str()).collect();
    names.join(" ")
}

#[test]
fn listed_words() {
    assert_eq!(Lexicon::builtin().len(), 126_052);
    for (word, phones) in [
        ("hello", "HH AH0 L OW1"),
        ("world", "W ER1 L D"),
        ("o'clock", "AH0 K L AA1 K"),
        ("don't", "D OW1 N T"),
        ("i'm", "AY1 M"),
        ("'bout", "B AW1 T"),
        ("zywicki", "Z IH0 W IH1 K IY0"),
        ("aaa", "T R IH1 P AH0 L EY1"),
        ("a", "AH0"),
        ("i", "AY1"),
        ("A", "EY1"),
        ("b", "B IY1"),
        ("W", "D AH1 B AH0 L Y UW0"),
    ] {
        assert_eq!(say(word, None), phones, "{word}");
    }
}

#[test]
fn small_words_before_vowels() {
    assert_eq!(say("the", Some("apple")), "DH IY0");
    assert_eq!(say("the", Some("dog")), "DH AH0");
    assert_eq!(say("the", Some("F")), "DH IY0");
    assert_eq!(say("to", Some("eat")), "T UW0");
    assert_eq!(say("the", None), "DH AH0");
}

#[test]
fn forms_of_listed_words() {
    assert_eq!(say("gateway's", None), say("gateway", None) + " Z");
    assert_eq!(say("mutex's", None), say("mutex", None) + " IH0 Z");
    assert_eq!(say("snowboarded", None), say("snowboard", None) + " IH0 D");
    assert_eq!(say("bookkitchen", None), say("book", None) + " " + &say("kitchen", None));
}

#[test]
fn overrides_win_and_bad_ones_are_refused() {
    let lexicon = Lexicon::builtin().with_overrides(r#"{"Hello": "HH EY1"}"#);
    let phones = lexicon.unwrap().pronounce("hello", None);
    assert_eq!(phones, parse_phones("HH EY1").unwrap());
    for bad in ["[]", r#"{"a": 1}"#, r#"{"a": "QQ"}"#, r#"{"a": ""}"#, "{"] {
        assert!(Lexicon::builtin().with_overrides(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_letter_run_has_sounds() {
    let long = "strengths".repeat(40);
    for word in ["x'y", "zzz", "hmf", "qwrtp", "bcdfg", &long] {
        let phones = Lexicon::builtin().pronounce(word, None);
        assert!(!phones.is_empty(), "{word}");
    }
}

/// The checksum that `training/lexicon/make_lexicon.py` prints for CMUdict itself.
const CHECKSUM: u64 = 0x44786955de93476c;

#[test]
fn every_entry_is_that_of_the_dictionary() {
    let lexicon = Lexicon::builtin();
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for (word, phones) in lexicon.entries() {
        let names: Vec<_> = phones.iter().map(|p| p.as_str()).collect();
        for byte in format!("{word}\t{}\n", names.join(" ")).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        assert_eq!(lexicon.listed(&word), Some(phones), "{word}");
    }
    assert_eq!(hash, CHECKSUM);
}

#[test]
fn words_that_are_not_listed_are_not_found() {
    for word in ["", "a-", "zzzzzz", "hellp", "~", "\u{e9}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        assert_eq!(Lexicon::builtin().listed(word), None, "{word}");
    }
}
