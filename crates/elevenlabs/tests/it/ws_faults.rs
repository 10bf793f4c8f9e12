//! Each way in which the WebSocket interfaces fail: the whole sound, or an error that says what is wrong. Never a hang.

use std::time::Duration;

use elevenlabs_emulator::{Fault, Faults, Group, Trigger};
use evervoice_core::tts::{ProviderFailure, TtsError, TtsProvider};
use evervoice_elevenlabs::{ElevenLabsSettings, WebSocketProvider, config::WsEndpoint};
use futures_util::{StreamExt, stream};

use crate::support::{
    Heard, emulator, emulator_with, failure, frames, in_use, provider, ready, request, settings, speak, until, upgrades,
};

const TEXT: &str = "The first of several sentences. Then comes the second one, which is longer, and the third.";

/// Limits short enough to wait for.
fn hasty(settings: ElevenLabsSettings) -> ElevenLabsSettings {
    ElevenLabsSettings {
        ws_first_audio_timeout_sec: 1.5,
        ws_stall_timeout_sec: 1.5,
        ws_connect_timeout_sec: 1.5,
        ws_context_close_timeout_sec: 0.3,
        ..settings
    }
}

async fn filled(provider: &WebSocketProvider) {
    until("ready", || ready(provider) == 2).await;
}

/// How an utterance ended: whole, refused before any sound, or broken off.
#[derive(Debug, PartialEq)]
enum End {
    Whole,
    Refused(ProviderFailure),
    Cut(ProviderFailure),
}

fn end(outcome: Result<Heard, TtsError>, text: &str) -> End {
    match outcome {
        Err(error) => End::Refused(failure(&error)),
        Ok(heard) => match heard.failure() {
            Some(failure) => {
                let heard_text = heard.text();
                assert!(text.starts_with(&heard_text), "{heard_text:?}");
                // Who goes on from the last place that was told loses nothing and repeats nothing.
                let place = heard.chunks.last().unwrap().text_end.unwrap();
                assert_eq!(text[..place].trim(), heard_text);
                End::Cut(failure)
            }
            None => {
                assert_eq!(heard.text(), text);
                End::Whole
            }
        },
    }
}

/// With every socket failing in the same way, also a fresh one.
#[tokio::test]
async fn each_fault_within_the_sound_is_told_for_what_it_is() {
    use ProviderFailure::{Broken, Busy, Refused, Timeout, Unreachable};
    let cases = [
        (Fault::WsReset, End::Cut(Unreachable)),
        (Fault::WsAbnormalClose, End::Cut(Unreachable)),
        (Fault::WsInternalError, End::Cut(Broken)),
        (Fault::WsEarlyClose, End::Cut(Unreachable)),
        (Fault::WsHalfOpen, End::Cut(Timeout)),
        (Fault::WsSomethingWrong, End::Cut(Broken)),
        (Fault::WsQuotaExceeded, End::Cut(Refused)),
        (Fault::WsUnusualActivity, End::Cut(Refused)),
        (Fault::WsInputTimeout, End::Cut(Unreachable)),
        (Fault::WsTooManyAtOnce, End::Cut(Busy)),
        (Fault::WsStall, End::Cut(Timeout)),
        (Fault::WsSilent, End::Refused(Broken)),
        (Fault::WsLost, End::Refused(Timeout)),
        (Fault::WsNoFinal, End::Whole),
        (Fault::WsLateAudio, End::Whole),
        (Fault::WsLargeFrame, End::Whole),
        (Fault::WsMalformedJson, End::Cut(Broken)),
        (Fault::WsBadBase64, End::Cut(Broken)),
    ];
    let one = async |(fault, expected, endpoint): (Fault, &End, WsEndpoint)| {
        let emulator = emulator().await;
        let mut settings = hasty(settings(&emulator));
        settings.ws_endpoint = endpoint;
        let provider = provider(settings);
        filled(&provider).await;
        emulator.set_faults(Faults::only(fault, Trigger::always().after_audio(Duration::from_millis(300))));
        let outcome = end(speak(&provider, request(TEXT)).await, TEXT);
        // A context that is never told to close says nothing at all until its listener gives up.
        let silent = fault == Fault::WsSilent && endpoint == WsEndpoint::Multi;
        let expected = if silent { &End::Refused(Timeout) } else { expected };
        assert_eq!(&outcome, expected, "{fault:?} {endpoint:?}");
        emulator.set_faults(Faults::default());
        until("no place is taken", || in_use(&provider) == 0).await;
    };
    let both = [WsEndpoint::Multi, WsEndpoint::Single];
    let all = cases.iter().flat_map(|(fault, expected)| both.map(|endpoint| (*fault, expected, endpoint)));
    stream::iter(all).map(one).buffer_unordered(8).for_each(async |()| {}).await;
}

