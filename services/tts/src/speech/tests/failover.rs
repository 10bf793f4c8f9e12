//! In the middle of an utterance: another voice goes on, and nobody hears it.

use super::*;

/// Characters of 20 ms: half a second.
const HALF_SECOND: usize = 25;

const TEXT: &str = "The quick brown fox jumps over the lazy dog, and then it sleeps.";

/// All parts, and how long each was waited for.
async fn parts(mut stream: Speaking) -> Vec<(Part, Duration)> {
    let (mut parts, mut began) = (vec![], tokio::time::Instant::now());
    while let Some(part) = stream.parts.next().await {
        parts.push((part.unwrap(), began.elapsed()));
        began = tokio::time::Instant::now();
    }
    parts
}

/// What was heard. The space between two words that two voices say is nobody's.
fn text(parts: &[(Part, Duration)]) -> String {
    let samples: Vec<i16> = parts.iter().flat_map(|(part, _)| audio(part).to_vec()).collect();
    heard(&samples).replace(' ', "")
}

fn whole() -> String {
    TEXT.replace(' ', "")
}

fn audio(part: &Part) -> &[i16] {
    match part {
        Part::Audio(chunk) => &chunk.samples,
        _ => &[],
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_is_told_before_the_first_sound_of_the_next_voice() {
    let (first, second) = (provider("first", &[Act::FailAfter(6)]), provider("second", &[]));
    let parts = parts(speak(&chain(&[&first, &second]), request(TEXT, None)).await.unwrap()).await;
    let switch = Part::Provider { from: "first", to: "second" };
    let switches: Vec<usize> = (0..parts.len()).filter(|at| matches!(parts[*at].0, Part::Provider { .. })).collect();
    assert_eq!(switches.len(), 1);
    let (before, after) = parts.split_at(switches[0]);
    assert_eq!(after[0].0, switch);
    assert_eq!(text(before), "The", "but for 8 ms");
    assert_eq!(text(&parts), whole());
    // Places are those of the whole text.
    let ends: Vec<usize> = parts
        .iter()
        .filter_map(|(part, _)| match part {
            Part::Audio(chunk) => chunk.text_end,
            _ => None,
        })
        .collect();
    assert!(ends.is_sorted(), "{ends:?}");
    assert_eq!(ends.last(), Some(&TEXT.len()));
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_before_it_is_heard_is_not_told_of() {
    let (first, second) = (provider("first", &[Act::FailAfter(6)]), provider("second", &[Act::FailAfter(1)]));
    let third = provider("third", &[]);
    let parts = parts(speak(&chain(&[&first, &second, &third]), request(TEXT, None)).await.unwrap()).await;
    let switches: Vec<&Part> = parts.iter().map(|(part, _)| part).filter(|part| audio(part).is_empty()).collect();
    assert_eq!(switches, [&Part::Provider { from: "first", to: "third" }]);
    assert_eq!(text(&parts), whole());
}

#[tokio::test(start_paused = true)]
async fn the_next_voice_is_as_loud() {
    let first = provider("first", &[Act::FailAfter(30); 2]);
    let second = Arc::new(Scripted::new("second", "second", &[]).quieter(3));
    let chain = chain(&[&first, &second]);
    let loudness = |samples: &[i16]| samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    // The first time the level is measured, the second time it is known.
    for _ in 0..2 {
        let parts = parts(speak(&chain, request(TEXT, None)).await.unwrap()).await;
        let samples: Vec<i16> = parts.iter().flat_map(|(part, _)| audio(part).to_vec()).collect();
        let ratio = loudness(&samples[16_000..]) / loudness(&samples[..8_000]);
        assert!((0.8..1.25).contains(&ratio), "{ratio} of the power");
        assert_eq!(text(&parts), whole());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_a_failure_before_the_listener_hears_it() {
    // It says a second and a half at once, and then nothing.
    let (first, second) = (provider("first", &[Act::PauseAfter(60, 99 * SECOND)]), provider("second", &[]));
    let chain = chain(&[&first, &second]);
    let parts = parts(speak(&chain, request(TEXT, None)).await.unwrap()).await;
    assert_eq!(text(&parts), whole());
    let waited: Duration = parts.iter().map(|(_, waited)| *waited).sum();
    assert!((700 * MS..1_200 * MS).contains(&waited), "{waited:?}: 300 ms before the sound ends");
    assert_eq!(*second.asked.lock().unwrap(), ["sleeps."]);
    assert_eq!(chain.parts()["first"].detail["last_failure"], "timeout");
    assert_eq!(first.active(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_nobody_hears_is_none() {
    let (first, second) = (provider("first", &[Act::PauseAfter(2 * HALF_SECOND, 650 * MS)]), provider("second", &[]));
    let parts = parts(speak(&chain(&[&first, &second]), request(TEXT, None)).await.unwrap()).await;
    assert_eq!(text(&parts), whole());
    assert!(second.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn when_nobody_else_can_a_stalled_one_is_waited_for() {
    let (first, second) = (provider("first", &[Act::PauseAfter(20, 5 * SECOND)]), provider("second", &[Act::Refuse]));
    let chain = chain(&[&first, &second]);
    let parts = parts(speak(&chain, request(TEXT, None)).await.unwrap()).await;
    assert_eq!(text(&parts), whole());
    assert!(parts.iter().all(|(part, _)| !audio(part).is_empty()), "nobody else spoke");
    assert_eq!(chain.parts()["first"].status, Status::Ok);
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_while_the_next_one_is_asked_goes_on() {
    let first = provider("first", &[Act::PauseAfter(20, 800 * MS)]);
    let second = provider("second", &[Act::Hang]);
    let parts = parts(speak(&chain(&[&first, &second]), request(TEXT, None)).await.unwrap()).await;
    assert_eq!(text(&parts), whole());
    assert_eq!((second.asked.lock().unwrap().len(), second.active()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_one_that_dies_meanwhile_is_replaced_all_the_same() {
    let first = provider("first", &[Act::PauseAndFailAfter(20, 800 * MS)]);
    let second = provider("second", &[Act::SpeakAfter(500 * MS)]);
    let parts = parts(speak(&chain(&[&first, &second]), request(TEXT, None)).await.unwrap()).await;
    assert_eq!(text(&parts), whole());
    assert_eq!(second.asked.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_has_said_all_is_not_waited_for() {
    let first = provider("first", &[Act::PauseAfter(TEXT.len() - 1, 99 * SECOND)]);
    let parts = parts(speak(&chain(&[&first]), request(TEXT, None)).await.unwrap()).await;
    assert_eq!(text(&parts), whole().trim_end_matches('.'));
    assert!(parts.iter().map(|(_, waited)| *waited).sum::<Duration>() < 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_local_voice_may_pause() {
    let local = Arc::new(Scripted::new("local", "local", &[Act::PauseAfter(20, 5 * SECOND)]).local());
    let second = provider("second", &[]);
    let parts = parts(speak(&chain(&[&local, &second]), request(TEXT, None)).await.unwrap()).await;
    assert_eq!(text(&parts), whole());
    assert!(second.asked.lock().unwrap().is_empty());
}
