//! Sessions that are limited to phrases.

use evervoice_core::asr::AsrError;
use evervoice_recognizer::Grammar;

use crate::support::{clip, engine, limited_to, request, transcribe};

#[tokio::test]
async fn the_right_phrase_is_heard_among_a_few() {
    let options = limited_to(r#"["turn on the light in the kitchen please", "turn off the radio", "[unk]"]"#);
    let heard = transcribe(&engine(), options, clip("lights")).await.unwrap();
    assert_eq!(heard, "turn on the light in the kitchen please");
}

#[tokio::test]
async fn only_words_of_the_grammar_are_heard() {
    let phrases = ["one two three", "four five", "[unk]"];
    let options = limited_to(&serde_json::to_string(&phrases).unwrap());
    let heard = transcribe(&engine(), options, clip("weather")).await.unwrap();
    let known: Vec<&str> = phrases.iter().flat_map(|phrase| phrase.split(' ')).collect();
    assert!(heard.split_whitespace().all(|word| known.contains(&word)), "{heard:?}");
    assert_ne!(heard, transcribe(&engine(), request(), clip("weather")).await.unwrap());
}

#[tokio::test]
async fn words_that_the_model_does_not_know_are_named() {
    let engine = engine();
    let error = engine.session(limited_to(r#"["turn on the xyzzy", "frobnicate now"]"#)).await.err().unwrap();
    let AsrError::Grammar(why) = &error else { panic!("{error}") };
    assert_eq!(why, "the model does not know frobnicate, xyzzy");
    // Letters of another script are no fault of the JSON, but no words of this model either.
    let error = engine.session(limited_to(r#"["включи свет"]"#)).await.err().unwrap();
    assert!(error.to_string().contains("включи"), "{error}");
    assert_eq!(transcribe(&engine, request(), clip("digits")).await.unwrap(), "one two three four five");
}

#[tokio::test]
async fn a_long_list_of_unknown_words_is_cut_in_the_message() {
    let words: Vec<String> = ('a'..='p').map(|letter| format!("zz{letter}zz")).collect();
    let error = engine().session(limited_to(&serde_json::to_string(&words).unwrap())).await.err().unwrap();
    assert!(error.to_string().ends_with("zzjzz and 6 more words"), "{error}");
}

#[tokio::test]
async fn what_crashes_libvosk_never_reaches_it() {
    let quote = r#"["say \"hi\"", "turn on"]"#;
    for json in ["[]", "", "null", quote, r#"["a\\"]"#, r#"["\u0000"]"#, r#"["\n"]"#, r#"["]"]"#, "[[]]", "{"] {
        assert!(matches!(Grammar::parse(json), Err(AsrError::Grammar(_))), "{json}");
    }
}

#[tokio::test]
async fn odd_grammars_that_pass_do_no_harm() {
    let engine = engine();
    let thousand = serde_json::to_string(&vec!["turn on the light"; 1000]).unwrap();
    let long = serde_json::to_string(&["one two three four five ".repeat(8)]).unwrap();
    for json in [r#"["[unk]"]"#, r#"["one", "one"]"#, r#"["o'clock"]"#, &thousand, &long] {
        transcribe(&engine, limited_to(json), clip("digits")).await.unwrap();
    }
}