#[tokio::test]
async fn a_socket_that_waited_and_fails_before_any_sound_is_replaced_once() {
    let one = async |fault: &Fault| {
        let emulator = emulator().await;
        let provider = provider(hasty(settings(&emulator)));
        filled(&provider).await;
        emulator.set_faults(Faults::only(*fault, Trigger::once().after_audio(Duration::ZERO)));
        let expected = match fault {
            // Another socket would fare no better.
            Fault::WsQuotaExceeded | Fault::WsUnusualActivity => End::Refused(ProviderFailure::Refused),
            Fault::WsTooManyAtOnce => End::Refused(ProviderFailure::Busy),
            _ => End::Whole,
        };
        assert_eq!(end(speak(&provider, request(TEXT)).await, TEXT), expected, "{fault:?}");
    };
    let faults = Fault::ALL.iter().filter(|fault| fault.group() == Group::Utterance);
    stream::iter(faults).map(one).buffer_unordered(8).for_each(async |()| {}).await;
}

#[tokio::test]
async fn nothing_is_said_again_once_it_was_heard() {
    let emulator = emulator().await;
    let provider = provider(hasty(settings(&emulator)));
    filled(&provider).await;
    emulator.set_faults(Faults::only(Fault::WsReset, Trigger::once().after_audio(Duration::from_millis(300))));
    assert_eq!(end(speak(&provider, request(TEXT)).await, TEXT), End::Cut(ProviderFailure::Unreachable));
    let said = frames(&emulator).iter().filter(|(_, json)| json["text"] == format!("{TEXT} ")).count();
    assert_eq!(said, 1);
}

#[tokio::test]
async fn a_fresh_socket_is_not_given_another_chance() {
    let emulator = emulator().await;
    let mut settings = hasty(settings(&emulator));
    settings.pool_size = 0;
    let provider = provider(settings);
    emulator.set_faults(Faults::only(Fault::WsReset, Trigger::once().after_audio(Duration::ZERO)));
    let outcome = end(speak(&provider, request(TEXT)).await, TEXT);
    assert_eq!(outcome, End::Refused(ProviderFailure::Unreachable));
    assert_eq!(upgrades(&emulator), 1);
}

#[tokio::test]
async fn each_refusal_of_a_socket_is_told_for_what_it_is() {
    use ProviderFailure::{Broken, Busy, Refused, Rejected, Timeout, Unreachable};
    for (fault, trigger, expected) in [
        (Fault::WsHandshakeHang, Trigger::always(), Timeout),
        (Fault::WsHandshakeReset, Trigger::always(), Unreachable),
        (Fault::WsUpgradeRefused, Trigger::always(), Broken),
        (Fault::WsUpgradeRefused, Trigger::always().status(401), Refused),
        (Fault::WsUpgradeRefused, Trigger::always().status(429), Busy),
        (Fault::WsInvalidKey, Trigger::always(), Refused),
        (Fault::WsVoiceMissing, Trigger::always(), Rejected),
    ] {
        let mut faults = Faults::only(fault, trigger);
        faults.seed = 1;
        let emulator = emulator_with(|config| config.faults = faults.clone()).await;
        let mut settings = hasty(settings(&emulator));
        settings.pool_size = 0;
        let provider = provider(settings);
        let outcome = end(speak(&provider, request(TEXT)).await, TEXT);
        assert_eq!(outcome, End::Refused(expected), "{fault:?}");
    }
}

