//! Hand-written cases of what an English speaker would say.

use evervoice_text::{TextError, normalize, spoken};

const CASES: &str = include_str!("../golden.tsv");

#[test]
fn written_to_spoken() {
    let (mut count, mut failures) = (0, Vec::new());
    for line in CASES.lines().filter(|l| !l.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [category, written, want] = fields[..] else {
            panic!("not three fields: {line}");
        };
        count += 1;
        let got = match normalize(&written.replace("\\n", "\n")) {
            Ok(clauses) => spoken(&clauses),
            Err(e) => e.to_string(),
        };
        if got != want {
            failures.push(format!("{category}: {written}\n  want {want}\n  got  {got}"));
        }
    }
    assert!(count >= 260, "only {count} cases");
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn other_scripts_are_refused_by_name() {
    for (text, script, sample) in [
        ("Say Привет now", "Cyrillic", "Привет"),
        ("你好 world", "Han", "你好"),
        ("こんにちは", "Hiragana", "こんにちは"),
        ("the word λόγος", "Greek", "λόγος"),
        ("مرحبا", "Arabic", "مرحبا"),
        ("שלום", "Hebrew", "שלום"),
        ("नमस्ते", "Devanagari", "नमस्ते"),
        ("안녕", "Hangul", "안녕"),
        ("สวัสดี", "Thai", "สวัสดี"),
    ] {
        let want = TextError::UnsupportedScript { script, sample: sample.to_owned() };
        assert_eq!(normalize(text), Err(want));
    }
}

#[test]
fn nothing_to_speak() {
    for text in ["", " \n\t", "...", "!?", "😀", "***", "\u{200B}", "()", "---", "\0"] {
        assert_eq!(normalize(text), Err(TextError::NothingToSpeak), "{text:?}");
    }
}
