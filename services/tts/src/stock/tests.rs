//! What the stock gives, with a keeper and providers that do as told.

use std::{path::Path, sync::Arc, time::Duration};

use evervoice_core::{
    api::FillerContext,
    audio::OutputFormat,
    tts::{SpeechLimits, SpeechRequest, TtsProvider},
};
use prometheus_client::registry::Registry;

use super::{Keeper, Pinned, Stock};
use crate::{
    TtsSettings,
    config::{Fillers, StockSettings},
    events::Events,
    speech::{
        Chain, ChainSettings, Speech, Step,
        breaker::BreakerSettings,
        scripted::{Act, Scripted, heard},
    },
};

const LIMITS: SpeechLimits = SpeechLimits { max_chars: 100 };
const FORMAT: OutputFormat = OutputFormat::Pcm16000;

fn settings(dir: Option<&Path>) -> StockSettings {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let en = Fillers { question: texts(&["Hm.", "Well."]), request: texts(&["Sure."]), hesitation: vec![] };
    StockSettings {
        enabled: true,
        dir: dir.map(Into::into),
        formats: texts(&["pcm_16000", "ulaw_8000"]),
        fillers: [("en".to_owned(), en)].into(),
        pinned: [("en".to_owned(), texts(&["Hello.", "Sure."]))].into(),
        outage: [("en".to_owned(), "Sorry.".to_owned()), ("de".to_owned(), "Pardon.".to_owned())].into(),
    }
}

fn provider(name: &'static str, acts: &[Act]) -> Arc<Scripted> {
    Arc::new(Scripted::new(name, name, acts))
}

fn chain(providers: &[&Arc<Scripted>]) -> (Arc<Chain>, Events) {
    let second = Duration::from_secs(1);
    let breaker = BreakerSettings { failures: 100, open: second, longest: second };
    let settings = ChainSettings { breaker, first_audio_timeout: second, first_audio_budget: None, stall: 60 * second };
    let events = Events::register(&mut Registry::default());
    let providers = providers.iter().map(|provider| Arc::clone(*provider) as Arc<dyn TtsProvider>).collect();
    (Arc::new(Chain::new(providers, settings, events.clone())), events)
}

/// A stock, and its keeper at work.
fn kept(settings: &StockSettings, providers: &[&Arc<Scripted>]) -> (Arc<Stock>, tokio::task::JoinHandle<()>) {
    let (chain, events) = chain(providers);
    let stock = Arc::new(Stock::new(settings));
    let keeper = Keeper::new(Arc::clone(&stock), chain, settings.dir.clone(), LIMITS, events);
    (stock, tokio::spawn(keeper.run()))
}

async fn filled(settings: &StockSettings, providers: &[&Arc<Scripted>]) -> Arc<Stock> {
    let (stock, keeper) = kept(settings, providers);
    keeper.await.unwrap();
    stock
}

fn asked(provider: &Scripted) -> usize {
    provider.asked.lock().unwrap().len()
}

/// The scripted voice says a text as its characters.
fn text(pinned: &Pinned) -> String {
    let samples: Vec<i16> = pinned.sound.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    heard(&samples)
}

#[tokio::test]
async fn every_text_is_rendered_once_and_comes_from_disk_after_that() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, first) = (settings(Some(&dir.path().join("new"))), provider("first", &[]));
    let stock = filled(&settings, &[&first]).await;
    assert_eq!(asked(&first), 6, "the text that is named twice is rendered once");
    let check = |stock: &Stock| {
        let pinned = stock.pinned(" Hello. ", Some("en-US"), FORMAT).unwrap();
        assert_eq!((text(&pinned).as_str(), pinned.text.as_str(), pinned.provider), ("Hello.", "Hello.", "first"));
        assert_eq!(stock.pinned("Hello.", None, OutputFormat::Ulaw8000).unwrap().sound.len(), 6 * 160);
        assert_eq!(stock.pinned("Hello.", None, OutputFormat::Pcm48000).unwrap().sound.len(), 6 * 960 * 2);
        assert_eq!(stock.pinned("Hello.", Some("ru"), FORMAT), None);
        assert_eq!(stock.pinned("Goodbye.", None, FORMAT), None);
    };
    check(&stock);
    let again = provider("first", &[]);
    check(&*filled(&settings, &[&again]).await);
    assert_eq!(asked(&again), 0);
    // Another voice in front renders it anew.
    let other = provider("other", &[]);
    let stock = filled(&settings, &[&other, &again]).await;
    assert_eq!((asked(&other), stock.pinned("Hello.", None, FORMAT).unwrap().provider), (6, "other"));
}

