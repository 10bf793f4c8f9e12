//! Fillers over `/ws/tts`: what is said while an answer is on its way.

use std::{path::Path, time::Duration};

use evervoice_tts::{TtsSettings, config::StockSettings};
use serde_json::{Value, json};

use crate::{
    elevenlabs::{Stage, WS, stage},
    harness::TestService,
    socket::{Came, Socket},
};

/// Longer than it takes to render a stock.
const DEADLINE: Duration = Duration::from_secs(30);

const LANGUAGES: [&str; 2] = ["en", "ru"];

/// The stock as it is without settings, in these languages; sound leaves as fast as it is made.
fn with_stock(settings: &mut TtsSettings, languages: &[&str], dir: &Path) {
    settings.speech.lead_ms = 600_000;
    settings.stock = StockSettings { dir: Some(dir.to_owned()), ..StockSettings::default() };
    let fits = |language: &String| languages.contains(&language.as_str());
    settings.stock.fillers.retain(|language, _| fits(language));
    settings.stock.outage.retain(|language, _| fits(language));
}

/// Waits until so many phrases of a stock have their sound.
pub async fn rendered(service: &TestService, phrases: usize) {
    let there = async {
        while service.metric("tts_stock_total{result=\"rendered\"}").await < phrases as f64 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, there).await.expect("the stock does not get ready");
}

/// The fillers of a language: after a question, after a request, after anything else.
fn fillers(language: &str) -> [Vec<String>; 3] {
    let all = StockSettings::default().fillers.remove(language).unwrap();
    [all.question, all.request, all.hesitation]
}

/// Nothing is heard any more, of what has been sent either.
async fn hush(socket: &mut Socket) {
    socket.send(json!({"type": "cancel"})).await;
    let (_, answer) = socket.event().await;
    // It may have been played meanwhile.
    assert!(answer["type"] == "cancelled" || answer["code"] == "nothing_to_cancel", "{answer}");
}

/// The sound of a text, in a format; of the stock, if it has it.
async fn expected(service: &TestService, text: &str, lang: &str, format: &str) -> Vec<u8> {
    let response = service.speak(&json!({"text": text, "lang": lang, "format": format}).to_string()).await;
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap().to_vec()
}

/// Asks for a filler in silence, and hears it to its end.
async fn filler(socket: &mut Socket, asked: Value) -> Came {
    let mut message = asked;
    message["type"] = json!("filler");
    message["id"] = json!("f");
    socket.send(message).await;
    let came = socket.utterance().await;
    assert_eq!((&came.start["kind"], &came.start["id"]), (&json!("filler"), &json!("f")));
    assert_eq!((&came.last["type"], came.phrases.len()), (&json!("end"), 1));
    assert_eq!(came.last["bytes"], came.frames.concat().len());
    hush(socket).await;
    came
}

#[tokio::test]
async fn a_filler_fits_what_the_caller_said_and_is_never_that_before() {
    let dir = tempfile::tempdir().unwrap();
    let service = TestService::with(|settings| with_stock(settings, &["en"], dir.path())).await;
    rendered(&service, 10).await;
    let mut socket = Socket::open(service.address).await;
    let [question, request, hesitation] = fillers("en");
    let cases = [
        (json!({"context": "question"}), &question),
        (json!({"context": "request"}), &request),
        (json!({"context": "hesitation"}), &hesitation),
        (json!({"text": "what time is it"}), &question),
        (json!({"text": "Please turn on the light."}), &request),
        (json!({"text": "My name is Anna."}), &hesitation),
        (json!({"text": "What?", "context": "request"}), &request),
        (json!({}), &hesitation),
    ];
    let (mut last, mut count) = (String::new(), 0.0);
    for (asked, fitting) in cases {
        for _ in 0..4 {
            let Came { start, phrases, frames, last: end, .. } = filler(&mut socket, asked.clone()).await;
            let text = &phrases[0];
            assert!(fitting.contains(text), "{text} after {asked}");
            assert_ne!(*text, last, "twice in a row");
            assert_eq!((&start["provider"], &start["format"]), (&json!("local"), &json!("pcm_16000")));
            assert!(frames.iter().all(|frame| frame.len() <= 1_280), "a frame of more than 40 ms");
            assert!(frames.concat() == expected(&service, text, "en", "pcm_16000").await, "{text}");
            assert_eq!(end["audio_ms"], frames.concat().len() / 32);
            (last, count) = (text.clone(), count + 1.0);
        }
    }
    assert_eq!(service.metric("tts_filler_ms_count").await, count);
}