#[tokio::test]
async fn a_model_without_websockets_is_refused_with_its_reason() {
    let emulator = emulator().await;
    let mut settings = settings(&emulator);
    settings.model_id = "eleven_v3".into();
    let provider = provider(settings);
    let error = speak(&provider, request(TEXT)).await.unwrap_err();
    assert_eq!(failure(&error), ProviderFailure::Rejected);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("unsupported_model"), "{source}");
}

#[tokio::test]
async fn a_wrong_key_is_told_and_not_tried_for_ever() {
    let emulator = emulator().await;
    let mut settings = settings(&emulator);
    settings.api_key = "wrong-key".into();
    let provider = provider(settings);
    let error = speak(&provider, request(TEXT)).await.unwrap_err();
    assert_eq!(failure(&error), ProviderFailure::Refused);
    until("hopeless", || provider.pool_status().iter().all(|status| status.hopeless)).await;
    let details = provider.details()["pool"].to_string();
    assert!(!format!("{error:?}{details}").contains("wrong-key"), "{details}");
    let before = upgrades(&emulator);
    for _ in 0..10 {
        assert!(speak(&provider, request(TEXT)).await.is_err());
    }
    assert_eq!(upgrades(&emulator), before, "no more sockets are opened meanwhile");
}

#[tokio::test]
async fn idle_sockets_that_die_cost_no_utterance() {
    for fault in [Fault::WsIdleClose, Fault::WsIdleReset, Fault::WsIdleHalfOpen] {
        let faults = Faults::only(fault, Trigger::always().times(2).delay(Duration::from_millis(20)));
        let emulator = emulator_with(|config| config.faults = faults).await;
        let provider = provider(settings(&emulator));
        filled(&provider).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(end(speak(&provider, request(TEXT)).await, TEXT), End::Whole, "{fault:?}");
    }
}

#[tokio::test]
async fn a_lost_context_spoils_its_socket_and_no_other_utterance() {
    let emulator = emulator_with(|config| config.pace = 2.0).await;
    let mut settings = hasty(settings(&emulator));
    settings.pool_size = 1;
    let provider = provider(settings);
    until("ready", || ready(&provider) == 1).await;
    emulator.set_faults(Faults::only(Fault::WsNoFinal, Trigger::once()));
    let (lost, other) = tokio::join!(
        speak(&provider, request("Nobody says that this is over.")),
        speak(&provider, request("This one goes on for longer, and is not disturbed by the one that never ends.")),
    );
    assert_eq!(lost.unwrap().text(), "Nobody says that this is over.");
    assert_eq!(end(other, "This one goes on for longer, and is not disturbed by the one that never ends."), End::Whole);
    until("no place is taken", || in_use(&provider) == 0).await;
    assert_eq!(speak(&provider, request("Hello.")).await.unwrap().text(), "Hello.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_faults_at_random_each_utterance_is_whole_or_fails_openly() {
    let emulator = emulator().await;
    emulator.set_faults(Faults { rate: 0.2, seed: 11, ..Faults::default() });
    let mut ends = std::collections::BTreeMap::<String, usize>::new();
    for round in 0..10 {
        // One that is refused asks no more for a long time.
        let provider = provider(hasty(settings(&emulator)));
        let texts: Vec<String> = (0..20).map(|number| format!("Utterance {round} {number}. {TEXT}")).collect();
        let all = texts.iter().map(|text| async { end(speak(&provider, request(text)).await, text) });
        for outcome in futures_util::future::join_all(all).await {
            *ends.entry(format!("{outcome:?}")).or_default() += 1;
        }
        until("no place is taken", || in_use(&provider) == 0).await;
    }
    assert!(ends["Whole"] >= 80, "{ends:?}");
}