#[tokio::test]
async fn nothing_is_in_stock_when_it_is_off() {
    let first = provider("first", &[]);
    let stock = filled(&StockSettings { enabled: false, ..settings(None) }, &[&first]).await;
    assert_eq!(asked(&first), 0);
    assert_eq!(stock.filler(None, None, None, None, FORMAT), None);
    assert_eq!(stock.outage(None, FORMAT), None);
}

#[tokio::test]
async fn fillers_take_turns_and_fit() {
    let stock = filled(&settings(None), &[&provider("first", &[])]).await;
    let filler = |context, said: Option<&str>, last: Option<&str>| {
        let filler = stock.filler(None, context, said, last, FORMAT);
        filler.map(|filler| filler.text)
    };
    let mut last: Option<String> = None;
    for _ in 0..10 {
        let next = filler(None, Some("What is it?"), last.as_deref());
        assert!(next != last && ["Hm.", "Well."].contains(&next.as_deref().unwrap()), "{next:?} after {last:?}");
        last = next;
    }
    assert_eq!(filler(Some(FillerContext::Request), None, None).as_deref(), Some("Sure."));
    let other = filler(Some(FillerContext::Request), None, Some("Sure."));
    assert!(["Hm.", "Well."].contains(&other.as_deref().unwrap()), "not twice in a row");
    assert!(filler(None, None, None).is_some(), "an empty list");
    assert_eq!(filler(None, Some("Сколько?"), None), None, "not in another language than the caller's");
    assert_eq!(stock.filler(Some("ru"), None, None, None, FORMAT), None);
    let outage = |language| stock.outage(language, FORMAT).unwrap().text;
    assert_eq!([outage(Some("de-AT")), outage(Some("ru")), outage(None)], ["Pardon.", "Sorry.", "Sorry."]);
}

#[tokio::test]
async fn the_only_filler_is_said_again() {
    let mut settings = settings(None);
    settings.fillers.insert("en".into(), Fillers { request: vec!["Sure.".into()], ..Fillers::default() });
    let stock = filled(&settings, &[&provider("first", &[])]).await;
    assert_eq!(stock.filler(None, None, None, Some("Sure."), FORMAT).unwrap().text, "Sure.");
}

#[tokio::test(start_paused = true)]
async fn another_voice_is_heard_until_the_front_is_back() {
    let (first, second) = (provider("first", &[Act::Refuse, Act::FailAfter(3)]), provider("second", &[]));
    let (stock, keeper) = kept(&settings(None), &[&first, &second]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let provider = || stock.pinned("Hello.", None, FORMAT).unwrap().provider;
    assert_eq!((provider(), asked(&first), asked(&second)), ("second", 1, 6), "the others are not tried in vain");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        (provider(), asked(&first), asked(&second)),
        ("second", 2, 6),
        "it failed in the middle of the first text"
    );
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(asked(&first), 2, "the second pause is longer");
    keeper.await.unwrap();
    assert_eq!((provider(), asked(&first), asked(&second)), ("first", 8, 6));
}

#[tokio::test(start_paused = true)]
async fn what_the_front_cannot_read_another_one_says() {
    let (first, second) = (provider("first", &[Act::TooFast; 6]), provider("second", &[]));
    let stock = filled(&settings(None), &[&first, &second]).await;
    assert_eq!((stock.pinned("Hello.", None, FORMAT).unwrap().provider, asked(&first)), ("second", 6));
    let nobody = provider("nobody", &[Act::TooFast; 6]);
    let stock = filled(&settings(None), &[&nobody]).await;
    assert_eq!((stock.pinned("Hello.", None, FORMAT), asked(&nobody)), (None, 6), "it is not asked for ever");
}

#[tokio::test(start_paused = true)]
async fn one_text_that_the_front_rejects_keeps_no_other_from_its_voice() {
    let (first, second) = (provider("first", &[Act::Reject]), provider("second", &[]));
    let stock = filled(&settings(None), &[&first, &second]).await;
    assert_eq!((asked(&first), asked(&second)), (6, 1), "nothing is asked for again");
    let providers = stock.items.iter().map(|item| item.recording().unwrap().sound.provider);
    assert_eq!(providers.filter(|provider| *provider == "second").count(), 1);
}

#[tokio::test]
async fn kept_sound_of_a_voice_that_is_gone_is_heard_while_the_front_is_down() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(Some(dir.path()));
    filled(&settings, &[&provider("old", &[])]).await;
    let (front, behind) = (provider("front", &[Act::Refuse; 100]), provider("behind", &[]));
    let (stock, keeper) = kept(&settings, &[&front, &behind]);
    while asked(&front) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let pinned = stock.pinned("Hello.", None, FORMAT).unwrap();
    assert_eq!((text(&pinned).as_str(), pinned.provider, asked(&behind)), ("Hello.", "stock", 0));
    keeper.abort();
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let stock = filled(&settings(Some(&file)), &[&provider("first", &[])]).await;
    assert!(stock.pinned("Hello.", None, FORMAT).is_some());
}

