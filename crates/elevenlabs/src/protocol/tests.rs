use proptest::prelude::*;

use super::*;

const VOICE: VoiceSettings =
    VoiceSettings { stability: 0.5, similarity_boost: 0.8, style: 0.0, use_speaker_boost: false, speed: 1.0 };

fn json(message: ClientMessage<'_>, place: Place<'_>) -> Value {
    serde_json::from_str(&message.encode(place)).unwrap()
}

#[test]
fn messages_are_flat_and_differ_by_interface() {
    use serde_json::json;
    let context = Place::Context("7");
    let text = ClientMessage::Text { text: "Hi. ", try_trigger_generation: true, flush: false };
    assert_eq!(json(text, Place::Single), json!({"text": "Hi. ", "try_trigger_generation": true}));
    assert_eq!(json(text, context), json!({"text": "Hi. ", "try_trigger_generation": true, "context_id": "7"}));
    assert_eq!(json(ClientMessage::Flush, Place::Single), json!({"text": " ", "flush": true}));
    assert_eq!(json(ClientMessage::Flush, context), json!({"flush": true, "context_id": "7"}));
    assert_eq!(json(ClientMessage::KeepAlive, Place::Single), json!({"text": " "}));
    assert_eq!(json(ClientMessage::KeepAlive, context), json!({"text": "", "context_id": "7"}));
    assert_eq!(json(ClientMessage::Close, Place::Single), json!({"text": ""}));
    assert_eq!(json(ClientMessage::Close, context), json!({"context_id": "7", "close_context": true}));
}

#[test]
fn the_first_message_holds_what_is_fixed_for_the_utterance() {
    let open = ClientMessage::Open { voice: &VOICE, schedule: Some(&[50, 120]), key: Some("k") };
    let settings = r#"{"stability":0.5,"similarity_boost":0.8,"style":0.0,"use_speaker_boost":false,"speed":1.0}"#;
    assert_eq!(
        open.encode(Place::Context("a")),
        format!(
            r#"{{"text":" ","context_id":"a","voice_settings":{settings},"generation_config":{{"chunk_length_schedule":[50,120]}},"xi-api-key":"k"}}"#
        )
    );
    let bare = ClientMessage::Open { voice: &VOICE, schedule: None, key: None };
    assert_eq!(bare.encode(Place::Single), format!(r#"{{"text":" ","voice_settings":{settings}}}"#));
}

#[test]
fn sound_comes_with_or_without_alignment_in_either_spelling() {
    let camel = br#"{"audio":"AQID","isFinal":null,"contextId":"7","normalizedAlignment":{"chars":[" ","H"]},
        "alignment":{"chars":["H","i"],"charStartTimesMs":[0,70],"charDurationsMs":[70,50.5]}}"#;
    let snake = br#"{"audio":"AQI\u0044","is_final":false,"context_id":"7",
        "alignment":{"chars":["H","i"],"charsStartTimesMs":[0,70],"charsDurationsMs":[70,50.5]}}"#;
    let alignment =
        Alignment { chars: vec!["H".into(), "i".into()], start_ms: vec![0.0, 70.0], end_ms: vec![70.0, 120.5] };
    for bytes in [&camel[..], &snake[..]] {
        let message = ServerMessage::parse(bytes).unwrap();
        assert_eq!(message.context.as_deref(), Some("7"));
        assert_eq!(message.audio, Some(Ok(vec![1, 2, 3])));
        assert_eq!(message.alignment, Some(alignment.clone()));
        assert!(!message.is_final && message.error.is_none());
    }
    let tail = ServerMessage::parse(br#"{"audio":"AQ==","isFinal":null,"normalizedAlignment":null,"alignment":null}"#);
    assert_eq!(tail.unwrap(), ServerMessage { audio: Some(Ok(vec![1])), ..Default::default() });
    let both = ServerMessage::parse(br#"{"contextId":"7","context_id":"7","isFinal":true,"is_final":true}"#).unwrap();
    assert!(both.is_final);
}

#[test]
fn an_alignment_may_have_both_spellings_at_once() {
    let message = ServerMessage::parse(
        br#"{"audio":"AQID","alignment":{"chars":["H"],"charStartTimesMs":[5],"charsStartTimesMs":[5],
        "charDurationsMs":null,"charsDurationsMs":[70]}}"#,
    );
    let alignment = Alignment { chars: vec!["H".into()], start_ms: vec![5.0], end_ms: vec![75.0] };
    assert_eq!(message.unwrap().alignment, Some(alignment));
}

