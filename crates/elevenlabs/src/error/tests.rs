use std::time::SystemTime;

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::json;

use super::*;

fn answer(status: u16, body: &str) -> ElevenLabsError {
    ElevenLabsError::Answer(Answer::parse(status, &HeaderMap::new(), body.as_bytes()))
}

fn current(kind: &str, code: &str, status: &str, message: &str) -> String {
    json!({"detail": {"type": kind, "code": code, "message": message, "status": status, "request_id": "r1"}})
        .to_string()
}

fn partial(status: &str, message: &str) -> String {
    json!({"detail": {"status": status, "message": message}}).to_string()
}

#[test]
fn every_known_answer_is_read() {
    use ProviderFailure::{Broken, Busy, Refused, Rejected, Timeout};
    let gone = current("authorization_error", "subscription_required", "output_format_not_allowed", "Pro and above");
    let validation = r#"{"detail":[{"type":"missing","loc":["body","text"],"msg":"Field required","input":null}]}"#;
    // status, body, failure, repeatable, hopeless
    let table = [
        // As recorded from the service.
        (
            401,
            current("authentication_error", "unauthorized", "invalid_api_key", "Invalid API key"),
            Refused,
            false,
            true,
        ),
        (400, current("authentication_error", "invalid_api_key", "", "API key is invalid."), Refused, false, true),
        (
            404,
            current("not_found", "voice_not_found", "", "A voice with voice_id 'x' was not found."),
            Rejected,
            false,
            true,
        ),
        (403, gone, Refused, false, true),
        (422, validation.to_owned(), Rejected, false, false),
        (400, current("validation_error", "unsupported_model", "", "Use the text-to-dialogue"), Rejected, false, true),
        // As documented.
        (400, current("validation_error", "text_too_long", "", "Too long"), Rejected, false, false),
        (400, partial("max_character_limit_exceeded", "Too long"), Rejected, false, false),
        (401, partial("quota_exceeded", "This request exceeds your quota."), Refused, false, true),
        (400, partial("quota_exceeded", "This request exceeds your quota."), Refused, false, true),
        (402, current("payment_error", "insufficient_credits", "", "No credits"), Refused, false, true),
        (402, partial("payment_required", "Pay"), Refused, false, true),
        (429, partial("too_many_concurrent_requests", "Too many"), Busy, false, false),
        (429, current("rate_limit_error", "concurrent_limit_exceeded", "", "Too many"), Busy, false, false),
        (429, current("rate_limit_error", "rate_limit_exceeded", "", "Slow down"), Busy, true, false),
        (429, partial("system_busy", "Busy"), Busy, true, false),
        // A new name beside an old one that is known, and the other way round.
        (400, current("x", "a_name_of_tomorrow", "invalid_api_key", ""), Refused, false, true),
        (429, current("x", "concurrent_limit_exceeded", "a_name_of_yesterday", ""), Busy, false, false),
        // Without a name: words, then the number.
        (400, r#"{"detail":"Your quota is used up"}"#.to_owned(), Refused, false, true),
        (400, "{}".to_owned(), Rejected, false, false),
        (401, String::new(), Refused, false, true),
        (408, String::new(), Timeout, true, false),
        (409, String::new(), Rejected, false, false),
        (429, String::new(), Busy, true, false),
        (500, "\"oops\"".to_owned(), Broken, true, false),
        (502, "<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned(), Broken, true, false),
        (503, "upstream connect error".to_owned(), Busy, true, false),
        (504, String::new(), Timeout, true, false),
        // A failure of the service stays one, whatever it says.
        (500, "the quota service is down".to_owned(), Broken, true, false),
        (302, String::new(), Broken, true, false),
        // In a body that began well, where the number says nothing.
        (200, current("payment_error", "quota_exceeded", "", "Used up"), Refused, false, true),
        (200, r#"{"detail":"Your quota is used up"}"#.to_owned(), Refused, false, true),
        (200, r#"{"detail":{}}"#.to_owned(), Broken, true, false),
    ];
    for (status, body, failure, repeatable, hopeless) in table {
        let error = answer(status, &body);
        assert_eq!(error.failure(), failure, "{status} {body}");
        assert_eq!(error.repeatable(), repeatable, "{status} {body}");
        assert_eq!(error.hopeless(), hopeless, "{status} {body}");
        assert_eq!(error.status(), status);
    }
}

#[test]
fn every_known_frame_is_read() {
    use ProviderFailure::{Broken, Busy, Refused, Rejected, Unreachable};
    // error, message, failure, may be asked again, hopeless
    let table = [
        (
            "input_timeout_exceeded",
            "Have not received a new text input within the timeout of 20.0 seconds. Streaming input terminated. Please make \
             sure to either feed the input in the timely manner, or to send the end of input text (empty string \"\") when done.",
            Unreachable,
            true,
            false,
        ),
        ("invalid_api_key", "Invalid API key", Refused, false, true),
        ("voice_id_does_not_exist", "A voice with voice_id X does not exist.", Rejected, false, true),
        (
            "max_active_conversations",
            "Maximum simultaneous contexts per WebSocket connection exceeded (5). Please close an existing context before \
             opening a new one.",
            Busy,
            true,
            false,
        ),
        ("detected_unusual_activity", "Unusual activity detected.", Refused, false, true),
        ("quota_exceeded", "This request exceeds your quota of 10000.", Refused, false, true),
        ("", "This request exceeds your quota of 10000.", Refused, false, true),
        ("", "We are sorry, something went wrong. You are not charged for this request.", Broken, true, false),
        (
            "",
            "voice_settings field must be provided in the first message and then either be not provided or not change.",
            Rejected,
            false,
            false,
        ),
        ("a_name_of_tomorrow", "Hm", Broken, true, false),
    ];
    for (error, message, failure, again, hopeless) in table {
        let frame = ElevenLabsError::Frame { error: error.into(), message: message.into() };
        assert_eq!((frame.failure(), frame.hopeless()), (failure, hopeless), "{message}");
        assert_eq!(frame.retry() != Retry::Never, again, "{message}");
        // The same as a close reason, which the protocol cuts at 123 bytes, must mean the same.
        if error != "a_name_of_tomorrow" {
            let reason = message.chars().take(123).collect();
            let closed = ElevenLabsError::Closed { code: Some(1008), reason };
            assert_eq!((closed.failure(), closed.hopeless()), (failure, hopeless), "{message}");
        }
    }
}

#[test]
fn a_close_code_alone_says_little() {
    let close = |code| ElevenLabsError::Closed { code, reason: String::new() };
    for code in [None, Some(1000), Some(1006), Some(1008), Some(1011), Some(1013)] {
        assert!(!close(code).hopeless() && close(code).repeatable(), "{code:?}");
    }
    assert_eq!(close(None).failure(), ProviderFailure::Unreachable);
    assert_eq!(close(Some(1008)).failure(), ProviderFailure::Broken);
}

#[test]
fn retry_after_is_seconds_or_a_date_and_only_where_it_makes_sense() {
    let with = |status, value: &str| {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(value).unwrap())]);
        ElevenLabsError::Answer(Answer::parse(status, &headers, b"")).retry()
    };
    assert_eq!(with(429, "7"), Retry::After(Duration::from_secs(7)));
    assert_eq!(with(503, "7"), Retry::After(Duration::from_secs(7)));
    assert_eq!(with(500, "7"), Retry::After(Duration::from_secs(7)));
    assert_eq!(with(401, "7"), Retry::Never);
    assert_eq!(with(429, "soon"), Retry::After(BUSY));
    assert_eq!(with(429, "Wed, 21 Oct 2015 07:28:00 GMT"), Retry::After(Duration::ZERO));
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60));
    let Retry::After(delay) = with(429, &date) else { panic!("{date}") };
    assert!((50..=60).contains(&delay.as_secs()), "{delay:?}");
}