#[tokio::test]
async fn a_request_gets_sound_that_is_what_it_asks_for() {
    let first = provider("first", &[]);
    let stock = filled(&settings(None), &[&first]).await;
    let request = |language: Option<&str>, speed| {
        SpeechRequest::new("Hello.".into(), None, language.map(Into::into), Some(speed), LIMITS).unwrap()
    };
    let rendering = first.rendering(&request(None, 1.0)).unwrap();
    let sound = |language, speed, rendering| stock.sound(&request(language, speed), rendering).is_some();
    assert!(sound(None, 1.0, Some(&*rendering)) && sound(Some("en-GB"), 1.0, Some(&*rendering)));
    assert!(!sound(Some("ru"), 1.0, None) && !sound(None, 1.1, None) && !sound(None, 1.0, Some("another")));
    assert!(sound(None, 1.0, None));
}

#[tokio::test]
async fn pinned_texts_are_spoken_without_asking_and_by_another_voice_when_nobody_can() {
    let stock = filled(&settings(None), &[&provider("first", &[])]).await;
    let say = async |front: &Arc<Scripted>, text: &str, voice: Option<&str>| {
        let (chain, events) = chain(&[front]);
        let speech = Speech::new(chain, Arc::clone(&stock), &TtsSettings::default().speech, events);
        let request = SpeechRequest::new(text.into(), voice.map(Into::into), None, None, LIMITS).unwrap();
        let spoken = speech.speak(request, FORMAT, "id").await;
        spoken.map(|utterance| utterance.provider).map_err(|error| error.code())
    };
    let first = provider("first", &[]);
    assert_eq!((say(&first, "Hello.", None).await, asked(&first)), (Ok("first"), 0));
    let other = provider("other", &[]);
    assert_eq!((say(&other, "Hello.", None).await, asked(&other)), (Ok("other"), 1), "not in its voice");
    let down = || provider("other", &[Act::Refuse; 2]);
    assert_eq!(say(&down(), "Hello.", None).await, Ok("first"));
    assert_eq!(say(&down(), "Hello.", Some("other")).await, Ok("first"), "better than silence");
    assert_eq!(say(&down(), "Goodbye.", None).await, Err("provider_refused"));
    assert_eq!(say(&first, "Hello.", Some("nobody")).await, Err("unknown_voice"));
    let slow = provider("other", &[Act::TooFast]);
    assert_eq!(
        say(&slow, "Hello.", Some("other")).await,
        Err("speed_not_supported"),
        "another voice was not asked for"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pinned_text_of_many_phrases_is_one_only_in_the_voice_in_front() {
    const TEXT: &str = "Hello, this is the clinic. Our doctors are here from nine to five. How can I help you?";
    let mut settings = settings(None);
    settings.pinned.insert("en".into(), vec![TEXT.into()]);
    let stock = filled(&settings, &[&provider("first", &[])]).await;
    let say = async |front: &Arc<Scripted>| {
        let (chain, events) = chain(&[front]);
        let speech = Speech::new(chain, Arc::clone(&stock), &TtsSettings::default().speech, events);
        let request = SpeechRequest::new(TEXT.into(), None, None, None, LIMITS).unwrap();
        let mut utterance = speech.speak_phrases(speech.pinned(&request).unwrap(), FORMAT, "id").await.unwrap();
        let (mut phrases, mut sound) = (Vec::new(), Vec::new());
        while let Some(step) = utterance.step().await {
            match step.unwrap() {
                Step::Phrase(phrase) => phrases.push(phrase.text),
                Step::Audio(bytes) => sound.extend_from_slice(&bytes),
                _ => {}
            }
        }
        let samples: Vec<i16> = sound.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        (utterance.provider, phrases, heard(&samples).replace(' ', ""))
    };
    let whole = TEXT.replace(' ', "");
    let first = provider("first", &[]);
    assert_eq!((say(&first).await, asked(&first)), (("first", vec![TEXT.to_owned()], whole.clone()), 0));
    let other = provider("other", &[]);
    let (spoke, phrases, said) = say(&other).await;
    assert_eq!((spoke, said), ("other", whole.clone()));
    assert!(phrases.len() > 1, "its first sound does not wait for all of it: {phrases:?}");
    assert_eq!(*other.asked.lock().unwrap(), phrases);
    let down = provider("other", &[Act::Refuse; 10]);
    assert_eq!(say(&down).await, ("first", vec![TEXT.to_owned()], whole), "another voice is better than silence");
}
