//! What is wrong is said, with a stable code.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{TestService, code, problem};

#[tokio::test]
async fn each_mistake_has_its_answer() {
    let service = TestService::start().await;
    let long = "a ".repeat(50_000);
    for (body, status, expected) in [
        (r#"{"text": ""}"#, 422, "text_empty"),
        (r#"{"text": " \n\t"}"#, 422, "text_empty"),
        (r#"{"text": "!!! ..."}"#, 422, "nothing_to_speak"),
        (r#"{"text": "😀👍"}"#, 422, "nothing_to_speak"),
        (&format!(r#"{{"text": "{long}"}}"#), 413, "text_too_long"),
        (r#"{"text": "#, 400, "invalid_json"),
        ("", 400, "invalid_json"),
        (r#"{"text": 5}"#, 422, "invalid_field"),
        (r#"["text"]"#, 422, "invalid_field"),
        (r#"{}"#, 422, "invalid_field"),
        (r#"{"text": "a", "txt": "b"}"#, 422, "invalid_field"),
        (r#"{"text": "a", "voice": "nobody"}"#, 422, "unknown_voice"),
        (r#"{"text": "a", "format": "mp3"}"#, 422, "unknown_format"),
        (r#"{"text": "a", "lang": "fr"}"#, 422, "language_not_supported"),
        (r#"{"text": "Привет, мир"}"#, 422, "language_not_supported"),
        (r#"{"text": "Hello Привет"}"#, 422, "language_not_supported"),
        (r#"{"text": "你好"}"#, 422, "language_not_supported"),
        (r#"{"text": "a", "speed": 0}"#, 422, "speed_out_of_range"),
        (r#"{"text": "a", "speed": -1}"#, 422, "speed_out_of_range"),
        (r#"{"text": "a", "speed": 2.1}"#, 422, "speed_out_of_range"),
        (r#"{"text": "a", "speed": NaN}"#, 400, "invalid_json"),
        (r#"{"text": "a", "speed": 1e999}"#, 400, "invalid_json"),
        (r#"{"text": "a", "speed": "fast"}"#, 422, "invalid_field"),
    ] {
        let response = service.speak(body).await;
        assert_ne!(response.status(), 200, "{body} is spoken");
        let answer = code(response).await;
        assert_eq!(answer, (status, expected.to_owned()), "{}", &body[..body.len().min(60)]);
    }
}

#[tokio::test]
async fn answers_name_what_is_allowed() {
    let service = TestService::start().await;
    for (body, allowed) in [
        (r#"{"text": "a", "format": "mp3"}"#, "pcm_16000, pcm_8000, pcm_24000, pcm_48000, ulaw_8000, alaw_8000, wav"),
        (r#"{"text": "a", "voice": "nobody"}"#, "en-us-slt"),
        (r#"{"text": "Привет"}"#, "en"),
        (r#"{"text": "a", "speed": 9}"#, "0.5 to 2"),
        (r#"{"text": "a", "colour": 9}"#, "`text`, `voice`, `lang`, `speed`, `format`"),
    ] {
        let (_, problem) = problem(service.speak(body).await).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(allowed), "{body}: {detail}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let service = TestService::start().await;
    let response = service.post("/api/tts").body(b"{\"text\": \"\xff\xfe\"}".to_vec()).send().await.unwrap();
    assert_eq!(code(response).await, (400, "invalid_utf8".to_owned()));
    let response = service.post("/api/tts").body(vec![b' '; 200_000]).send().await.unwrap();
    assert_eq!(code(response).await, (413, "text_too_long".to_owned()));
}

#[tokio::test]
async fn wrong_paths_and_methods_are_told() {
    let service = TestService::start().await;
    assert_eq!(code(service.get("/api/nothing").await).await, (404, "not_found".to_owned()));
    assert_eq!(code(service.get("/api/tts").await).await, (405, "method_not_allowed".to_owned()));
    assert_eq!(code(service.get("/ws/tts").await).await, (400, "websocket_expected".to_owned()));
    let response = service.post("/api/tts/wav").body(r#"{"text": "a", "format": "ulaw_8000"}"#).send().await.unwrap();
    assert_eq!(code(response).await, (422, "unknown_format".to_owned()));
}

#[tokio::test]
async fn a_client_that_sends_a_byte_now_and_then_is_let_go() {
    let service = TestService::with(|settings| settings.server.body_timeout = 0.3).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"POST /api/tts HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        while writer.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::future::pending::<()>().await
    };
    let mut answer = vec![0; 4_096];
    let read = tokio::select! { read = reader.read(&mut answer) => read.unwrap(), () = drip => 0 };
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_timeout"), "{answer}");
}

#[tokio::test]
async fn a_head_that_never_ends_is_let_go() {
    let service = TestService::with(|settings| settings.server.header_timeout = 0.3).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"POST /api/tts HTTP/1.1\r\nHos").await.unwrap();
    let mut answer = vec![];
    let closed = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    assert!(closed.is_ok(), "the connection is still open");
}
