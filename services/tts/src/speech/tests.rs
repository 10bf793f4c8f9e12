//! The chain and what it goes on with, on providers that do as told.

use std::{sync::Arc, time::Duration};

use evervoice_core::{
    audio::OutputFormat,
    service::ops::Status,
    tts::{ProviderFailure, SpeechLimits, SpeechRequest, TtsError, TtsProvider},
};
use futures_util::StreamExt;
use prometheus_client::{encoding::text::encode, registry::Registry};
use proptest::prelude::*;

mod ahead;
mod failover;
mod hedging;
mod listening;

use super::{
    Chain, ChainSettings, Listener, PhraseSettings, Phrases, PlannerSettings, Speaker, Speaking, Speech, TextWriter,
    breaker::BreakerSettings,
    continued,
    parts::Part,
    scripted::{Act, Scripted, heard},
};
use crate::{config::TtsSettings, events::Events};

const SECOND: Duration = Duration::from_secs(1);

const MS: Duration = Duration::from_millis(1);

/// Nobody gets company here; `hedging` does.
fn chain(providers: &[&Arc<Scripted>]) -> Arc<Chain> {
    chain_with(providers, None)
}

fn chain_with(providers: &[&Arc<Scripted>], first_audio_budget: Option<Duration>) -> Arc<Chain> {
    chain_of(providers, first_audio_budget, Events::register(&mut Registry::default()))
}

fn chain_of(providers: &[&Arc<Scripted>], first_audio_budget: Option<Duration>, events: Events) -> Arc<Chain> {
    let providers = providers.iter().map(|provider| Arc::clone(*provider) as Arc<dyn TtsProvider>).collect();
    let breaker = BreakerSettings { failures: 2, open: SECOND, longest: SECOND };
    let settings = ChainSettings { breaker, first_audio_timeout: SECOND, first_audio_budget, stall: 700 * MS };
    Arc::new(Chain::new(providers, settings, events))
}

/// Value of a metric that is told as `sample`; 0 if it is not there.
fn metric(registry: &Registry, sample: &str) -> f64 {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(sample));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

fn provider(name: &'static str, acts: &[Act]) -> Arc<Scripted> {
    Arc::new(Scripted::new(name, name, acts))
}

fn request(text: &str, voice: Option<&str>) -> SpeechRequest {
    let limits = SpeechLimits { max_chars: 1_000 };
    SpeechRequest::new(text.into(), voice.map(Into::into), None, None, limits).unwrap()
}

async fn speak(chain: &Arc<Chain>, request: SpeechRequest) -> Result<Speaking, TtsError> {
    continued::speak(chain, request, Listener::default()).await
}

/// Its text, and the error that it ended with.
async fn listen(mut stream: Speaking) -> (String, Option<TtsError>) {
    let mut samples = vec![];
    while let Some(part) = stream.parts.next().await {
        match part {
            Ok(Part::Audio(chunk)) => samples.extend(chunk.samples),
            Ok(_) => {}
            Err(error) => return (heard(&samples), Some(error)),
        }
    }
    (heard(&samples), None)
}

#[tokio::test(start_paused = true)]
async fn the_first_who_can_speaks() {
    let (first, second) = (provider("first", &[Act::Refuse, Act::Hang]), provider("second", &[]));
    let chain = chain(&[&first, &second]);
    for _ in 0..2 {
        let stream = speak(&chain, request("Hello there.", None)).await.unwrap();
        assert_eq!(stream.provider, "second");
        assert_eq!(listen(stream).await.0, "Hello there.");
    }
    // The refusal opened the breaker: the second request did not wait for the first provider.
    assert_eq!(first.asked.lock().unwrap().len(), 1);
    let parts = chain.parts();
    assert_eq!((parts["first"].status, parts["second"].status), (Status::Degraded, Status::Ok));
    assert_eq!(parts["first"].detail["last_failure"], "refused");
    tokio::time::advance(SECOND).await;
    let began = tokio::time::Instant::now();
    assert_eq!(speak(&chain, request("Hello.", None)).await.unwrap().provider, "second");
    assert_eq!(began.elapsed(), SECOND, "the probe had a second for its first sound");
    tokio::time::advance(SECOND).await;
    assert_eq!(speak(&chain, request("Hello.", None)).await.unwrap().provider, "first", "it is back");
}

