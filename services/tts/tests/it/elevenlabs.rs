//! ElevenLabs in front of the local voice, through real sockets, against the emulator. Its sound is the text: what was heard
//! is read back from the answer.

use std::time::Duration;

use elevenlabs_emulator::{Config, Emulator, Fault, Faults, Group, Trigger, decode};
use evervoice_tts::{
    TtsSettings,
    config::{ProviderChoice, ProviderName},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::harness::{TestService, code};

pub const WS: ProviderName = ProviderName::ElevenLabsWs;
pub const HTTP: ProviderName = ProviderName::ElevenLabsHttp;
pub const LOCAL: ProviderName = ProviderName::Local;

const TEXT: &str = "The quick brown fox jumps over the lazy dog, and 12 more.";

/// Longer than any request may take with the time limits of [`hurried`].
const DEADLINE: Duration = Duration::from_secs(20);

pub struct Stage {
    pub emulator: Emulator,
    pub service: TestService,
}

/// A service whose providers are `chain`.
pub async fn stage(chain: &[ProviderName], change: impl FnOnce(&mut TtsSettings)) -> Stage {
    let emulator = Emulator::start(Config { tone_ms: 20, ..Config::default() }).await.unwrap();
    let service = TestService::with(|settings| {
        providers(settings, chain, &emulator);
        change(settings);
    })
    .await;
    Stage { emulator, service }
}

/// The providers are `chain`, and ElevenLabs is the emulator.
pub fn providers(settings: &mut TtsSettings, chain: &[ProviderName], emulator: &Emulator) {
    settings.provider = ProviderChoice::ElevenLabs;
    settings.chain = chain.to_vec();
    settings.elevenlabs.api_key = "test-key".into();
    settings.elevenlabs.voice_id = "JBFqnCBsd6RMkjVDRZzb".into();
    settings.elevenlabs.model_id = "eleven_flash_v2_5".into();
    settings.elevenlabs.http_base_url = emulator.http_url();
    settings.elevenlabs.ws_base_url = emulator.ws_url();
}

/// Time limits of a test's patience, and no breaker: every request meets the fault.
pub fn hurried(settings: &mut TtsSettings) {
    let e = &mut settings.elevenlabs;
    (e.http_timeout_sec, e.http_stall_timeout_sec, e.http_max_retries) = (1.0, 0.3, 1);
    (e.ws_connect_timeout_sec, e.ws_first_audio_timeout_sec, e.ws_stall_timeout_sec) = (0.5, 0.4, 0.3);
    e.ws_context_close_timeout_sec = 0.4;
    settings.speech.first_audio_timeout = 1.5;
    settings.speech.breaker_failures = 1_000_000;
    settings.speech.breaker_open = 0.1;
    settings.speech.breaker_longest = 0.1;
    settings.speech.max_utterances = 1_000;
}

/// How a request ended.
#[derive(Debug, PartialEq)]
pub enum Ended {
    Whole {
        provider: String,
        samples: Vec<i16>,
    },
    /// The body broke off.
    Cut,
    Refused(u16, String),
}

pub async fn speak(service: &TestService, text: &str) -> Ended {
    let work = async {
        let response = service.speak(&json!({ "text": text }).to_string()).await;
        if response.status() != 200 {
            let (status, code) = code(response).await;
            return Ended::Refused(status, code);
        }
        let provider = response.headers()["x-voice-provider"].to_str().unwrap().to_owned();
        match response.bytes().await {
            Err(_) => Ended::Cut,
            Ok(bytes) => {
                assert_eq!(bytes.len() % 2, 0, "a torn sample");
                let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                Ended::Whole { provider, samples }
            }
        }
    };
    tokio::time::timeout(DEADLINE, work).await.expect("the request has no end")
}

/// Who spoke, and what.
async fn heard(service: &TestService, text: &str) -> (String, String) {
    match speak(service, text).await {
        Ended::Whole { provider, samples } => (provider, words(&decode(&samples, 16_000))),
        other => panic!("{other:?}"),
    }
}

/// What failed so far, for the message of an assertion.
pub async fn failures(service: &TestService) -> String {
    let text = service.get("/metrics").await.text().await.unwrap();
    const FAILURES: [&str; 3] = ["tts_provider_failed", "tts_provider_switch", "elevenlabs_ws_errors"];
    let lines = text.lines().filter(|line| FAILURES.iter().any(|name| line.starts_with(name)));
    lines.fold(String::new(), |all, line| all + "\n" + line)
}

/// Where two providers met, the space between the words is nobody's.
pub fn words(text: &str) -> String {
    text.split_whitespace().collect()
}

#[tokio::test]
async fn a_text_is_spoken_over_a_warm_socket() {
    let Stage { emulator, service } = stage(&[WS, HTTP, LOCAL], |_| {}).await;
    assert_eq!(heard(&service, TEXT).await, ("elevenlabs_ws".into(), words(TEXT)));
    let russian = "Стоимость 12000 рублей.";
    assert_eq!(heard(&service, russian).await, ("elevenlabs_ws".into(), words(russian)));
    assert_eq!(service.metric("elevenlabs_first_audio_ms_count{mode=\"ws\"}").await, 2.0);
    assert_eq!(service.metric("tts_utterances_total{provider=\"elevenlabs_ws\",outcome=\"complete\"}").await, 2.0);
    assert_eq!(service.metric("elevenlabs_ws_finals_total").await, 2.0);
    assert_eq!(failures(&service).await, "");
    let health: Value = service.get("/health").await.json().await.unwrap();
    for provider in ["elevenlabs_ws", "elevenlabs_http", "local"] {
        let part = &health["parts"][provider];
        assert_eq!((&part["status"], &part["breaker"]), (&json!("ok"), &json!("closed")), "{health}");
    }
    assert!(!health.to_string().contains("test-key"));
    drop(emulator);
}

#[tokio::test]
async fn what_one_provider_cannot_another_one_can() {
    let Stage { emulator: _emulator, service } = stage(&[WS, HTTP, LOCAL], |_| {}).await;
    let response = service.speak(r#"{"text": "Very fast.", "speed": 1.9}"#).await;
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    assert_eq!(response.headers()["x-voice-provider"], "local", "ElevenLabs speaks at 0.7 to 1.2");
    let response = service.speak(r#"{"text": "By name.", "voice": "en-us-slt-distilled"}"#).await;
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    assert_eq!(response.headers()["x-voice-provider"], "local");
    let response = service.speak(r#"{"text": "By id.", "voice": "JBFqnCBsd6RMkjVDRZzb"}"#).await;
    assert_eq!(response.headers()["x-voice-provider"], "elevenlabs_ws");
    let nobody = service.speak(r#"{"text": "x", "voice": "nobody"}"#).await;
    assert_eq!(code(nobody).await, (422, "unknown_voice".to_owned()));
    assert_eq!(code(service.speak(r#"{"text": "?!"}"#).await).await, (422, "nothing_to_speak".to_owned()));
}

#[tokio::test]
async fn before_the_first_sound_the_next_one_speaks() {
    // Nobody gets company: each one is heard to fail.
    let Stage { emulator, service } = stage(&[WS, HTTP, LOCAL], |settings| {
        hurried(settings);
        settings.speech.first_audio_budget_ms = None;
    })
    .await;
    emulator.set_faults(Faults::only(Fault::WsSilent, Trigger::always()));
    assert_eq!(heard(&service, TEXT).await, ("elevenlabs_http".into(), words(TEXT)));
    let both = Faults { http_5xx: Some(Trigger::always()), ..Faults::only(Fault::WsSilent, Trigger::always()) };
    emulator.set_faults(both);
    let Ended::Whole { provider, .. } = speak(&service, TEXT).await else { panic!("cut") };
    assert_eq!(provider, "local");
    assert!(service.metric("tts_provider_failed_total{provider=\"elevenlabs_ws\"").await >= 1.0);
}

#[tokio::test]
async fn who_is_slow_gets_company() {
    let Stage { emulator, service } = stage(&[WS, HTTP], |settings| {
        hurried(settings);
        settings.elevenlabs.ws_first_audio_timeout_sec = 1.4;
        settings.speech.first_audio_budget_ms = Some(50);
        (settings.speech.breaker_failures, settings.speech.breaker_open) = (1, 60.0);
        settings.speech.breaker_longest = 60.0;
    })
    .await;
    emulator.set_faults(Faults::only(Fault::WsLost, Trigger::always()));
    assert_eq!(heard(&service, TEXT).await, ("elevenlabs_http".into(), words(TEXT)));
    let hedged = "tts_hedged_total{slow=\"elevenlabs_ws\",won=\"elevenlabs_http\"}";
    assert_eq!(service.metric(hedged).await, 1.0);
    assert_eq!(service.metric("tts_breaker{provider=\"elevenlabs_ws\"}").await, 1.0, "nobody waits for it again");
    assert_eq!(service.metric("tts_provider_failed_total").await, 0.0, "{}", failures(&service).await);
    assert_eq!(heard(&service, TEXT).await.0, "elevenlabs_http");
    assert_eq!(service.metric(hedged).await, 1.0);
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_alone_and_comes_back() {
    let Stage { emulator, service } = stage(&[WS, LOCAL], |settings| {
        hurried(settings);
        settings.speech.breaker_failures = 2;
        (settings.speech.breaker_open, settings.speech.breaker_longest) = (1.0, 1.0);
    })
    .await;
    emulator.set_faults(Faults::only(Fault::WsSilent, Trigger::always()));
    for _ in 0..2 {
        speak(&service, TEXT).await;
    }
    let health: Value = service.get("/health").await.json().await.unwrap();
    assert_eq!((&health["status"], &health["parts"]["elevenlabs_ws"]["breaker"]), (&json!("degraded"), &json!("open")));
    assert_eq!(service.metric("tts_breaker{provider=\"elevenlabs_ws\"}").await, 1.0);
    let texts = |emulator: &Emulator| emulator.log().len();
    let before = texts(&emulator);
    let Ended::Whole { provider, .. } = speak(&service, TEXT).await else { panic!("cut") };
    assert_eq!((provider.as_str(), texts(&emulator)), ("local", before), "nobody asked it");
    emulator.set_faults(Faults::default());
    let back = async {
        while heard(&service, TEXT).await.0 != "elevenlabs_ws" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, back).await.expect("it does not come back");
}

#[tokio::test]
async fn after_an_outage_nobody_waits_for_the_end_of_a_pause() {
    let Stage { emulator, service } = stage(&[WS, LOCAL], |settings| {
        settings.speech.breaker_failures = 1;
        // As after a long outage.
        (settings.speech.breaker_open, settings.speech.breaker_longest) = (3600.0, 3600.0);
        // Nobody is in a hurry.
        settings.speech.first_audio_budget_ms = None;
        settings.speech.first_audio_timeout = 15.0;
        settings.elevenlabs.ws_first_audio_timeout_sec = 10.0;
    })
    .await;
    assert_eq!(heard(&service, TEXT).await.0, "elevenlabs_ws");
    let at_once = Trigger { after_audio_ms: Some(0), delay_ms: Some(0), ..Trigger::always() };
    let gone = Faults { ws_handshake_reset: Some(Trigger::always()), ..Faults::only(Fault::WsReset, at_once) };
    emulator.set_faults(gone);
    speak(&service, TEXT).await;
    let part = async || service.get("/health").await.json::<Value>().await.unwrap()["parts"]["elevenlabs_ws"].clone();
    let left_alone = part().await;
    assert_eq!(left_alone["breaker"], "open", "{left_alone}");
    assert!(left_alone["open_ms"].as_u64().unwrap() > 3_000_000, "{left_alone}");
    assert_eq!(heard(&service, TEXT).await.0, "local");
    emulator.set_faults(Faults::default());
    let back = async {
        while part().await["breaker"] != "half_open" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, back).await.expect("it does not come back");
    assert_eq!(heard(&service, TEXT).await, ("elevenlabs_ws".into(), words(TEXT)));
    assert_eq!(part().await["breaker"], "closed");
}

#[tokio::test]
async fn in_the_middle_of_an_utterance_the_next_one_goes_on() {
    let Stage { emulator, service } = stage(&[WS, HTTP], hurried).await;
    for fault in [
        Fault::WsReset,
        Fault::WsAbnormalClose,
        Fault::WsInternalError,
        Fault::WsEarlyClose,
        Fault::WsHalfOpen,
        Fault::WsStall,
        Fault::WsMalformedJson,
        Fault::WsBadBase64,
    ] {
        for after in [100, 300, 500] {
            let trigger = Trigger { after_audio_ms: Some(after), ..Trigger::always() };
            emulator.set_faults(Faults::only(fault, trigger));
            let (provider, text) = heard(&service, TEXT).await;
            assert_eq!((provider.as_str(), text), ("elevenlabs_ws", words(TEXT)), "{fault:?} after {after} ms");
        }
    }
    assert!(service.metric("tts_provider_switch_total").await > 0.0);
}

/// Every switch one by one, without a local voice: whole sound, a cut that the client sees, or a problem.
#[tokio::test]
async fn each_fault_ends_visibly() {
    for fault in Fault::ALL {
        let chain: &[ProviderName] = match fault.group() {
            Group::Request => &[HTTP],
            _ => &[WS],
        };
        let Stage { emulator, service } = stage(chain, hurried).await;
        let trigger = Trigger { delay_ms: Some(100), after_audio_ms: Some(200), ..Trigger::always() };
        emulator.set_faults(Faults::only(*fault, trigger));
        // The first ones may find a socket that was opened before the fault.
        for _ in 0..3 {
            match speak(&service, TEXT).await {
                Ended::Whole { samples, .. } => {
                    assert_eq!(words(&decode(&samples, 16_000)), words(TEXT), "{fault:?}");
                }
                Ended::Cut => {}
                Ended::Refused(status, code) => {
                    assert!(status >= 500 && code.starts_with("provider_"), "{fault:?}: {status} {code}");
                }
            }
        }
    }
}

/// Every switch one by one, with the local voice behind: always whole.
#[tokio::test]
async fn with_the_local_voice_each_fault_is_covered() {
    for fault in Fault::ALL {
        let Stage { emulator, service } = stage(&[WS, HTTP, LOCAL], hurried).await;
        let mut faults = Faults::only(*fault, Trigger { delay_ms: Some(100), ..Trigger::always() });
        // Over HTTP only when there is nobody before it.
        if fault.group() == Group::Request {
            faults.ws_upgrade_refused = Some(Trigger::always());
        }
        emulator.set_faults(faults);
        for _ in 0..2 {
            let ended = speak(&service, TEXT).await;
            assert!(matches!(ended, Ended::Whole { .. }), "{fault:?}: {ended:?} {}", failures(&service).await);
        }
    }
}

/// Two thousand requests, random faults in a fifth of them.
#[tokio::test]
async fn random_faults_are_not_heard() {
    let Stage { emulator, service } = stage(&[WS, HTTP, LOCAL], hurried).await;
    emulator.set_faults(Faults { rate: 0.2, seed: 3, ..Faults::default() });
    let service = &service;
    let ended: Vec<(String, Ended)> = stream::iter(0..2_000)
        .map(|number| async move {
            let text = format!("Number {number} of the random ones.");
            let ended = speak(service, &text).await;
            (text, ended)
        })
        .buffer_unordered(32)
        .collect()
        .await;
    let mut by_tones = 0;
    for (text, ended) in &ended {
        let Ended::Whole { samples, .. } = ended else { panic!("{text}: {ended:?}") };
        by_tones += usize::from(words(&decode(samples, 16_000)) == words(text));
    }
    // The others were spoken by the local voice, from some word on.
    let switched = service.metric("tts_utterances_total{provider=\"local\",outcome=\"complete\"}").await;
    let failures = failures(service).await;
    assert!(by_tones > 500, "{by_tones} of 2000 by ElevenLabs alone, {switched} by the local voice{failures}");
    assert_eq!(service.metric("tts_active").await, 0.0);
}

#[tokio::test]
async fn without_a_key_the_local_voice_speaks() {
    let service = TestService::start().await;
    let health: Value = service.get("/health").await.json().await.unwrap();
    assert!(health["parts"].get("elevenlabs_ws").is_none());
    assert_eq!(service.speak(r#"{"text": "Hello."}"#).await.headers()["x-voice-provider"], "local");
}
