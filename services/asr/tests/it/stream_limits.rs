//! Streams that are refused, go wrong, last too long, or say nothing.

use std::time::Duration;

use futures_util::SinkExt;
use serde_json::Value;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::{
    streams::{Stream, finals},
    support::{TestService, pcm, samples},
};

/// The problem at the end of the messages: its status and code. Checks that it comes right before the closing.
#[track_caller]
fn problem(messages: &[Value]) -> (u64, &str) {
    let last = messages.last().unwrap();
    assert_eq!(last["type"], "problem", "{last}");
    assert!(!last["detail"].as_str().unwrap().is_empty() && !last["request_id"].as_str().unwrap().is_empty());
    (last["status"].as_u64().unwrap(), last["code"].as_str().unwrap())
}

#[tokio::test]
async fn a_bad_query_is_an_http_problem() {
    let service = TestService::start().await;
    for (query, status, code) in [
        ("?sr=1", 422, "sample_rate_not_supported"),
        ("?lang=ru", 422, "language_not_supported"),
        ("?grammar=%5B%22xyzzy%22%5D", 422, "grammar_invalid"),
        ("?speed=2", 400, "unknown_parameter"),
    ] {
        let error = Stream::try_open(&service, query).await.err().expect("no upgrade");
        let tungstenite::Error::Http(response) = error else { panic!("{error}") };
        assert_eq!(response.status().as_u16(), status, "{query}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body: Value = serde_json::from_slice(response.body().as_ref().unwrap()).unwrap();
        assert_eq!(body["code"], code);
    }
}

#[tokio::test]
async fn streams_have_places_of_their_own() {
    let service = TestService::with(|config| config.stream.max_streams = 2).await;
    let (first, _second) = (Stream::open(&service, "").await, Stream::open(&service, "").await);
    let error = Stream::try_open(&service, "").await.err().expect("no place");
    let tungstenite::Error::Http(response) = error else { panic!("{error}") };
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(service.post("", &pcm("digits")).await.words(), "one two three four five");
    assert_eq!(service.metric("asr_streams_active").await, 2.0);
    assert_eq!(first.end().await.1, 1000);
    Stream::open(&service, "").await;
}

#[tokio::test]
async fn messages_that_are_not_understood() {
    let service = TestService::start().await;
    for (text, status, code) in [
        ("hello", 400, "invalid_json"),
        (r#"{"type":"start"}"#, 422, "invalid_field"),
        (r#"{"kind":"end"}"#, 422, "invalid_field"),
        (r#"{"type":"end","now":true}"#, 422, "invalid_field"),
    ] {
        let mut stream = Stream::open(&service, "").await;
        stream.send(&pcm("digits")).await;
        stream.say(text).await;
        let (messages, close) = stream.rest().await;
        assert_eq!(problem(&messages), (status, code), "{text}");
        assert_eq!(close, 1008);
        assert_eq!(finals(&messages), ["one two three four five"], "what was said is told all the same");
    }
}

#[tokio::test]
async fn sound_that_ends_inside_a_frame() {
    let service = TestService::start().await;
    let mut stream = Stream::open(&service, "").await;
    let sound = pcm("digits");
    stream.send(&sound[..sound.len() - 1]).await;
    let (messages, _) = stream.end().await;
    assert_eq!(problem(&messages), (400, "audio_torn_frame"));
    assert_eq!(finals(&messages), ["one two three four five"]);
}

#[tokio::test]
async fn float_sound_that_is_no_number() {
    let service = TestService::start().await;
    let mut stream = Stream::open(&service, "?fmt=float32").await;
    let floats: Vec<u8> = samples("digits").iter().flat_map(|&s| (f32::from(s) / 32_768.0).to_le_bytes()).collect();
    stream.send(&floats).await;
    stream.send(&f32::NAN.to_le_bytes()).await;
    let (messages, _) = stream.rest().await;
    assert_eq!(problem(&messages), (422, "audio_not_finite"));
    assert_eq!(finals(&messages), ["one two three four five"]);
}

#[tokio::test]
async fn a_stream_that_is_too_long() {
    let service = TestService::with(|config| config.stream.max_audio_duration = 2.0).await;
    let mut stream = Stream::open(&service, "").await;
    stream.send(&pcm("hello")).await;
    let (messages, close) = stream.rest().await;
    assert_eq!(problem(&messages), (413, "audio_too_long"));
    assert!(finals(&messages)[0].starts_with("hello world"), "{messages:?}");
    assert_eq!(close, 1008);
}

#[tokio::test]
async fn work_may_take_as_long_as_the_sound() {
    // Half a minute of speech takes more than this budget; the sound's own length is added as it comes.
    let service = TestService::with(|config| config.recognition.decode_budget = 0.1).await;
    let mut stream = Stream::open(&service, "").await;
    for _ in 0..6 {
        stream.send(&pcm("hello")).await;
    }
    let (messages, close) = stream.end().await;
    assert_eq!(messages.last().unwrap()["type"], "end");
    assert!(finals(&messages).len() >= 2, "{:?}", finals(&messages));
    assert_eq!(close, 1000);
}

#[tokio::test]
async fn a_client_that_says_nothing() {
    let service = TestService::with(|config| config.stream.idle_timeout = 0.4).await;
    let mut stream = Stream::open(&service, "").await;
    stream.send(&pcm("digits")).await;
    // A ping is a sign of life.
    for _ in 0..4 {
        sleep(Duration::from_millis(200)).await;
        stream.socket.send(Message::Ping(vec![].into())).await.unwrap();
    }
    let (messages, close) = stream.rest().await;
    assert_eq!(problem(&messages), (408, "idle_timeout"));
    assert_eq!(finals(&messages), ["one two three four five"]);
    assert_eq!(close, 1008);
    assert_eq!(service.metric("asr_stream_problems_total{code=\"idle_timeout\"}").await, 1.0);
}

#[tokio::test]
async fn a_message_that_is_too_large() {
    let service = TestService::start().await;
    let mut stream = Stream::open(&service, "").await;
    // The service closes while this is still being sent, so whether the client gets to read why is up to the network.
    let _ = stream.socket.send(Message::Binary(vec![0; 1024 * 1024 + 1].into())).await;
    while stream.next().await.is_some() {}
    sleep(Duration::from_millis(100)).await;
    assert_eq!(service.metric("asr_stream_problems_total{code=\"websocket_message_invalid\"}").await, 1.0);
    assert_eq!(service.post("", &pcm("digits")).await.words(), "one two three four five");
}

#[tokio::test]
async fn clients_that_vanish_give_their_places_back() {
    let service = TestService::with(|config| config.stream.max_streams = 5).await;
    for _ in 0..4 {
        let mut streams = vec![];
        for _ in 0..5 {
            let mut stream = Stream::open(&service, "").await;
            stream.send(&pcm("fox")[..20_000]).await;
            streams.push(stream);
        }
        drop(streams);
        let free = async {
            while service.metric("asr_streams_active").await != 0.0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), free).await.expect("every stream ends");
    }
}
