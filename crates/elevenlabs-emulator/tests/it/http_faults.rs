//! Each fault of HTTP does what it says.

use std::time::{Duration, Instant};

use elevenlabs_emulator::{Emulator, Fault, Faults, Group, Trigger};
use serde_json::{Value, json};

use crate::support::{Http, Response, VOICE, emulator, speak};

const TEXT: &str = "A text of more than one piece, so that there is a middle.";

async fn with(emulator: &Emulator, fault: Fault, trigger: Trigger, path: &str) -> Option<Response> {
    emulator.set_faults(Faults::only(fault, trigger));
    speak(emulator, &format!("{path}?output_format=pcm_16000"), json!({"text": TEXT})).await
}

#[tokio::test]
async fn answers_with_a_status() {
    let emulator = emulator().await;
    let code = |response: &Response| response.json()["detail"]["code"].clone();
    for (fault, status, expected) in [
        (Fault::HttpUnauthorized, 401, "unauthorized"),
        (Fault::HttpMalformedKey, 400, "invalid_api_key"),
        (Fault::HttpPaymentRequired, 402, "insufficient_credits"),
        (Fault::HttpForbidden, 403, "subscription_required"),
        (Fault::HttpVoiceNotFound, 404, "voice_not_found"),
        (Fault::HttpTooManyAtOnce, 429, "concurrent_limit_exceeded"),
        (Fault::HttpRateLimited, 429, "rate_limit_exceeded"),
        (Fault::HttpSystemBusy, 429, "system_busy"),
        (Fault::Http5xx, 500, "internal_server_error"),
    ] {
        let response = with(&emulator, fault, Trigger::once(), "/stream").await.expect("an answer");
        assert_eq!((response.status, code(&response)), (status, json!(expected)), "{fault:?}");
        let next = speak(&emulator, "/stream?output_format=pcm_16000", json!({"text": TEXT})).await;
        assert_eq!(next.expect("an answer").text(16_000), TEXT, "only once");
    }
    let quota = with(&emulator, Fault::HttpQuotaExceeded, Trigger::once(), "/stream").await.expect("an answer");
    assert_eq!((quota.status, &quota.json()["detail"]["status"]), (401, &json!("quota_exceeded")));
    let list = with(&emulator, Fault::HttpUnprocessable, Trigger::once(), "/stream").await.expect("an answer");
    assert!(list.status == 422 && list.json()["detail"].is_array());
    let page = with(&emulator, Fault::HttpHtmlError, Trigger::once(), "/stream").await.expect("an answer");
    assert!(page.status == 502 && page.headers["content-type"].starts_with("text/html"));
    assert!(page.body.starts_with(b"<html>"));
}

#[tokio::test]
async fn parameters_of_answers() {
    let emulator = emulator().await;
    let trigger = Trigger::once().retry_after("7").old_names();
    let busy = with(&emulator, Fault::HttpTooManyAtOnce, trigger, "/stream").await.expect("an answer");
    assert_eq!(busy.headers["retry-after"], "7");
    assert_eq!(busy.json()["detail"]["status"], "too_many_concurrent_requests");
    assert_eq!(busy.json()["detail"].get("code"), None, "the older shape has no code");
    let plain = with(&emulator, Fault::HttpTooManyAtOnce, Trigger::once(), "/stream").await.expect("an answer");
    assert!(!plain.headers.contains_key("retry-after"));
    let gateway = with(&emulator, Fault::Http5xx, Trigger::once().status(503), "/stream").await.expect("an answer");
    assert_eq!(gateway.status, 503);
}

#[tokio::test]
async fn no_answer_at_all() {
    let emulator = emulator().await;
    assert!(with(&emulator, Fault::HttpReset, Trigger::once(), "/stream").await.is_none());
    assert!(with(&emulator, Fault::HttpHangUp, Trigger::once(), "/stream").await.is_none());
    let waiting = with(&emulator, Fault::HttpNoAnswer, Trigger::once(), "/stream");
    assert!(tokio::time::timeout(Duration::from_millis(200), waiting).await.is_err());
    let start = Instant::now();
    let trigger = Trigger::once().delay(Duration::from_millis(300));
    let slow = with(&emulator, Fault::HttpSlow, trigger, "/stream").await.expect("an answer");
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(slow.text(16_000), TEXT);
}