#[test]
fn an_alignment_that_cannot_be_read_leaves_the_sound() {
    for alignment in [
        r#"{"chars":["H",null],"charStartTimesMs":[0,1],"charDurationsMs":[1,1]}"#,
        r#"{"chars":["H","i"],"charStartTimesMs":[0,null],"charDurationsMs":[1,1]}"#,
        r#"{"chars":["H","i"],"charStartTimesMs":[0],"charDurationsMs":[1,1]}"#,
        r#"{"chars":["H","i"],"charStartTimesMs":[0,1],"charDurationsMs":[1]}"#,
        r#"{"chars":["H"],"charStartTimesMs":[0,1],"charDurationsMs":[1,1]}"#,
        r#"{"chars":"H","charStartTimesMs":[0],"charDurationsMs":[1]}"#,
        r#"{"chars":["H"],"charDurationsMs":[1]}"#,
        "{}",
        "[]",
        "7",
    ] {
        let text = format!(r#"{{"audio":"AQ==","contextId":"7","alignment":{alignment}}}"#);
        let expected =
            ServerMessage { context: Some("7".into()), audio: Some(Ok(vec![1])), ..ServerMessage::default() };
        assert_eq!(ServerMessage::parse(text.as_bytes()).unwrap(), expected, "{alignment}");
    }
}

#[test]
fn the_end_has_no_sound() {
    let message = ServerMessage::parse(br#"{"audio":null,"isFinal":true,"normalizedAlignment":null,"alignment":null}"#);
    assert_eq!(message.unwrap(), ServerMessage { is_final: true, ..Default::default() });
}

#[test]
fn errors_are_told_by_name_by_message_or_both() {
    let error = |bytes: &[u8]| ServerMessage::parse(bytes).unwrap().error.map(|told| (told.error, told.message));
    let told = |error: &str, message: &str| Some((error.to_owned(), message.to_owned()));
    assert_eq!(
        error(br#"{"message":"Invalid API key","error":"invalid_api_key","code":1008}"#),
        told("invalid_api_key", "Invalid API key")
    );
    assert_eq!(error(br#"{"message":"We are sorry","code":"1008"}"#), told("", "We are sorry"));
    assert_eq!(error(br#"{"error":{"type":"x"}}"#), told(r#"{"type":"x"}"#, ""));
    assert_eq!(error(br#"{"audio":"","message":"note","error":null}"#), None);
}

#[test]
fn bad_sound_spoils_its_own_utterance_only() {
    let message = ServerMessage::parse(br#"{"audio":"???","contextId":"7"}"#).unwrap();
    assert_eq!((message.audio, message.context.as_deref()), (Some(Err(BadAudio)), Some("7")));
    assert_eq!(ServerMessage::parse(br#"{"audio":"AQ"}"#).unwrap().audio, Some(Ok(vec![1])), "padding may be missing");
    for nonsense in [&b"{"[..], b"", b"[]", b"7", br#"{"audio":7}"#, b"\xff"] {
        assert!(ServerMessage::parse(nonsense).is_err());
    }
}

proptest! {
    #[test]
    fn no_bytes_can_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ServerMessage::parse(&bytes);
    }

    #[test]
    fn no_values_can_break_it(
        audio in any::<String>(),
        chars in prop::collection::vec(any::<String>(), 0..4),
        times in prop::collection::vec(any::<f64>(), 0..4),
    ) {
        let text = serde_json::json!({
            "audio": audio,
            "alignment": {"chars": chars, "charStartTimesMs": times, "charDurationsMs": times},
        });
        let _ = ServerMessage::parse(text.to_string().as_bytes());
    }

    #[test]
    fn any_sound_arrives_as_it_was_sent(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let text = serde_json::json!({"audio": BASE64.encode(&bytes)}).to_string();
        prop_assert_eq!(ServerMessage::parse(text.as_bytes()).unwrap().audio, Some(Ok(bytes)));
    }

    #[test]
    fn any_text_is_valid_json(text in any::<String>()) {
        let message = ClientMessage::Text { text: &text, try_trigger_generation: false, flush: true };
        prop_assert_eq!(json(message, Place::Single)["text"].take(), Value::String(text.clone()));
    }
}
