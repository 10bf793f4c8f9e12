//! A service that is told to stop ends what it has begun.

use std::time::Duration;

use evervoice_core::service::serve::Drained;
use futures_util::SinkExt;
use serde_json::json;
use tokio::{io::AsyncWriteExt, time::sleep};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    streams::{Stream, finals},
    support::{Answer, TestService, pcm},
};

#[tokio::test]
async fn a_request_whose_body_is_still_coming_is_answered() {
    let service = TestService::start().await;
    let sound = pcm("digits");
    let mut stream = service.begin("", "", sound.len()).await;
    stream.write_all(&sound[..30_000]).await.unwrap();
    // The request has begun when its connection is being read; a moment is enough for that.
    sleep(Duration::from_millis(100)).await;
    let stopping = tokio::spawn(service.stop());
    sleep(Duration::from_millis(200)).await;
    stream.write_all(&sound[30_000..]).await.unwrap();
    assert_eq!(Answer::read(stream).await.words(), "one two three four five");
    assert_eq!(stopping.await.unwrap(), Drained::Whole);
}

#[tokio::test]
async fn a_stream_in_the_middle_of_an_utterance_ends_after_it() {
    let service = TestService::start().await;
    let mut stream = Stream::open(&service, "").await;
    let sound = pcm("two_parts");
    stream.send(&sound[..40_000]).await;
    stream.until(|message| message["type"] == "partial").await;
    let stopping = tokio::spawn(service.stop());
    sleep(Duration::from_millis(200)).await;
    assert!(!stopping.is_finished(), "the drain waits for the stream");
    stream.send(&sound[40_000..]).await;
    let (messages, code) = stream.rest().await;
    assert_eq!(finals(&messages), ["good morning how are you today"]);
    assert_eq!(messages.last().unwrap()["type"], "end");
    assert_eq!(code, 1001);
    assert_eq!(stopping.await.unwrap(), Drained::Whole);
}

/// What a gateway that stops says of its own connections; the service goes on.
#[tokio::test]
async fn a_stream_whose_connection_is_about_to_end_ends_after_the_utterance() {
    let service = TestService::start().await;
    let (mut stream, mut other) = (Stream::open(&service, "").await, Stream::open(&service, "").await);
    let sound = pcm("two_parts");
    stream.send(&sound[..40_000]).await;
    stream.until(|message| message["type"] == "partial").await;
    stream.socket.send(Message::Text(r#"{"type": "drain"}"#.into())).await.unwrap();
    stream.send(&sound[40_000..]).await;
    let (messages, code) = stream.rest().await;
    assert_eq!(finals(&messages), ["good morning how are you today"]);
    assert_eq!((messages.last().unwrap()["type"].as_str(), code), (Some("end"), 1001));
    other.send(&sound).await;
    other.until(|message| message["type"] == "final").await;
}

#[tokio::test]
async fn a_silent_stream_ends_at_once() {
    let service = TestService::start().await;
    let mut stream = Stream::open(&service, "").await;
    stream.socket.send(Message::Ping(vec![1].into())).await.unwrap();
    let stopping = tokio::spawn(service.stop());
    let (messages, code) = stream.rest().await;
    assert_eq!(messages, [json!({"type": "end", "duration_seconds": 0.0})]);
    assert_eq!(code, 1001);
    assert_eq!(stopping.await.unwrap(), Drained::Whole);
}

#[tokio::test]
async fn a_stream_that_never_pauses_is_ended_in_time() {
    let service = TestService::with(|config| config.server.drain_timeout = 2.0).await;
    let mut stream = Stream::open(&service, "").await;
    stream.send(&pcm("fox")[..60_000]).await;
    stream.until(|message| message["type"] == "partial").await;
    let stopping = tokio::spawn(service.stop());
    let (messages, code) = stream.rest().await;
    assert!(finals(&messages)[0].starts_with("the quick brown"), "what was said before is told");
    assert_eq!(code, 1001);
    assert_eq!(stopping.await.unwrap(), Drained::Whole);
}
