//! Phrases spoken by the built-in voice, heard by the built-in recogniser. The lists: `testdata/echo/README.md`.

use crate::harness::{TestHouse, testdata};

/// Phrases of a list that come back word for word in `X-Recognized-Text`, and those that do not.
async fn echo(list: &str) -> (usize, Vec<(String, String)>) {
    let house = TestHouse::start().await;
    let phrases = std::fs::read_to_string(testdata(list)).unwrap();
    let (mut same, mut other) = (0, vec![]);
    for phrase in phrases.lines() {
        let response = house.post("/api/echo-bytes", house.speak(phrase).await).await;
        let heard = response.headers().get("x-recognized-text").map_or("", |text| text.to_str().unwrap());
        if heard == phrase {
            same += 1;
        } else {
            other.push((phrase.to_owned(), heard.to_owned()));
        }
    }
    (same, other)
}

#[tokio::test]
async fn phrases_that_the_language_model_knows_well() {
    let (same, other) = echo("echo/known.txt").await;
    assert_eq!(same + other.len(), 100);
    assert!(same >= 97, "{same} of 100; not: {other:#?}");
}

/// The language model counts these once among 40,000 lines, and "a" is easily heard as "the".
#[tokio::test]
async fn phrases_that_the_language_model_has_seen() {
    let (same, other) = echo("echo/seen.txt").await;
    assert_eq!(same + other.len(), 100);
    assert!(same >= 95, "{same} of 100; not: {other:#?}");
}

#[tokio::test]
async fn phrases_within_the_vocabulary_that_it_does_not_know() {
    let (same, other) = echo("echo/unknown.txt").await;
    assert_eq!(same + other.len(), 60);
    assert!(same >= 42, "{same} of 60; not: {other:#?}");
}