#[tokio::test(start_paused = true)]
async fn when_nobody_speaks_the_outage_is_told() {
    let (first, second) = (provider("first", &[Act::Refuse]), provider("second", &[Act::TooFast, Act::TooFast]));
    let chain = chain(&[&first, &second]);
    let error = speak(&chain, request("Hello.", None)).await.err().unwrap();
    assert!(matches!(error, TtsError::Provider { provider: "first", failure: ProviderFailure::Refused, .. }));
    let error = speak(&chain, request("Hello.", None)).await.err().unwrap();
    assert_eq!(error.code(), "provider_refused", "also while it is left alone");
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_is_named_speaks_or_says_why_not() {
    let (first, second) = (provider("first", &[]), provider("second", &[Act::Speak, Act::TooFast, Act::Refuse]));
    let chain = chain(&[&first, &second]);
    assert_eq!(speak(&chain, request("Hello.", Some("second"))).await.unwrap().provider, "second");
    let error = speak(&chain, request("Hello.", Some("second"))).await.err().unwrap();
    assert_eq!(error.code(), "speed_not_supported", "another voice was not asked for");
    let outage = speak(&chain, request("Hello.", Some("second"))).await.unwrap();
    assert_eq!(outage.provider, "first", "in an outage another voice is better than silence");
    let error = speak(&chain, request("Hello.", Some("nobody"))).await.err().unwrap();
    let TtsError::UnknownVoice { known, .. } = error else { panic!("{error}") };
    assert_eq!(known, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn the_next_one_goes_on_with_the_next_word() {
    let (first, second) = (provider("first", &[Act::FailAfter(9)]), provider("second", &[]));
    let stream = speak(&chain(&[&first, &second]), request("Hello my wonderful world.", None)).await.unwrap();
    assert_eq!(stream.provider, "first");
    // "Hello my " had left; of "wonderful" nothing.
    assert_eq!(listen(stream).await.0, "Hello my wonderful world.");
    assert_eq!(*second.asked.lock().unwrap(), ["wonderful world."]);
}

#[tokio::test(start_paused = true)]
async fn without_another_one_a_cut_is_an_error() {
    let first = provider("first", &[Act::FailAfter(4)]);
    let stream = speak(&chain(&[&first]), request("Hello world.", None)).await.unwrap();
    let (text, error) = listen(stream).await;
    assert!("Hello world.".starts_with(&text), "{text}");
    assert_eq!(error.unwrap().code(), "provider_unreachable");
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_the_last_word_loses_nothing() {
    let first = provider("first", &[Act::FailAfter(5)]);
    let stream = speak(&chain(&[&first]), request("Hello.", None)).await.unwrap();
    let (text, error) = listen(stream).await;
    assert_eq!((text.as_str(), error.is_none()), ("Hello", true), "only the full stop is missing");
}

fn phrases() -> (TextWriter, Phrases) {
    let planner = PlannerSettings { first_phrase: SECOND / 4, max_chars: 250, idle: SECOND / 2 };
    let settings = PhraseSettings { planner, ahead: 2, text_timeout: 3 * SECOND };
    Phrases::new(request("x", None), settings, 1_000)
}

async fn stream(mut phrases: Phrases, chain: &Arc<Chain>) -> Result<Speaking, TtsError> {
    phrases.begun().await?;
    phrases.stream(Speaker::of(Arc::clone(chain)), "id".into(), 16_000).await
}

#[tokio::test(start_paused = true)]
async fn phrases_are_spoken_in_order_by_whoever_can() {
    let (first, second) = (provider("first", &[Act::Speak, Act::Refuse]), provider("second", &[]));
    let chain = chain(&[&first, &second]);
    let (mut writer, phrases) = phrases();
    let speaking = tokio::spawn(async move { stream(phrases, &chain).await.unwrap() });
    for piece in ["One, tw", "o?|", "Three"] {
        writer.push(piece).unwrap();
        writer.flush().unwrap();
        tokio::time::sleep(SECOND / 10).await;
    }
    writer.end().unwrap();
    let speaking = speaking.await.unwrap();
    let letters = |text: String| text.replace([' ', '|'], "");
    assert_eq!(letters(listen(speaking).await.0), "One,two?Three");
    assert_eq!(letters(second.asked.lock().unwrap().concat()), "o?Three");
}

#[tokio::test(start_paused = true)]
async fn the_phrases_of_all_voices_are_equally_loud() {
    let first = provider("first", &[Act::Speak, Act::Refuse]);
    let second = Arc::new(Scripted::new("second", "second", &[]).quieter(3));
    let (mut writer, phrases) = phrases();
    writer.push("The quick brown fox jumps|over the lazy dog and sleeps").unwrap();
    writer.end().unwrap();
    let mut speaking = stream(phrases, &chain(&[&first, &second])).await.unwrap();
    let (mut sound, mut switched) = ([vec![], vec![]], None);
    while let Some(part) = speaking.parts.next().await {
        match part.unwrap() {
            Part::Audio(chunk) => sound[usize::from(switched.is_some())].extend(chunk.samples),
            Part::Provider { from, to } => switched = Some((from, to)),
            Part::Phrase(_) | Part::PhraseEnd => {}
        }
    }
    assert_eq!(switched, Some(("first", "second")));
    let power = |samples: &[i16]| samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    let ratio = power(&sound[1]) / power(&sound[0]);
    assert!((0.8..1.25).contains(&ratio), "{ratio} of the power");
    assert_eq!(heard(&sound.concat()), "The quick brown fox jumpsover the lazy dog and sleeps");
}

#[tokio::test(start_paused = true)]
async fn a_text_without_an_end_is_given_up() {
    let first = provider("first", &[]);
    let (mut writer, unfinished) = phrases();
    writer.push("One two").unwrap();
    writer.flush().unwrap();
    let (text, error) = listen(stream(unfinished, &chain(&[&first])).await.unwrap()).await;
    assert_eq!((text.as_str(), error.unwrap().code()), ("One two", "text_timeout"));
    drop(writer);
    let (writer, empty) = phrases();
    writer.end().unwrap();
    assert_eq!(stream(empty, &chain(&[&first])).await.err().unwrap().code(), "text_empty");
    let (writer, lost) = phrases();
    drop(writer);
    assert_eq!(stream(lost, &chain(&[&first])).await.err().unwrap().code(), "voice_failed");
}

#[tokio::test(start_paused = true)]
async fn a_slow_writer_is_waited_for_as_long_as_it_writes() {
    let first = provider("first", &[]);
    let (mut writer, phrases) = phrases();
    let chain = chain(&[&first]);
    let speaking = tokio::spawn(async move { stream(phrases, &chain).await });
    for piece in ["a ", "slow ", "one "] {
        tokio::time::sleep(2 * SECOND).await;
        writer.push(piece).unwrap();
    }
    writer.end().unwrap();
    assert_eq!(listen(speaking.await.unwrap().unwrap()).await.0.replace(' ', ""), "aslowone");
}

#[tokio::test(start_paused = true)]
async fn who_begins_and_never_ends_is_left_alone_too() {
    let fails = [Act::FailAfter(6); 3];
    let (first, second) = (provider("first", &fails), provider("second", &[]));
    let chain = chain(&[&first, &second]);
    for _ in 0..3 {
        assert_eq!(listen(speak(&chain, request("Hello my world.", None)).await.unwrap()).await.0, "Hello my world.");
    }
    assert_eq!(first.asked.lock().unwrap().len(), 2, "two failures open the breaker");
}

#[tokio::test(start_paused = true)]
async fn a_named_voice_is_followed_by_whoever_is_left() {
    let (first, second) = (provider("first", &[]), provider("second", &[Act::FailAfter(6)]));
    let chain = chain(&[&first, &second]);
    let stream = speak(&chain, request("Hello my world.", Some("second"))).await.unwrap();
    assert_eq!((stream.provider, listen(stream).await.0.as_str()), ("second", "Hello my world."));
    assert_eq!(*first.asked.lock().unwrap(), ["my world."]);
}

#[tokio::test(start_paused = true)]
async fn a_follower_at_another_rate_is_heard_to_its_end() {
    let first = provider("first", &[Act::FailAfter(6)]);
    let second = Arc::new(Scripted::new("second", "second", &[]).at_rate(8_000));
    let stream = speak(&chain(&[&first, &second]), request("Hello my world.", None)).await.unwrap();
    assert_eq!(listen(stream).await.0, "Hello my world.");
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_is_short() {
    let word = "a".repeat(300);
    let first = provider("first", &[]);
    let mut stream = speak(&chain(&[&first]), request_of(&word)).await.unwrap();
    let mut samples = 0;
    while let Some(part) = stream.parts.next().await {
        let part = sound(&part.unwrap());
        assert!(part <= 8_000 + 960, "half a second and a chunk");
        samples += part;
    }
    assert_eq!(samples, 300 * 320);
}

/// Samples of a part.
fn sound(part: &Part) -> usize {
    match part {
        Part::Audio(chunk) => chunk.samples.len(),
        _ => 0,
    }
}

fn request_of(text: &str) -> SpeechRequest {
    SpeechRequest::new(text.into(), None, None, None, SpeechLimits { max_chars: 100_000 }).unwrap()
}

proptest! {
    /// Whatever fails wherever: the last one of the chain speaks, so all is heard, once.
    #[test]
    fn nothing_is_lost_and_nothing_is_heard_twice(
        text in "[a-z]{1,9}( [a-z]{1,9}){0,9}\\.",
        cuts in prop::collection::vec(0usize..60, 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let names = ["a", "b", "c", "d"];
            let mut providers: Vec<_> =
                cuts.iter().zip(names).map(|(cut, name)| provider(name, &[Act::FailAfter(*cut)])).collect();
            providers.push(provider("last", &[]));
            let stream = speak(&chain(&providers.iter().collect::<Vec<_>>()), request(&text, None)).await.unwrap();
            let (heard, error) = listen(stream).await;
            let letters = |text: &str| text.replace([' ', '.'], "");
            prop_assert!(error.is_none());
            prop_assert_eq!(letters(&heard), letters(&text));
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn who_speaks_as_asked_is_no_fallback() {
    let (first, second) = (provider("first", &[Act::Speak, Act::Refuse]), provider("second", &[]));
    let mut registry = Registry::default();
    let events = Events::register(&mut registry);
    let chain = chain_of(&[&first, &second], None, events.clone());
    let speech = Speech::new(chain, Arc::default(), &TtsSettings::default().speech, events);
    for (voice, fallbacks) in [(Some("second"), 0.0), (None, 0.0), (Some("first"), 1.0)] {
        let mut utterance = speech.speak(request("Hello.", voice), OutputFormat::Pcm16000, "id").await.unwrap();
        while let Some(bytes) = utterance.next().await {
            bytes.unwrap();
        }
        drop(utterance);
        assert_eq!(metric(&registry, "tts_fallback_total"), fallbacks, "{voice:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_sound_of_a_written_text_is_timed_from_its_first_word() {
    let first = provider("first", &[Act::SpeakAfter(100 * MS)]);
    let mut registry = Registry::default();
    let events = Events::register(&mut registry);
    let chain = chain_of(&[&first], None, events.clone());
    let speech = Speech::new(chain, Arc::default(), &TtsSettings::default().speech, events);
    let (mut writer, phrases) = speech.phrases(request("x", None));
    let write = async {
        writer.push(" ").unwrap();
        tokio::time::sleep(SECOND).await;
        writer.push("Hello").unwrap();
        tokio::time::sleep(150 * MS).await;
        writer.end().unwrap();
    };
    let (spoken, ()) = tokio::join!(speech.speak_phrases(phrases, OutputFormat::Pcm16000, "id"), write);
    spoken.unwrap().next().await.unwrap().unwrap();
    assert_eq!(metric(&registry, "tts_first_audio_ms_sum{provider=\"first\"}"), 250.0);
}
