//! Nobody can speak: what is pinned is spoken, for everything else an outage is heard and its problem told.

use elevenlabs_emulator::{Fault, Faults, Trigger, decode};
use evervoice_tts::{TtsSettings, config::StockSettings};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{
    elevenlabs::{Stage, WS, failures, hurried, stage},
    fillers::rendered,
    socket::{Came, Socket},
};

const GREETING: &str = "Hello, this is the clinic.";
const WELCOME: &str = "Welcome to the clinic. We are open from nine to five. How can I help you?";
const OUTAGE: &str = "Sorry, not now.";
const RUSSIAN_OUTAGE: &str = "Извините, не сейчас.";

fn with_stock(settings: &mut TtsSettings) {
    hurried(settings);
    settings.speech.lead_ms = 600_000;
    settings.stock = StockSettings {
        enabled: true,
        dir: None,
        fillers: [].into(),
        pinned: [("en".to_owned(), vec![GREETING.to_owned(), WELCOME.to_owned()])].into(),
        outage: [("en".to_owned(), OUTAGE.to_owned()), ("ru".to_owned(), RUSSIAN_OUTAGE.to_owned())].into(),
        ..StockSettings::default()
    };
}

fn words(frames: &[Vec<u8>]) -> String {
    let bytes = frames.concat();
    let samples: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    decode(&samples, 16_000).trim().to_owned()
}

/// It is an outage: its sound, then its problem.
fn assert_outage(came: &Came, text: &str) {
    assert_eq!((&came.start["kind"], &came.start["provider"]), (&json!("outage"), &json!("elevenlabs_ws")));
    assert_eq!((came.phrases.concat(), words(&came.frames)), (text.to_owned(), text.to_owned()));
    assert_eq!((&came.last["type"], &came.last["id"]), (&json!("problem"), &came.start["id"]));
    assert!(came.last["status"].as_u64().unwrap() >= 500, "{}", came.last);
}

/// All of it was spoken, as one phrase.
fn assert_spoken(came: &Came, text: &str) {
    assert_eq!((&came.start["kind"], &came.last["type"]), (&json!("speech"), &json!("end")), "{}", came.last);
    assert_eq!((&came.phrases[..], words(&came.frames)), (&[text.to_owned()][..], text.to_owned()));
    assert_eq!(came.last["bytes"], came.frames.concat().len());
}

#[tokio::test]
async fn an_outage_is_heard_before_its_problem_and_pinned_texts_are_spoken() {
    let Stage { emulator, service } = stage(&[WS], |settings| {
        with_stock(settings);
        // The breaker opens on the way.
        (settings.speech.breaker_failures, settings.speech.breaker_open) = (3, 60.0);
        settings.speech.breaker_longest = 60.0;
    })
    .await;
    rendered(&service, 4).await;
    emulator.stop().await;
    let mut socket = Socket::open(service.address).await;
    // One after the other, although all are asked for at once.
    let pinned = |n: usize| [GREETING, WELCOME][n % 2];
    for n in 0..5 {
        socket.send(json!({"id": format!("other {n}"), "text": format!("Something else, number {n}.")})).await;
        socket.send(json!({"id": format!("pinned {n}"), "text": pinned(n)})).await;
    }
    for n in 0..5 {
        let came = socket.utterance().await;
        assert_eq!(came.start["id"], format!("other {n}"));
        assert_outage(&came, OUTAGE);
        let came = socket.utterance().await;
        assert_eq!(came.start["id"], format!("pinned {n}"));
        assert_spoken(&came, pinned(n));
    }
    socket.send(json!({"id": "ru", "text": "Ещё одна.", "lang": "ru"})).await;
    assert_outage(&socket.utterance().await, RUSSIAN_OUTAGE);
    // As a language model writes it: a pinned sentence, and another one.
    for (text, pinned) in [(GREETING, true), ("Hello, it is somebody else.", false)] {
        for piece in [&text[..8], &text[8..]] {
            socket.send(json!({"type": "text", "text": piece})).await;
        }
        socket.send(json!({"type": "end"})).await;
        let came = socket.utterance().await;
        if pinned {
            assert_spoken(&came, text);
        } else {
            assert_outage(&came, OUTAGE);
        }
    }
    // What the client did wrong is no outage.
    for (message, code) in [
        (json!({"text": "?!"}), "text_empty"),
        (json!({"text": "Hello.", "voice": "nobody"}), "unknown_voice"),
        (json!({"text": "Hello.", "speed": 9}), "speed_out_of_range"),
    ] {
        socket.send(message).await;
        let (frames, problem) = socket.next().await;
        assert_eq!((frames.len(), &problem["type"], &problem["code"]), (0, &json!("problem"), &json!(code)));
    }
    // On the telephone: half the samples, of half the size.
    socket.send(json!({"id": "p", "text": "Something else."})).await;
    let pcm = socket.utterance().await.frames.concat().len();
    socket.send(json!({"type": "config", "format": "ulaw_8000"})).await;
    socket.send(json!({"id": "t", "text": "Something else."})).await;
    let came = socket.utterance().await;
    assert_eq!((&came.start["kind"], &came.start["encoding"]), (&json!("outage"), &json!("ulaw")));
    assert_eq!((came.frames.concat().len() * 4, &came.last["type"]), (pcm, &json!("problem")));
}

