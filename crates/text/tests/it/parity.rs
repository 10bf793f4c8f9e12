//! The same symbols and features as the front end that the built-in voice's networks were trained with.

use std::time::{Duration, Instant};

use evervoice_text::{FEATURES, FrontEnd, LONGEST_PHRASE, Lexicon, TableError, VoiceTables};

const VOICE: &str = include_str!("../../../../voices/en-us-slt/voice.json");
const OVERRIDES: &str = include_str!("../../../../voices/en-us-slt/overrides.json");
const CASES: &str = include_str!("../parity.tsv");

fn tables() -> VoiceTables {
    let voice: serde_json::Value = serde_json::from_str(VOICE).unwrap();
    let list = |key: &str| -> Vec<String> {
        let list = voice[key].as_array().unwrap().iter();
        list.map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    VoiceTables {
        symbols: list("symbols"),
        function_words: list("function_words").into_iter().collect(),
        yesno_starters: list("yesno_starters").into_iter().collect(),
    }
}

fn front_end() -> FrontEnd {
    let lexicon = Lexicon::builtin().with_overrides(OVERRIDES).unwrap();
    FrontEnd::new(lexicon, tables()).unwrap()
}

/// `value*count value …` as values.
fn runs(column: &str) -> Vec<f32> {
    let mut out = Vec::new();
    for run in column.split(' ') {
        let (value, count) = run.split_once('*').unwrap_or((run, "1"));
        let value: f32 = value.parse().unwrap();
        out.resize(out.len() + count.parse::<usize>().unwrap(), value);
    }
    out
}

#[test]
fn same_symbols_and_features_as_in_training() {
    let front_end = front_end();
    let mut compared = 0;
    for line in CASES.lines().filter(|l| !l.starts_with('#')) {
        let [text, ids, columns] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not three fields: {line}");
        };
        let phrases = front_end.phrases(text).unwrap();
        if phrases.len() > 1 {
            // The reference makes one sequence of several sentences; here only the symbols can be compared.
            let ours: Vec<i64> =
                phrases.iter().enumerate().flat_map(|(k, p)| p.ids[usize::from(k > 0)..].to_vec()).collect();
            assert_eq!(join(&ours), ids, "{text}");
            continue;
        }
        let phrase = &phrases[0];
        assert_eq!(join(&phrase.ids), ids, "{text}");
        let columns: Vec<Vec<f32>> = columns.split(';').map(runs).collect();
        assert_eq!(columns.len(), FEATURES);
        assert_eq!(phrase.feats.len(), phrase.ids.len() * FEATURES);
        for (row, values) in phrase.feats.chunks(FEATURES).enumerate() {
            for (column, value) in values.iter().enumerate() {
                let want = columns[column][row];
                assert!((value - want).abs() < 1e-6, "{text}: row {row} column {column}: {value}, not {want}");
            }
        }
        compared += 1;
    }
    assert!(compared >= 95, "only {compared} sentences compared");
}

fn join(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    ids.join(" ")
}

#[test]
fn words_point_at_their_symbols() {
    let phrases = front_end().phrases("Is it 5 km, or $3?").unwrap();
    assert_eq!(phrases.len(), 1);
    let phrase = &phrases[0];
    assert_eq!(phrase.text, "is it five kilometers, or three dollars?");
    let mut next = 1;
    for word in &phrase.words {
        assert!(word.first_symbol == next || word.first_symbol == next + 1, "{word:?}");
        assert!(word.first_symbol <= word.last_symbol && word.last_symbol < phrase.ids.len() - 1);
        next = word.last_symbol + 1;
    }
    let said: Vec<&str> = phrase.words.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(said, ["is", "it", "five", "kilometers", "or", "three", "dollars"]);
}

#[test]
fn long_sentences_are_cut_and_nothing_is_lost() {
    let front_end = front_end();
    let clauses = "the weather is warm today and the garden is green, ".repeat(60);
    let no_pauses = "banana ".repeat(500);
    let one_word = "strengths".repeat(300);
    for (text, words) in [(&clauses, 600), (&no_pauses, 500), (&one_word, 43)] {
        let phrases = front_end.phrases(text).unwrap();
        let count: usize = phrases.iter().map(|p| p.words.len()).sum();
        assert_eq!(count, words);
        assert!(phrases.iter().all(|p| p.ids.len() <= LONGEST_PHRASE));
        assert!(phrases.len() > 2);
        for phrase in &phrases {
            assert_eq!(phrase.feats.len(), phrase.ids.len() * FEATURES);
            assert_eq!(phrase.ids[0], 1, "starts with the initial silence");
            assert!((2..=4).contains(phrase.ids.last().unwrap()), "ends with a pause");
        }
    }
}

#[test]
fn a_voice_without_a_phone_is_refused() {
    let mut voice = tables();
    voice.symbols.retain(|s| s != "ZH");
    let refused = FrontEnd::new(Lexicon::builtin(), voice).err();
    assert_eq!(refused, Some(TableError::MissingSymbol("ZH".to_owned())));
}

#[test]
fn starting_and_reading_are_quick() {
    let start = Instant::now();
    let front_end = front_end();
    let construction = start.elapsed();
    assert!(construction < Duration::from_millis(200), "{construction:?}");
    let text = "On 21 November 2026 at 9:05 Dr. Smith paid $12.50 for 3.5 kg of apples. ".repeat(70);
    let start = Instant::now();
    front_end.phrases(&text[..5000]).unwrap();
    let reading = start.elapsed();
    // Far above what is measured (see the README), for slow shared machines and unoptimised builds.
    assert!(reading < Duration::from_millis(1000), "{reading:?}");
}
