//! Many at once, some that leave, and a service that stops.

use std::time::Duration;

use evervoice_core::service::serve::Drained;
use futures_util::{StreamExt, future::join_all};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{harness::TestService, socket::Socket};

const SENTENCE: &str = r#"{"text": "Please turn on the light in the kitchen, and close the door."}"#;

/// About a minute of speech: more than the buffers between service and client hold.
fn long_text() -> String {
    let sentence = "The quick brown fox jumps over the lazy dog near the river. ";
    format!(r#"{{"text": "{}", "format": "pcm_48000"}}"#, sentence.repeat(20))
}

#[tokio::test]
async fn two_hundred_at_once_are_spoken_right_or_refused() {
    let service = TestService::with(|settings| settings.speech.max_utterances = 8).await;
    let reference = service.speak(SENTENCE).await.bytes().await.unwrap();
    let answers = join_all((0..200).map(|_| async {
        let response = service.speak(SENTENCE).await;
        let (status, retry) = (response.status().as_u16(), response.headers().get("retry-after").cloned());
        (status, retry, response.bytes().await.unwrap())
    }))
    .await;
    let spoken = answers.iter().filter(|(status, _, _)| *status == 200).count();
    for (status, retry, body) in &answers {
        match status {
            200 => assert!(*body == reference, "an answer differs"),
            503 => assert_eq!(retry.as_ref().unwrap(), "1"),
            other => panic!("status {other}"),
        }
    }
    assert!((8..200).contains(&spoken), "{spoken} of 200 were spoken");
    assert_eq!(service.metric("tts_rejected_total").await, (200 - spoken) as f64);
    // All places are free again.
    assert_eq!(service.speak(SENTENCE).await.status(), 200);
    let health: serde_json::Value = service.get("/health").await.json().await.unwrap();
    assert_eq!(health["parts"]["speech"]["limit"], 8);
}

#[tokio::test]
async fn a_dialogue_waits_for_room_and_is_told_when_none_comes() {
    for (first_audio_timeout, expected) in [(60.0, "start"), (0.2, "problem")] {
        let service = TestService::with(|settings| {
            settings.speech.max_utterances = 1;
            settings.speech.first_audio_timeout = first_audio_timeout;
        })
        .await;
        let mut speaking = Socket::open(service.address).await;
        speaking.send(serde_json::from_str(&long_text()).unwrap()).await;
        assert_eq!(speaking.event().await.1["type"], "start");
        let mut waiting = Socket::open(service.address).await;
        waiting.send(json!({"text": "Good morning."})).await;
        if expected == "start" {
            let early = tokio::time::timeout(Duration::from_millis(100), waiting.next()).await;
            assert!(early.is_err(), "there is no room yet: {early:?}");
            speaking.send(json!({"type": "cancel"})).await;
        }
        let (_, event) = waiting.event().await;
        assert_eq!(event["type"], expected, "{event}");
        if expected == "problem" {
            assert_eq!(event["code"], "overloaded");
            assert_eq!(service.metric("tts_rejected_total").await, 1.0);
        }
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_frees_its_place() {
    let service = TestService::with(|settings| settings.speech.max_utterances = 1).await;
    let mut body = service.speak(&long_text()).await.bytes_stream();
    body.next().await.unwrap().unwrap();
    assert_eq!(service.speak(SENTENCE).await.status(), 503);
    drop(body);
    let freed = async {
        loop {
            let response = service.speak(SENTENCE).await;
            if response.status() == 200 {
                return drop(response.bytes().await.unwrap());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), freed).await.expect("the place is still taken");
    assert_eq!(service.metric("tts_utterances_total{provider=\"local\",outcome=\"cancelled\"}").await, 1.0);
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_place_and_never_sees_a_clean_end() {
    let service = TestService::with(|settings| {
        settings.speech.max_utterances = 1;
        settings.speech.client_stall_timeout = 0.2;
    })
    .await;
    // Ten minutes at 48 kHz: more than the sockets of both sides hold.
    let text = "The quick brown fox jumps over the lazy dog near the river. ".repeat(80);
    let body = format!(r#"{{"text": "{text}", "format": "pcm_48000"}}"#);
    let response = service.speak(&body).await;
    assert_eq!(response.status(), 200);
    let freed = async {
        while service.metric("tts_active").await != 0.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), freed).await.expect("the place is still taken");
    assert!(response.bytes().await.is_err(), "a cut utterance ended like a whole one");
}

#[tokio::test]
async fn four_streams_end_whole_when_the_service_stops() {
    let service = TestService::start().await;
    let reference = service.speak(&long_text()).await.bytes().await.unwrap();
    let mut streams = vec![];
    for _ in 0..4 {
        let mut body = Box::pin(service.speak(&long_text()).await.bytes_stream());
        let first = body.next().await.unwrap().unwrap();
        streams.push((first.to_vec(), body));
    }
    service.lifecycle.stop();
    for (mut bytes, mut body) in streams {
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk.unwrap());
        }
        assert!(bytes == reference, "{} bytes instead of {}", bytes.len(), reference.len());
    }
    assert_eq!(service.done.await.unwrap(), Drained::Whole);
    assert!(TcpStream::connect(service.address).await.is_err(), "it still listens");
}

/// What is on its way to a client may be in a proxy that ends with the service's container.
#[tokio::test]
async fn a_service_that_stops_waits_until_a_client_that_has_heard_everything_closes() {
    let mut service = TestService::start().await;
    let mut client = TcpStream::connect(service.address).await.unwrap();
    let body = long_text();
    let head = format!("POST /api/tts HTTP/1.1\r\nhost: tts\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    client.read_exact(&mut answer).await.unwrap();
    service.lifecycle.stop();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"0\r\n\r\n"), "the answer is cut after {} bytes", answer.len());
    let early = tokio::time::timeout(Duration::from_millis(300), &mut service.done).await;
    assert!(early.is_err(), "it is gone before the client has closed");
    drop(client);
    assert_eq!(service.done.await.unwrap(), Drained::Whole);
}