#[tokio::test]
async fn an_answer_that_is_on_its_way_follows_the_filler() {
    let dir = tempfile::tempdir().unwrap();
    let service = TestService::with(|settings| {
        with_stock(settings, &["en"], dir.path());
        settings.speech.lead_ms = 400;
        // Of the answer nothing is spoken before its first sentence is whole.
        (settings.speech.first_phrase_ms, settings.speech.text_idle_ms) = (10_000, 60_000);
    })
    .await;
    rendered(&service, 10).await;
    let (answer, second) = ("The answer is here.", "This one waits.");
    let mut socket = Socket::open(service.address).await;
    socket.send(json!({"type": "text", "id": "answer", "text": "The answer"})).await;
    for message in [
        json!({"type": "filler", "id": "filler", "context": "question"}),
        json!({"type": "filler", "id": "again"}),
        json!({"type": "text", "text": " is here."}),
        json!({"type": "end"}),
        json!({"id": "second", "text": second}),
    ] {
        socket.send(message).await;
    }
    let filler = socket.utterance().await;
    assert_eq!((&filler.start["id"], &filler.start["kind"]), (&json!("filler"), &json!("filler")));
    assert_eq!(filler.last["type"], "end");
    assert!(filler.frames.concat() == expected(&service, &filler.phrases[0], "en", "pcm_16000").await);
    let [problem] = &filler.others[..] else { panic!("{:?}", filler.others) };
    assert_eq!(
        (&problem["id"], &problem["code"], &problem["status"]),
        (&json!("again"), &json!("already_speaking"), &json!(409))
    );
    // What sounds is not disturbed by one that comes too late.
    socket.send(json!({"type": "filler", "id": "late"})).await;
    for (id, text) in [("answer", answer), ("second", second)] {
        let mut came = socket.next().await.1;
        if came["code"] == "already_speaking" {
            assert_eq!(came["id"], "late");
            came = socket.next().await.1;
        }
        let came = socket.utterance_of(came).await;
        assert_eq!(
            (&came.start["id"], &came.start["kind"], &came.last["type"]),
            (&json!(id), &json!("speech"), &json!("end"))
        );
        assert!(came.frames.concat() == expected(&service, text, "en", "pcm_16000").await, "{text}");
        assert!(came.others.iter().all(|other| other["code"] == "already_speaking"), "{:?}", came.others);
    }
    assert_eq!(service.metric("tts_filler_ms_count").await, 1.0);
}

#[tokio::test]
async fn a_filler_is_in_the_callers_language_and_in_the_format_of_the_socket() {
    let dir = tempfile::tempdir().unwrap();
    let Stage { emulator: _emulator, service } =
        stage(&[WS], |settings| with_stock(settings, &LANGUAGES, dir.path())).await;
    rendered(&service, 20).await;
    let mut socket = Socket::open(service.address).await;
    let (english, russian) = (fillers("en"), fillers("ru"));
    for (said, fitting) in
        [("сколько времени", &russian[0]), ("what time is it", &english[0]), ("Запишите", &russian[1])]
    {
        let came = filler(&mut socket, json!({"text": said})).await;
        assert!(fitting.contains(&came.phrases[0]), "{:?} after {said}", came.phrases);
    }
    for (format, encoding, sample_rate) in [("ulaw_8000", "ulaw", 8_000), ("pcm_48000", "s16le", 48_000)] {
        socket.send(json!({"type": "config", "lang": "ru-RU", "format": format})).await;
        let came = filler(&mut socket, json!({"text": "What time is it?"})).await;
        assert!(russian[0].contains(&came.phrases[0]), "{:?}", came.phrases);
        assert_eq!((&came.start["format"], &came.start["encoding"]), (&json!(format), &json!(encoding)));
        assert_eq!(
            (&came.start["sample_rate"], &came.start["provider"]),
            (&json!(sample_rate), &json!("elevenlabs_ws"))
        );
        assert!(came.frames.concat() == expected(&service, &came.phrases[0], "ru", format).await, "{format}");
    }
    socket.send(json!({"type": "config", "lang": "fr"})).await;
    socket.send(json!({"type": "filler", "id": "f", "text": "What time is it?"})).await;
    let (frames, problem) = socket.next().await;
    assert_eq!((frames.len(), &problem["code"], &problem["id"]), (0, &json!("no_filler"), &json!("f")));
}
