//! Phrases that are made ahead of what is heard: who is slow while nobody waits for it is left in peace.

use tokio::{sync::mpsc, time::Instant};

use super::*;
use crate::speech::{
    Cache, Phrase,
    made::{Heard, Made},
    progress::Progress,
};

/// Said in 4.5 s.
fn long() -> String {
    format!("This is {}long.", "very ".repeat(42))
}

/// Says two phrases to somebody who takes sound 400 ms ahead. Tells what was heard, and who went on for whom.
async fn say(chain: &Arc<Chain>, first: &str, second: &str) -> (String, Vec<Part>) {
    let (mut writer, phrases) = phrases();
    writer.push(&format!("{first}|{second}")).unwrap();
    writer.end().unwrap();
    let mut speaking = stream(phrases, chain).await.unwrap();
    let (mut samples, mut switches, began) = (vec![], vec![], Instant::now());
    while let Some(part) = speaking.parts.next().await {
        match part.unwrap() {
            Part::Audio(chunk) => {
                samples.extend(chunk.samples);
                let sound = Duration::from_secs_f64(samples.len() as f64 / 16_000.0);
                tokio::time::sleep_until(began + sound.saturating_sub(400 * MS)).await;
            }
            part @ Part::Provider { .. } => switches.push(part),
            Part::Phrase(_) | Part::PhraseEnd => {}
        }
    }
    (heard(&samples).replace(' ', ""), switches)
}

fn both(first: &str, second: &str) -> String {
    format!("{first}{second}").replace(' ', "")
}

const SECOND_PHRASE: &str = "Then comes more of it.";

#[tokio::test(start_paused = true)]
async fn a_pause_of_a_phrase_that_is_not_needed_yet_is_no_stall() {
    let first = provider("first", &[Act::Speak, Act::PauseAfter(6, 3 * SECOND)]);
    let second = provider("second", &[]);
    let chain = chain(&[&first, &second]);
    assert_eq!(say(&chain, &long(), SECOND_PHRASE).await, (both(&long(), SECOND_PHRASE), vec![]));
    assert!(second.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_would_be_heard_is_one() {
    let first = provider("first", &[Act::Speak, Act::PauseAfter(5, 99 * SECOND)]);
    let second = provider("second", &[]);
    let began = Instant::now();
    let (text, switches) = say(&chain(&[&first, &second]), &long(), SECOND_PHRASE).await;
    assert_eq!((text, switches.len()), (both(&long(), SECOND_PHRASE), 1));
    assert_eq!(*second.asked.lock().unwrap(), ["comes more of it."]);
    assert!(began.elapsed() < 5 * SECOND, "{:?}: nothing but sound, the last 400 ms before its time", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_phrase_that_is_not_needed_yet_may_begin_late() {
    let first = provider("first", &[Act::Speak, Act::SpeakAfter(900 * MS)]);
    let second = provider("second", &[]);
    let chain = chain_with(&[&first, &second], Some(500 * MS));
    assert_eq!(say(&chain, &long(), SECOND_PHRASE).await, (both(&long(), SECOND_PHRASE), vec![]));
    assert!(second.asked.lock().unwrap().is_empty());
    assert!(!chain.parts()["first"].detail.contains_key("last_failure"));
}

#[tokio::test(start_paused = true)]
async fn a_phrase_that_is_needed_gets_company() {
    let first = provider("first", &[Act::Speak, Act::Hang]);
    let second = provider("second", &[]);
    let chain = chain_with(&[&first, &second], Some(500 * MS));
    let (text, switches) = say(&chain, "It is short.", SECOND_PHRASE).await;
    assert_eq!((text, switches.len()), (both("It is short.", SECOND_PHRASE), 1));
    assert_eq!(chain.parts()["first"].detail["failures_in_a_row"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_word_is_not_torn_while_nobody_needs_it() {
    let first = provider("first", &[Act::Speak, Act::PauseAndFailAfter(6, 600 * MS)]);
    let second = provider("second", &[]);
    let (text, _) = say(&chain(&[&first, &second]), &long(), "Wonderful things are there.").await;
    assert_eq!(text, both(&long(), "Wonderful things are there."));
    assert_eq!(*second.asked.lock().unwrap(), ["Wonderful things are there."]);
}

#[tokio::test(start_paused = true)]
async fn sound_that_is_at_hand_says_nothing_of_a_provider() {
    let first = provider("first", &[Act::SpeakAfter(200 * MS), Act::SpeakAfter(200 * MS)]);
    let chain = chain(&[&first]);
    let speaker = Speaker { cache: Cache::new(1 << 20, chain.events().clone()), ..Speaker::of(Arc::clone(&chain)) };
    let shown = async || {
        let (progress, text) = (Arc::new(Progress::default()), "Hello there.".to_owned());
        let phrase = Phrase { index: 0, lead: String::new(), text, reason: "end" };
        let request = request(&phrase.text, None);
        let (sender, made) = mpsc::channel(2);
        progress.planned(phrase.text.len());
        sender.send(Made::start(phrase, request, speaker.clone(), Arc::clone(&progress))).await.ok().unwrap();
        sender.send(Made::End).await.ok().unwrap();
        let mut heard = Heard::new(made, Arc::clone(&progress), chain.events().clone(), "id".into(), 16_000);
        heard.begin().await.unwrap();
        while heard.next().await.unwrap().is_some() {}
        progress.playback()
    };
    let (made, kept) = (shown().await, shown().await);
    assert_eq!(made.latency, 250 * MS, "half of 300 ms, half of 200 ms");
    assert_eq!((kept.latency, kept.real_time_factor), (300 * MS, 0.3), "as before anything is known");
    assert_eq!(first.asked.lock().unwrap().len(), 1);
}
