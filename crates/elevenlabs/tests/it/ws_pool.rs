//! The warm pool with real sockets: no handshake for a request, nobody's sound in another's, no place lost.

use std::{sync::Arc, time::Duration};

use elevenlabs_emulator::{Faults, Trigger};
use evervoice_core::tts::TtsProvider;
use evervoice_elevenlabs::{Events, WebSocketProvider, config::WsEndpoint};
use futures_util::{StreamExt, future::join_all};
use prometheus_client::{encoding::text::encode, registry::Registry};

use crate::support::{
    emulator, emulator_with, frames, in_use, listen, provider, ready, request, settings, speak, until, upgrades, within,
};

#[tokio::test]
async fn a_warm_pool_costs_a_request_no_handshake() {
    let emulator = emulator().await;
    for endpoint in [WsEndpoint::Multi, WsEndpoint::Single] {
        let mut settings = settings(&emulator);
        settings.ws_endpoint = endpoint;
        let provider = provider(settings);
        until("ready", || ready(&provider) == 2).await;
        // Whoever has to connect would wait for ever.
        emulator.set_faults(Faults { ws_handshake_hang: Some(Trigger::always()), ..Faults::default() });
        for text in ["One.", "Two."] {
            assert_eq!(speak(&provider, request(text)).await.unwrap().text(), text);
        }
        emulator.set_faults(Faults::default());
        provider.close(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn the_time_to_the_first_sound_counts_from_the_text_not_from_the_handshake() {
    let handshake = Duration::from_secs(2);
    let slow = Faults { ws_handshake_delay: Some(Trigger::always().delay(handshake)), ..Faults::default() };
    let emulator = emulator_with(|config| config.faults = slow).await;
    let mut settings = settings(&emulator);
    settings.pool_size = 0;
    let mut registry = Registry::default();
    let provider = WebSocketProvider::start(Arc::new(settings), Events::register(&mut registry)).unwrap();
    assert_eq!(speak(&provider, request("Hello.")).await.unwrap().text(), "Hello.");
    let mut metrics = String::new();
    encode(&mut metrics, &registry).unwrap();
    let sum = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse::<f64>().ok()).unwrap_or_else(|| panic!("{name}: {metrics}"))
    };
    let first = sum("elevenlabs_first_audio_ms_sum{mode=\"ws\"}");
    let connected = sum("elevenlabs_ws_handshake_ms_sum");
    assert!(first < connected, "{first} ms, of which {connected} ms for the handshake");
}

#[tokio::test]
async fn it_tells_when_it_can_be_reached_again_and_not_that_it_connects() {
    let gone = Faults { ws_handshake_reset: Some(Trigger::always()), ..Faults::default() };
    let emulator = emulator_with(|config| config.faults = gone).await;
    let mut settings = settings(&emulator);
    settings.ws_first_audio_timeout_sec = 0.2;
    let provider = provider(settings);
    until("tried", || provider.pool_status()[0].last_error.is_some()).await;
    assert_eq!(provider.recovered_at(), None);
    emulator.set_faults(Faults { ws_silent: Some(Trigger::always()), ..Faults::default() });
    until("reached", || provider.recovered_at().is_some()).await;
    let back = provider.recovered_at();
    let before = upgrades(&emulator);
    // Silent on a socket that had waited, and on a fresh one.
    for _ in 0..2 {
        assert!(speak(&provider, request("Hello.")).await.is_err());
    }
    until("another socket", || upgrades(&emulator) > before).await;
    assert_eq!(provider.recovered_at(), back);
}

#[tokio::test]
async fn a_shared_socket_serves_one_utterance_after_the_other() {
    let emulator = emulator().await;
    let mut settings = settings(&emulator);
    settings.pool_size = 1;
    let provider = provider(settings);
    until("ready", || ready(&provider) == 1).await;
    for text in ["One.", "Two.", "Three."] {
        assert_eq!(speak(&provider, request(text)).await.unwrap().text(), text);
        until("free", || in_use(&provider) == 0).await;
    }
    assert_eq!(upgrades(&emulator), 1);
    assert!(provider.pool_status()[0].proven);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_at_once_hear_their_own_text_only() {
    let emulator = emulator().await;
    let provider = provider(settings(&emulator));
    let one = async |number: usize| {
        let text =
            format!("This is utterance {number}, and {} comes after it; {}.", number + 1, "word ".repeat(number % 17));
        let heard = speak(&provider, request(text.trim())).await.unwrap();
        assert_eq!((heard.text().as_str(), heard.failure()), (text.trim(), None));
    };
    join_all((0..200).map(one)).await;
    until("all places are free", || in_use(&provider) == 0 && emulator.open_contexts() == 0).await;
    assert!(upgrades(&emulator) <= 64, "{} sockets", upgrades(&emulator));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_utterances_with_cancels_leave_no_place_taken() {
    let emulator = emulator().await;
    let provider = provider(settings(&emulator));
    let mut random = fastrand::Rng::with_seed(7);
    let plans: Vec<(usize, u64)> = (0..5_000).map(|_| (random.usize(0..6), random.u64(0..6))).collect();
    let one = async |(chunks, ms): (usize, u64)| {
        let text = "One two three four five six seven eight nine ten eleven twelve.";
        let spoken = async {
            let mut stream = provider.speak(request(text)).await.unwrap();
            match chunks {
                0 => assert_eq!(listen(stream).await.text(), text),
                chunks => {
                    for _ in 1..chunks {
                        stream.chunks.next().await;
                    }
                }
            }
        };
        // Some are cancelled at any moment, others after a few chunks, the rest not at all.
        match ms {
            0 | 1 => drop(tokio::time::timeout(Duration::from_millis(2 * ms), spoken).await),
            _ => spoken.await,
        }
    };
    let all = futures_util::stream::iter(plans).map(one).buffer_unordered(60).for_each(async |()| {});
    tokio::time::timeout(Duration::from_secs(300), all).await.expect("hangs");
    until("all contexts are closed", || emulator.open_contexts() == 0).await;
    until("all places are free", || in_use(&provider) == 0).await;
    let heard = speak(&provider, request("Still there.")).await.unwrap();
    assert_eq!(heard.text(), "Still there.");
}

#[tokio::test]
async fn a_cancel_closes_the_context_and_keeps_the_place_until_it_is_closed() {
    let emulator = crate::support::emulator_with(|config| config.first_byte = Duration::from_millis(200)).await;
    let mut settings = settings(&emulator);
    settings.pool_size = 1;
    let provider = provider(settings);
    until("ready", || ready(&provider) == 1).await;
    let cancelled = tokio::time::timeout(Duration::from_millis(50), provider.speak(request("Never heard."))).await;
    assert!(cancelled.is_err());
    until("closed", || frames(&emulator).iter().any(|(_, json)| json.get("close_context").is_some())).await;
    until("free", || in_use(&provider) == 0).await;
    assert_eq!(emulator.open_contexts(), 0);
    assert_eq!(speak(&provider, request("Heard.")).await.unwrap().text(), "Heard.");
    assert_eq!(upgrades(&emulator), 1, "the socket goes on");
}

#[tokio::test]
async fn draining_lets_utterances_end_and_takes_no_more() {
    let emulator = crate::support::emulator_with(|config| config.pace = 4.0).await;
    let provider = provider(settings(&emulator));
    let text = "This takes a while, a quarter of a second or so, at four times real time.";
    let stream = within(provider.speak(request(text))).await.unwrap();
    let draining = tokio::spawn({
        let provider = provider.clone();
        async move { provider.drain().await }
    });
    until("draining", || provider.pool_status().iter().all(|status| status.ready == 0)).await;
    assert!(provider.speak(request("Too late.")).await.is_err());
    let heard = within(listen(stream)).await;
    assert_eq!((heard.text().as_str(), heard.failure()), (text, None));
    within(draining).await.unwrap();
    until("no socket is left", || emulator.open_sockets() == 0).await;
}

#[tokio::test]
async fn a_slow_listener_holds_up_nobody_and_loses_nothing() {
    let emulator = emulator().await;
    let mut settings = settings(&emulator);
    (settings.pool_size, settings.pool_max) = (1, 1);
    let provider = provider(settings);
    let text = "A sentence of some length that goes on and on. ".repeat(40);
    let mut stream = within(provider.speak(request(text.trim()))).await.unwrap();
    let other = speak(&provider, request("On the same socket.")).await.unwrap();
    assert_eq!((other.text().as_str(), upgrades(&emulator)), ("On the same socket.", 1));
    let mut samples = vec![];
    while let Some(chunk) = within(stream.chunks.next()).await {
        samples.extend(chunk.unwrap().samples);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(elevenlabs_emulator::decode(&samples, stream.sample_rate).trim(), text.trim());
}

#[tokio::test]
async fn an_idle_pool_is_woken_with_the_warm_text() {
    let emulator = emulator().await;
    for endpoint in [WsEndpoint::Multi, WsEndpoint::Single] {
        emulator.reset();
        let mut settings = settings(&emulator);
        settings.ws_endpoint = endpoint;
        (settings.rewarm_after_idle_sec, settings.warm_text) = (Some(0.1), "Warm up.".into());
        let provider = provider(settings);
        until("woken", || frames(&emulator).iter().any(|(_, json)| json["text"] == "Warm up. ")).await;
        until("proven", || provider.pool_status().iter().any(|status| status.proven)).await;
        assert_eq!(speak(&provider, request("Hello.")).await.unwrap().text(), "Hello.");
        provider.close(Duration::ZERO).await;
    }
}