#[tokio::test]
async fn bodies_that_break() {
    let emulator = emulator().await;
    for path in ["/stream", "", "/with-timestamps", "/stream/with-timestamps"] {
        let cut = with(&emulator, Fault::HttpBodyCut, Trigger::once(), path).await.expect("an answer");
        assert!(cut.status == 200 && !cut.complete && !cut.reset && !cut.body.is_empty(), "{path}: {cut:?}");
        let reset = with(&emulator, Fault::HttpBodyReset, Trigger::once(), path).await.expect("an answer");
        assert!(reset.status == 200 && !reset.complete && reset.reset, "{path}");
        let stalled = with(&emulator, Fault::HttpBodyStall, Trigger::once(), path);
        assert!(tokio::time::timeout(Duration::from_millis(200), stalled).await.is_err(), "{path}");
        let empty = with(&emulator, Fault::HttpEmptyBody, Trigger::once(), path).await.expect("an answer");
        assert!(empty.status == 200 && empty.complete && empty.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn the_place_of_a_cut() {
    let emulator = emulator().await;
    let later = Trigger::once().after_audio(Duration::from_millis(480));
    let cut = with(&emulator, Fault::HttpBodyCut, later, "/stream").await.expect("an answer");
    assert_eq!(cut.text(16_000), TEXT[..24]);
    let never = Trigger::once().after_audio(Duration::from_secs(60));
    let cut = with(&emulator, Fault::HttpBodyCut, never, "/stream").await.expect("an answer");
    assert!(cut.text(16_000) == TEXT && !cut.complete, "at the latest at the end");
    let first = Trigger::once().after_audio(Duration::ZERO);
    let cut = with(&emulator, Fault::HttpBodyCut, first, "/stream").await.expect("an answer");
    assert!(cut.body.is_empty() && !cut.complete);
}

#[tokio::test]
async fn json_that_is_none() {
    let emulator = emulator().await;
    for path in ["/with-timestamps", "/stream/with-timestamps"] {
        let bad = with(&emulator, Fault::HttpMalformedJson, Trigger::once(), path).await.expect("an answer");
        let body = String::from_utf8(bad.body).expect("UTF-8");
        assert!(body.lines().any(|line| serde_json::from_str::<Value>(line).is_err()), "{path}");
        let bad = with(&emulator, Fault::HttpBadBase64, Trigger::once(), path).await.expect("an answer");
        let body = String::from_utf8(bad.body).expect("UTF-8");
        assert!(body.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{path}");
        assert!(body.contains("~not base64~"), "{path}");
    }
}

#[tokio::test]
async fn a_kept_alive_connection_is_closed_behind_ones_back() {
    let emulator = emulator().await;
    let path = format!("/v1/text-to-speech/{VOICE}/stream?output_format=pcm_16000");
    let body = json!({"text": TEXT}).to_string();
    let headers = [("xi-api-key", "test-key")];
    let mut http = Http::connect(emulator.address()).await;
    for _ in 0..2 {
        let answer = http.send("POST", &path, &headers, body.as_bytes()).await.expect("it is kept alive");
        assert_eq!(answer.text(16_000), TEXT);
    }
    emulator.set_faults(Faults::only(Fault::HttpKeepAliveClose, Trigger::once()));
    let answer = http.send("POST", &path, &headers, body.as_bytes()).await.expect("an answer");
    assert!(answer.complete && !answer.headers.contains_key("connection"), "nothing announces it");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(http.send("POST", &path, &headers, body.as_bytes()).await.is_none());
}

#[tokio::test]
async fn every_fault_of_requests_shows() {
    let emulator = emulator().await;
    for fault in Fault::ALL.iter().copied().filter(|fault| fault.group() == Group::Request) {
        let path = "/stream/with-timestamps";
        let answer = with(&emulator, fault, Trigger::once(), path);
        let Ok(answer) = tokio::time::timeout(Duration::from_millis(300), answer).await else { continue };
        let good = |response: &Response| {
            let body = String::from_utf8_lossy(&response.body).into_owned();
            let is_json = |line: &str| serde_json::from_str::<Value>(line).is_ok() && !line.contains('~');
            response.complete && response.status == 200 && !body.is_empty() && body.lines().all(is_json)
        };
        let fine = answer.as_ref().is_some_and(good);
        assert_eq!(fine, fault == Fault::HttpKeepAliveClose, "{}: {answer:?}", fault.name());
    }
}
