//! A service behind that is not there, is silent, or breaks off.

use std::time::Duration;

use futures_util::StreamExt;
use tokio_tungstenite::{connect_async, tungstenite::Error};

use crate::harness::{TestGateway, neighbour, nobody, problem, write};

#[tokio::test]
async fn nobody_there_is_502() {
    let gateway = TestGateway::before(nobody().await).await;
    for path in ["/api/tts", "/api/tts/wav", "/api/stt/bytes", "/api/echo-bytes"] {
        assert_eq!(problem(gateway.post(path, "{}").await).await, (502, "upstream_unreachable".to_owned()), "{path}");
    }
    let socket = connect_async(format!("ws://{}/ws/tts", gateway.address)).await;
    let Err(Error::Http(answer)) = socket else { panic!("upgraded to nothing") };
    assert_eq!(answer.status(), 502);
    let health = gateway.get("/health").await;
    assert_eq!(health.status(), 503);
    let health: serde_json::Value = health.json().await.unwrap();
    assert_eq!((&health["status"], &health["parts"]["asr"]["status"]), (&"down".into(), &"down".into()));
    // The gateway itself is fine, and says so.
    assert_eq!(gateway.get("/live").await.status(), 200);
    assert_eq!(gateway.get("/ready").await.status(), 200);
}

#[tokio::test]
async fn silence_is_504() {
    let silent = neighbour(|_, stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let gateway = TestGateway::with(silent, |settings| settings.upstream.request_timeout = 0.2).await;
    assert_eq!(problem(gateway.post("/api/tts", "{}").await).await, (504, "upstream_timeout".to_owned()));
    assert_eq!(problem(gateway.post("/api/echo-bytes", "x").await).await, (504, "upstream_timeout".to_owned()));
}

#[tokio::test]
async fn no_answer_at_all_is_502() {
    let rude = neighbour(|_, stream| async move { drop(stream) }).await;
    let gateway = TestGateway::before(rude).await;
    assert_eq!(problem(gateway.post("/api/tts", "{}").await).await, (502, "upstream_broken".to_owned()));
    let nonsense = neighbour(|_, mut stream| async move { write(&mut stream, "hello\r\n\r\n").await }).await;
    let gateway = TestGateway::before(nonsense).await;
    assert_eq!(problem(gateway.post("/api/stt/bytes", "x").await).await, (502, "upstream_broken".to_owned()));
}

/// After the first byte there is no status left: the body must break off, not end.
#[tokio::test]
async fn a_stream_that_breaks_off_breaks_off_for_the_client() {
    for silent in [false, true] {
        let dying = neighbour(move |_, mut stream| async move {
            write(&mut stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n").await;
            if silent {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        })
        .await;
        let gateway = TestGateway::with(dying, |settings| settings.upstream.request_timeout = 0.3).await;
        let response = gateway.post("/api/tts", "{}").await;
        assert_eq!(response.status(), 200);
        let mut body = response.bytes_stream();
        assert_eq!(body.next().await.unwrap().unwrap(), "abcd");
        assert!(body.next().await.unwrap().is_err(), "silent {silent}: a cut stream ended like a whole one");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_transcript_is_502() {
    let liar = neighbour(|_, mut stream| async move {
        write(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
    })
    .await;
    let gateway = TestGateway::before(liar).await;
    assert_eq!(problem(gateway.post("/api/echo-bytes", "x").await).await, (502, "upstream_broken".to_owned()));
}