#[test]
fn messages_are_for_people_and_short() {
    let key = current("authentication_error", "unauthorized", "invalid_api_key", "Invalid API key");
    assert_eq!(answer(401, &key).to_string(), "HTTP 401 unauthorized r1: Invalid API key");
    let validation = r#"{"detail":[{"type":"missing","loc":["body","items",0],"msg":"Field required"}]}"#;
    assert_eq!(answer(422, validation).to_string(), "HTTP 422: body.items.0: Field required");
    let page = format!("<html>\r\n\t{}\u{1b}[31m", "x ".repeat(5_000));
    let message = answer(502, &page).to_string();
    assert!(message.len() < 400 && !message.contains(char::is_control), "{message}");
}

#[test]
fn a_key_that_is_repeated_is_masked() {
    let key = ApiKey::from("sk_0123456789");
    let said = "the key sk_0123456789 is wrong";
    let errors = [
        answer(401, &partial("sk_0123456789", said)),
        answer(500, said),
        ElevenLabsError::Frame { error: said.into(), message: said.into() },
        ElevenLabsError::Closed { code: Some(1008), reason: said.into() },
        ElevenLabsError::Protocol(said.into()),
    ];
    for error in errors {
        let error = error.without(&key);
        let said = format!("{error} {error:?}");
        let said = format!("{said} {:?}", error.into_tts("elevenlabs_http"));
        assert!(said.contains("***") && !said.contains("sk_0123456789"), "{said}");
    }
}

#[test]
fn a_key_is_masked_before_a_message_is_cut() {
    let key = ApiKey::from("sk_0123456789");
    for begins in 280..300 {
        let said = format!("{}sk_0123456789 is wrong", "x".repeat(begins));
        let told = answer(500, &said).without(&key).to_string();
        assert!(!told.contains("sk_") && told.len() < 320, "{told}");
    }
}

proptest::proptest! {
    #[test]
    fn no_body_breaks_the_reader(status in 100u16..600, body in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let error = ElevenLabsError::Answer(Answer::parse(status, &HeaderMap::new(), &body));
        let _ = (error.failure(), error.retry(), error.to_string());
    }
}