/// How an utterance ended, of which nothing was left out.
enum Ended {
    Whole,
    Outage,
}

/// Says this, whatever happens: all of it and `end`, or what there is of it, an outage, and its problem.
async fn say(socket: &mut Socket, text: &str, about: &str) -> Ended {
    socket.send(json!({"id": "a", "text": text})).await;
    let mut came = socket.utterance().await;
    assert!(came.others.is_empty(), "{about}: {:?}", came.others);
    if came.start["kind"] == "speech" && came.last["type"] == "end" {
        assert_eq!(words(&came.frames).trim_end_matches('.'), text.trim_end_matches('.'), "{about}");
        return Ended::Whole;
    }
    if came.start["kind"] == "speech" {
        // What was made before it failed is heard.
        let heard = words(&came.frames);
        assert!(text.starts_with(&heard), "{about}: {heard:?}");
        assert_eq!((&came.last["type"], &came.last["id"]), (&json!("start"), &json!("a")), "{about}: {}", came.last);
        came = socket.utterance_of(came.last).await;
    }
    assert_outage(&came, OUTAGE);
    Ended::Outage
}

#[tokio::test]
async fn a_cancel_during_an_outage_tells_once_what_was_heard_of_the_text() {
    let Stage { emulator, service } = stage(&[WS], with_stock).await;
    rendered(&service, 4).await;
    let trigger = Trigger { after_audio_ms: Some(400), delay_ms: Some(0), ..Trigger::default() };
    emulator.set_faults(Faults::only(Fault::WsReset, trigger));
    let mut socket = Socket::open(service.address).await;
    let text = "Seven kind birds fly under quiet morning clouds.";
    socket.send(json!({"id": "a", "text": text})).await;
    let came = socket.utterance().await;
    assert_eq!((&came.start["kind"], &came.last["kind"]), (&json!("speech"), &json!("outage")), "{}", came.last);
    socket.send(json!({"type": "cancel", "id": "a", "played_ms": 60_000})).await;
    socket.send(json!({"type": "flush", "id": "nobody"})).await;
    let mut told = vec![];
    while told.last().is_none_or(|event: &Value| event["code"] != "no_text") {
        told.push(socket.event().await.1);
    }
    let cancelled: Vec<&Value> = told.iter().filter(|event| event["type"] == "cancelled").collect();
    let [cancelled] = cancelled[..] else { panic!("{told:?}") };
    let heard = cancelled["heard"].as_str().unwrap();
    assert!(!heard.is_empty() && text.starts_with(heard), "{cancelled}");
    assert_eq!(cancelled["bytes"], came.frames.concat().len());
}

/// Whatever is broken, the text that nobody can speak does not end like one that was spoken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_heard_as_an_outage_and_never_as_an_end() {
    let broken = async |fault: Fault| {
        let about = fault.name();
        let Stage { emulator, service } = stage(&[WS], with_stock).await;
        rendered(&service, 4).await;
        let trigger = Trigger { after_audio_ms: Some(200), delay_ms: Some(0), ..Trigger::default() };
        emulator.set_faults(Faults::only(fault, trigger));
        let mut socket = Socket::open(service.address).await;
        let mut outages = 0;
        for n in 0..3 {
            let text = format!("Number {n}: seven kind birds fly under quiet morning clouds.");
            outages += usize::from(matches!(say(&mut socket, &text, about).await, Ended::Outage));
            socket.send(json!({"id": "pinned", "text": WELCOME})).await;
            assert_spoken(&socket.utterance().await, WELCOME);
        }
        let health: Value = service.get("/health").await.json().await.unwrap();
        assert_eq!(health["parts"]["speech"]["active"], 0, "{about}: {health}{}", failures(&service).await);
        outages
    };
    let outages: Vec<usize> = stream::iter(Fault::ALL).map(|fault| broken(*fault)).buffer_unordered(8).collect().await;
    let never = outages.iter().filter(|outages| **outages == 0).count();
    assert!(never > 0 && outages.len() - never > 12, "{outages:?}");
}
