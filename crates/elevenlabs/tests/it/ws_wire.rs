//! What goes over the wire, as the emulator got it.

use std::time::Duration;

use elevenlabs_emulator::{Event, Faults, Trigger};
use evervoice_elevenlabs::config::WsEndpoint;
use serde_json::json;

use crate::support::{emulator, emulator_with, frames, provider, request, settings, speak, until};

#[tokio::test]
async fn a_context_is_closed_after_its_first_sound() {
    let emulator = emulator().await;
    let provider = provider(settings(&emulator));
    speak(&provider, request("Hello there.").with_voice(Some("berta".into()))).await.unwrap();
    until("closed", || emulator.open_contexts() == 0).await;
    let sent: Vec<_> = frames(&emulator).into_iter().map(|(_, json)| json).collect();
    let voice =
        json!({"stability": 0.5, "similarity_boost": 0.8, "style": 0.0, "use_speaker_boost": false, "speed": 1.0});
    let rounded: Vec<_> = sent.iter().map(|json| rounded(json.clone())).collect();
    assert_eq!(
        rounded,
        [
            json!({"text": " ", "context_id": "1", "voice_settings": voice}),
            json!({"text": "Hello there. ", "context_id": "1", "try_trigger_generation": true, "flush": true}),
            json!({"context_id": "1", "close_context": true}),
        ]
    );
}

/// 0.8 as f32 is not 0.8 as f64.
fn rounded(mut json: serde_json::Value) -> serde_json::Value {
    if let Some(voice) = json.get_mut("voice_settings").and_then(|voice| voice.as_object_mut()) {
        for value in voice.values_mut().filter(|value| value.is_f64()) {
            *value = json!((value.as_f64().unwrap() * 1000.0).round() / 1000.0);
        }
    }
    json
}

#[tokio::test]
async fn a_single_socket_is_told_all_at_once() {
    let emulator = emulator().await;
    let mut settings = settings(&emulator);
    (settings.ws_endpoint, settings.ws_auto_mode) = (WsEndpoint::Single, false);
    speak(&provider(settings), request("Hello there.")).await.unwrap();
    let sent: Vec<_> = frames(&emulator).into_iter().map(|(_, json)| json).collect();
    assert_eq!(sent[0]["generation_config"], json!({"chunk_length_schedule": [120, 160, 250, 290]}));
    assert_eq!(sent[1], json!({"text": "Hello there. ", "try_trigger_generation": true, "flush": true}));
    assert_eq!(sent[2], json!({"text": ""}));
    assert_eq!(sent.len(), 3);
}

#[tokio::test]
async fn the_key_goes_in_the_header_or_in_the_first_message() {
    for in_message in [false, true] {
        for endpoint in [WsEndpoint::Multi, WsEndpoint::Single] {
            let emulator = emulator().await;
            let mut settings = settings(&emulator);
            (settings.ws_key_in_first_message, settings.ws_endpoint) = (in_message, endpoint);
            let heard = speak(&provider(settings), request("Hello.")).await.unwrap();
            assert_eq!(heard.text(), "Hello.");
            let header = emulator.log().iter().any(
                |received| matches!(&received.event, Event::Upgrade { headers, .. } if headers.contains_key("xi-api-key")),
            );
            let message = frames(&emulator)[0].1.get("xi-api-key").is_some();
            assert_eq!((header, message), (!in_message, in_message));
        }
    }
}

#[tokio::test]
async fn the_address_tells_what_is_fixed_for_a_socket() {
    let emulator = emulator().await;
    let mut settings = settings(&emulator);
    (settings.seed, settings.language_code) = (Some(7), Some("ru".into()));
    let provider = provider(settings);
    speak(&provider, request("Привет.").with_voice(Some("voice-b".into()))).await.unwrap();
    let log = emulator.log();
    let asked = log.iter().find_map(|received| match &received.event {
        Event::Upgrade { path, query, .. } if path.contains("voice-b") => Some((path.clone(), query.clone())),
        _ => None,
    });
    let (path, query) = asked.unwrap();
    assert_eq!(path, "/v1/text-to-speech/voice-b/multi-stream-input");
    for (name, value) in [
        ("model_id", "eleven_flash_v2_5"),
        ("output_format", "pcm_16000"),
        ("inactivity_timeout", "20"),
        ("auto_mode", "true"),
        ("sync_alignment", "true"),
        ("language_code", "ru"),
        ("seed", "7"),
    ] {
        assert_eq!(query.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[tokio::test]
async fn tls_is_trusted_by_its_certificate_only() {
    let emulator = emulator_with(|config| config.tls = true).await;
    let mut settings = settings(&emulator);
    settings.ws_base_url = emulator.wss_url();
    let untrusting = provider(settings.clone());
    let Err(error) = speak(&untrusting, request("Hello.")).await else { panic!("an unknown certificate is trusted") };
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("certificate"), "whoever reads this must know what to mend: {cause}");
    settings.trusted_pem = emulator.certificate_pem().to_owned();
    assert_eq!(speak(&provider(settings), request("Hello.")).await.unwrap().text(), "Hello.");
}

#[tokio::test]
async fn a_context_is_not_closed_before_its_text_was_heard_of() {
    // The emulator loses the sound of contexts that are closed too early, as the real service did.
    let emulator = emulator_with(|config| config.first_byte = Duration::from_millis(30)).await;
    let provider = provider(settings(&emulator));
    emulator.set_faults(Faults { ws_close_race: Some(Trigger::always()), ..Faults::default() });
    for text in ["One.", "Two and a half."] {
        assert_eq!(speak(&provider, request(text)).await.unwrap().text(), text);
    }
}
