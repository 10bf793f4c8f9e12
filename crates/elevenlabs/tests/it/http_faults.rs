//! Each way in which the service fails over HTTP: asked again or not as it should be, told for what it is, and never asked again
//! once there was sound.

use std::time::{Duration, SystemTime};

use elevenlabs_emulator::{Fault, Faults, Group, Trigger, decode};
use evervoice_core::tts::{ProviderFailure, TtsProvider};
use evervoice_elevenlabs::{ElevenLabsError, ElevenLabsSettings, http::SpeechBody};
use tokio::sync::mpsc;

use crate::http::{KEY, TEXT, client, collect, emulator, fed, listen, provider, requests, samples, wanted};
use crate::support::{request, within};

/// What is expected of a fault.
enum Expected {
    /// One request, and this failure.
    Final(ProviderFailure),
    /// Another request; if that does not help, this failure.
    Again(ProviderFailure),
    /// One request, whole sound.
    Harmless,
    /// Sound, then this failure; or the request is sent again while there was no sound.
    Broken(ProviderFailure),
}

fn expected(fault: Fault) -> Expected {
    use Expected::{Again, Broken, Final, Harmless};
    use ProviderFailure as Failure;
    match fault {
        Fault::HttpUnauthorized
        | Fault::HttpMalformedKey
        | Fault::HttpQuotaExceeded
        | Fault::HttpPaymentRequired
        | Fault::HttpForbidden => Final(Failure::Refused),
        Fault::HttpVoiceNotFound | Fault::HttpUnprocessable => Final(Failure::Rejected),
        // To ask again at once would add to what there is too much of.
        Fault::HttpTooManyAtOnce => Final(Failure::Busy),
        Fault::HttpNoAnswer => Final(Failure::Timeout),
        Fault::HttpRateLimited | Fault::HttpSystemBusy => Again(Failure::Busy),
        Fault::Http5xx | Fault::HttpHtmlError | Fault::HttpEmptyBody => Again(Failure::Broken),
        Fault::HttpReset | Fault::HttpHangUp => Again(Failure::Unreachable),
        Fault::HttpSlow | Fault::HttpKeepAliveClose => Harmless,
        Fault::HttpBodyCut | Fault::HttpBodyReset => Broken(Failure::Unreachable),
        Fault::HttpBodyStall => Broken(Failure::Timeout),
        Fault::HttpMalformedJson | Fault::HttpBadBase64 => Broken(Failure::Broken),
        other => panic!("{other:?} is new: say here what it should do"),
    }
}

fn faults() -> impl Iterator<Item = Fault> {
    Fault::ALL.iter().copied().filter(|fault| fault.group() == Group::Request)
}

/// A trigger of which the service says that we may come back at once, to save the test the wait.
fn at_once(trigger: Trigger) -> Trigger {
    trigger.retry_after("0").delay(Duration::from_millis(20))
}

fn quick(settings: &ElevenLabsSettings, fault: Fault) -> ElevenLabsSettings {
    let mut settings = settings.clone();
    if fault == Fault::HttpNoAnswer {
        settings.http_timeout_sec = 0.3;
    }
    if fault == Fault::HttpBodyStall {
        settings.http_stall_timeout_sec = 1.0;
    }
    settings
}

