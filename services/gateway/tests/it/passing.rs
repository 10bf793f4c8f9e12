//! What the gateway hands on, and how.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use tokio::{io::AsyncReadExt, sync::mpsc};

use crate::harness::{TestGateway, neighbour, problem, write};

#[tokio::test]
async fn problems_of_a_service_pass_with_its_code() {
    let refusing = neighbour(|_, mut stream| async move {
        let body = r#"{"type":"urn:x","title":"T","status":422,"detail":"d","code":"text_empty","request_id":"inner"}"#;
        let head = "HTTP/1.1 422 Unprocessable Entity\r\nContent-Type: application/problem+json\r\nRetry-After: 7";
        write(&mut stream, &format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
    })
    .await;
    let gateway = TestGateway::before(refusing).await;
    let response = gateway.post("/api/tts", "{}").await;
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(problem(response).await, (422, "text_empty".to_owned()));
    assert_eq!(problem(gateway.post("/api/echo-bytes", "x").await).await, (422, "text_empty".to_owned()));
}

#[tokio::test]
async fn the_request_id_and_the_query_are_handed_on() {
    let (sender, mut heads) = mpsc::channel(4);
    let curious = neighbour(move |head, mut stream| {
        let sender = sender.clone();
        async move {
            sender.send(head).await.unwrap();
            write(
                &mut stream,
                "HTTP/1.1 200 OK\r\nX-Sample-Rate: 16000\r\nX-Request-Id: other\r\nContent-Length: 0\r\n\r\n",
            )
            .await;
        }
    })
    .await;
    let gateway = TestGateway::before(curious).await;
    let url = format!("http://{}/api/stt/bytes?sr=8000&fmt=s16le", gateway.address);
    let request = gateway.client.post(url).header("x-request-id", "abc").header("cookie", "secret=1").body("x");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "abc");
    assert_eq!(response.headers()["x-sample-rate"], "16000");
    let head = heads.recv().await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("post /api/stt/bytes?sr=8000&fmt=s16le http/1.1\r\n"), "{head}");
    assert!(head.contains("x-request-id: abc") && head.contains("content-length: 1"), "{head}");
    assert!(!head.contains("secret"), "{head}");
}

/// The second piece is sent only after the client has the first: a gateway that buffers would wait for ever.
#[tokio::test]
async fn streams_pass_unbuffered() {
    let (go, wait) = mpsc::channel::<()>(1);
    let wait = Arc::new(tokio::sync::Mutex::new(wait));
    let patient = neighbour(move |_, mut stream| {
        let wait = Arc::clone(&wait);
        async move {
            write(&mut stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n").await;
            wait.lock().await.recv().await;
            write(&mut stream, "2\r\ncd\r\n0\r\n\r\n").await;
        }
    })
    .await;
    let gateway = TestGateway::before(patient).await;
    let mut body = gateway.post("/api/tts", "{}").await.bytes_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), "ab");
    go.send(()).await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "cd");
    assert!(body.next().await.is_none());
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_work_behind() {
    let gone = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&gone);
    let working = neighbour(move |_, mut stream| {
        let seen = Arc::clone(&seen);
        async move {
            write(&mut stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n").await;
            // The request body, then the end of the connection.
            let mut rest = vec![];
            let _ = stream.read_to_end(&mut rest).await;
            seen.store(true, Ordering::Release);
        }
    })
    .await;
    let gateway = TestGateway::before(working).await;
    let mut body = gateway.post("/api/tts", "{}").await.bytes_stream();
    body.next().await.unwrap().unwrap();
    drop(body);
    let noticed = async {
        while !gone.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), noticed).await.expect("the service still works for nobody");
}

#[tokio::test]
async fn a_recognised_text_that_is_not_ascii_is_percent_encoded() {
    let both = neighbour(|head, mut stream| async move {
        let body = r#"{"text":"привет 100%","segments":[],"language":"ru","duration_seconds":1.0,"confidence":1.0}"#;
        if head.starts_with("POST /api/stt/bytes") {
            write(&mut stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
        } else {
            write(&mut stream, "HTTP/1.1 200 OK\r\nX-Voice-Provider: local\r\nContent-Length: 2\r\n\r\nab").await;
        }
    })
    .await;
    let gateway = TestGateway::before(both).await;
    let response = gateway.post("/api/echo-bytes?sr=16000&format=ulaw_8000", "x").await;
    assert_eq!(response.headers()["x-recognized-text"], "%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82 100%25");
    assert_eq!(response.headers()["x-voice-provider"], "local");
    assert_eq!(response.bytes().await.unwrap(), "ab");
    for speed in ["fast", "NaN", "inf", "1e999", ""] {
        let answer = problem(gateway.post(&format!("/api/echo-bytes?speed={speed}"), "x").await).await;
        assert_eq!(answer, (422, "invalid_field".to_owned()), "{speed}");
    }
}