#[tokio::test]
async fn a_fault_that_passes_is_outlived_where_asking_again_helps() {
    let (emulator, settings) = emulator().await;
    for fault in faults() {
        emulator.reset();
        emulator.set_faults(Faults::only(fault, at_once(Trigger::once())));
        let outcome = provider(&quick(&settings, fault)).speak(request(TEXT)).await;
        let count = requests(&emulator).len();
        match expected(fault) {
            Expected::Final(_) => assert!(outcome.is_err() && count == 1, "{fault:?}: {count} requests"),
            Expected::Broken(_) => {}
            Expected::Harmless | Expected::Again(_) => {
                let attempts = if matches!(expected(fault), Expected::Harmless) { 1 } else { 2 };
                assert_eq!(count, attempts, "{fault:?}");
                let (chunks, error) = collect(outcome.unwrap()).await;
                assert!(error.is_none(), "{fault:?}: {error:?}");
                assert_eq!(decode(&samples(&chunks), 16_000), TEXT, "{fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_fault_that_lasts_is_told_for_what_it_is_and_without_the_key() {
    let (emulator, settings) = emulator().await;
    for fault in faults() {
        let (failure, attempts) = match expected(fault) {
            Expected::Final(failure) => (failure, 1),
            // A lost connection is tried once more, since it may have died while it was idle.
            Expected::Again(ProviderFailure::Unreachable) => (ProviderFailure::Unreachable, 4),
            Expected::Again(failure) => (failure, 3),
            Expected::Harmless | Expected::Broken(_) => continue,
        };
        emulator.reset();
        emulator.set_faults(Faults::only(fault, at_once(Trigger::always())));
        let error = provider(&quick(&settings, fault)).speak(request(TEXT)).await.err().unwrap();
        let said = format!("{error} {error:?}");
        assert!(!said.contains(KEY), "{said}");
        let evervoice_core::tts::TtsError::Provider { provider, failure: told, .. } = error else { panic!("{said}") };
        assert_eq!((provider, told), ("elevenlabs_http", failure), "{fault:?}");
        assert_eq!(requests(&emulator).len(), attempts, "{fault:?}");
    }
}

#[tokio::test]
async fn after_sound_a_fault_is_an_error_and_nothing_is_asked_again() {
    let (emulator, settings) = emulator().await;
    let text = "One two three four five. ".repeat(20);
    for fault in faults() {
        let Expected::Broken(failure) = expected(fault) else { continue };
        emulator.reset();
        emulator.set_faults(Faults::only(fault, Trigger::always().after_audio(Duration::from_millis(1_000))));
        let stream = provider(&quick(&settings, fault)).speak(request(&text)).await.unwrap();
        let (chunks, error) = collect(stream).await;
        let Some(evervoice_core::tts::TtsError::Provider { failure: told, .. }) = error else {
            panic!("{fault:?} ended well")
        };
        assert_eq!(told, failure, "{fault:?}");
        assert_eq!(requests(&emulator).len(), 1, "{fault:?}");
        // Whoever goes on from there completes the text: nothing is lost, nothing comes twice.
        emulator.set_faults(Faults::default());
        let end = chunks.last().unwrap().text_end.unwrap();
        let heard = decode(&samples(&chunks), 16_000);
        assert_eq!(heard, text[..end], "{fault:?}");
        if let Some(rest) = request(&text).rest(end) {
            let (more, error) = collect(provider(&settings).speak(rest).await.unwrap()).await;
            assert!(error.is_none());
            let all = format!("{heard}{}", decode(&samples(&more), 16_000));
            assert_eq!(all.replace(' ', ""), text.replace(' ', ""), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn plain_sound_that_ends_early_is_an_error_too() {
    let (emulator, settings) = emulator().await;
    for fault in [Fault::HttpBodyCut, Fault::HttpBodyReset, Fault::HttpBodyStall] {
        emulator.reset();
        emulator.set_faults(Faults::only(fault, Trigger::always().after_audio(Duration::from_millis(300))));
        let settings = quick(&settings, fault);
        let body = client(&settings).stream(&wanted(&settings, TEXT)).await.unwrap();
        let mut body = body;
        let error = loop {
            match body.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => panic!("{fault:?} ended well"),
            }
        };
        assert!(matches!(error, ElevenLabsError::Lost(_) | ElevenLabsError::Timeout { .. }), "{fault:?}: {error:?}");
        assert!(body.next().await.is_none());
        assert_eq!(requests(&emulator).len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_before_its_sound_is_asked_for_again() {
    let (emulator, settings) = emulator().await;
    for fault in [Fault::HttpBodyCut, Fault::HttpBodyReset, Fault::HttpMalformedJson] {
        emulator.reset();
        emulator.set_faults(Faults::only(fault, Trigger::once().after_audio(Duration::ZERO)));
        let (chunks, error) = collect(provider(&settings).speak(request(TEXT)).await.unwrap()).await;
        assert!(error.is_none(), "{fault:?}: {error:?}");
        assert_eq!(decode(&samples(&chunks), 16_000), TEXT, "{fault:?}");
        assert_eq!(requests(&emulator).len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn whole_answers_are_asked_for_again_as_nothing_of_them_was_heard() {
    let (emulator, settings) = emulator().await;
    for fault in [Fault::HttpBodyCut, Fault::HttpBodyReset, Fault::HttpMalformedJson, Fault::HttpBadBase64] {
        emulator.reset();
        emulator.set_faults(Faults::only(fault, Trigger::once()));
        let (piece, _) = client(&settings).convert_with_timestamps(&wanted(&settings, TEXT)).await.unwrap();
        assert_eq!(piece.alignment.unwrap().chars.concat(), TEXT);
        assert_eq!(requests(&emulator).len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_wait_longer_than_the_time_left_is_not_begun() {
    let (emulator, settings) = emulator().await;
    let in_an_hour = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3_600));
    for value in ["3600", &in_an_hour] {
        emulator.reset();
        emulator.set_faults(Faults::only(Fault::HttpSystemBusy, Trigger::once().retry_after(value)));
        let error = client(&settings).stream(&wanted(&settings, TEXT)).await.err().unwrap();
        assert_eq!((error.failure(), error.status()), (ProviderFailure::Busy, 429));
        assert_eq!(requests(&emulator).len(), 1);
    }
}

#[tokio::test]
async fn old_and_new_names_of_too_much_mean_the_same() {
    let (emulator, settings) = emulator().await;
    for trigger in [Trigger::always(), Trigger::always().old_names()] {
        for (fault, attempts) in
            [(Fault::HttpTooManyAtOnce, 1), (Fault::HttpRateLimited, 3), (Fault::HttpSystemBusy, 3)]
        {
            emulator.reset();
            emulator.set_faults(Faults::only(fault, at_once(trigger.clone())));
            let error = client(&settings).stream(&wanted(&settings, TEXT)).await.err().unwrap();
            assert_eq!(error.failure(), ProviderFailure::Busy);
            assert_eq!(requests(&emulator).len(), attempts, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_key_and_an_unknown_voice_are_told_by_the_service() {
    let (_emulator, mut settings) = emulator().await;
    settings.voice_id = "nobody".into();
    let error = client(&settings).stream(&wanted(&settings, TEXT)).await.err().unwrap();
    assert!(error.status() == 404 && error.hopeless(), "{error}");
    settings.api_key = "sk_wrong".into();
    let error = client(&settings).stream(&wanted(&settings, TEXT)).await.err().unwrap();
    assert!(error.hopeless() && !format!("{error:?}{error}").contains("sk_wrong"), "{error}");
}

#[tokio::test]
async fn random_faults_end_with_whole_sound_or_an_error() {
    let (emulator, settings) = emulator().await;
    let mut settings = settings;
    settings.http_timeout_sec = 2.0;
    settings.http_stall_timeout_sec = 1.0;
    emulator.set_faults(Faults { rate: 0.5, seed: 7, ..Faults::default() });
    let provider = provider(&settings);
    let speak = async || {
        let Ok(stream) = provider.speak(request(TEXT)).await else { return false };
        let (chunks, error) = collect(stream).await;
        let heard = decode(&samples(&chunks), 16_000);
        match error {
            None => assert_eq!(heard, TEXT),
            Some(_) => assert!(TEXT.starts_with(&heard), "{heard}"),
        }
        error.is_none()
    };
    let outcomes = futures_util::future::join_all((0..100).map(|_| speak())).await;
    let whole = outcomes.iter().filter(|whole| **whole).count();
    assert!((30..100).contains(&whole), "{whole} of 100 were whole");
    // No 200 ever without sound in it is taken for an utterance.
    let (_, error) = listen_to_empty(&emulator, &settings).await;
    assert!(matches!(error, Some(ElevenLabsError::Silent)));
}

async fn listen_to_empty(
    emulator: &elevenlabs_emulator::Emulator,
    settings: &ElevenLabsSettings,
) -> (Vec<i16>, Option<ElevenLabsError>) {
    emulator.set_faults(Faults::only(Fault::HttpEmptyBody, Trigger::always()));
    match client(settings).stream(&wanted(settings, TEXT)).await {
        Ok(body) => listen(body, settings.http_output_format).await,
        Err(error) => (vec![], Some(error)),
    }
}

/// A line with sound, and lines without.
const SOUND: &str = "{\"audio_base64\":\"AAAA\"}\n";
const SILENT: [&str; 3] = ["\n", " ", "{\"audio_base64\":null,\"alignment\":null}\n"];

/// Says it again and again, for as long as someone listens.
fn drip(feed: mpsc::Sender<String>, what: String) {
    tokio::spawn(async move {
        while feed.send(what.clone()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[tokio::test]
async fn a_body_that_drips_is_no_beginning() {
    let (_emulator, mut settings) = emulator().await;
    (settings.http_timeout_sec, settings.http_max_retries) = (0.3, 0);
    for silent in SILENT {
        let (address, feed) = fed().await;
        settings.http_base_url = address;
        drip(feed, silent.to_owned());
        let client = client(&settings);
        let error = within(client.stream_with_timestamps(&wanted(&settings, TEXT))).await.err().unwrap();
        assert_eq!(error.to_string(), "no first sound within 300 ms", "{silent:?}");
    }
}

#[tokio::test]
async fn a_body_that_drips_on_without_sound_has_stalled() {
    let (_emulator, mut settings) = emulator().await;
    settings.http_stall_timeout_sec = 0.3;
    for silent in SILENT {
        let (address, feed) = fed().await;
        settings.http_base_url = address;
        feed.send(SOUND.to_owned()).await.unwrap();
        let mut body = client(&settings).stream_with_timestamps(&wanted(&settings, TEXT)).await.unwrap();
        drip(feed, silent.to_owned());
        let (sound, error) = within(heard(&mut body)).await;
        assert_eq!((sound, error.to_string().as_str()), (3, "no further sound within 300 ms"), "{silent:?}");
    }
}

#[tokio::test]
async fn what_has_no_sound_is_not_kept_without_end() {
    let (_emulator, mut settings) = emulator().await;
    settings.http_max_retries = 0;
    let (address, feed) = fed().await;
    settings.http_base_url = address;
    drip(feed, SILENT[2].repeat(10_000));
    let client = client(&settings);
    let error = within(client.stream_with_timestamps(&wanted(&settings, TEXT))).await.err().unwrap();
    assert!(matches!(error, ElevenLabsError::Protocol(_)), "{error}");
}

#[tokio::test]
async fn a_listener_may_take_his_time() {
    let (_emulator, mut settings) = emulator().await;
    settings.http_stall_timeout_sec = 1.0;
    let (address, feed) = fed().await;
    settings.http_base_url = address;
    feed.send(SOUND.to_owned()).await.unwrap();
    let mut body = client(&settings).stream_with_timestamps(&wanted(&settings, TEXT)).await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap().audio.len(), 3);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let go_on = async {
        feed.send(SILENT[0].to_owned()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        feed.send(SOUND.to_owned()).await.unwrap();
    };
    let (piece, ()) = tokio::join!(body.next(), go_on);
    assert_eq!(piece.unwrap().unwrap().audio.len(), 3);
}

#[tokio::test]
async fn a_quota_that_ends_amid_the_sound_is_told_as_one() {
    let (_emulator, mut settings) = emulator().await;
    let (address, feed) = fed().await;
    settings.http_base_url = address;
    let error = r#"{"detail":{"status":"quota_exceeded","message":"This request exceeds your quota."}}"#;
    feed.send(format!("{SOUND}{error}\n")).await.unwrap();
    let mut body = client(&settings).stream_with_timestamps(&wanted(&settings, TEXT)).await.unwrap();
    let (sound, error) = within(heard(&mut body)).await;
    assert_eq!((sound, error.failure(), error.hopeless()), (3, ProviderFailure::Refused, true), "{error}");
}

/// How many bytes of sound a body has, and the error that it ends with.
async fn heard(body: &mut SpeechBody) -> (usize, ElevenLabsError) {
    let mut bytes = 0;
    loop {
        match body.next().await.expect("it ends well") {
            Ok(piece) => bytes += piece.audio.len(),
            Err(error) => return (bytes, error),
        }
    }
}
