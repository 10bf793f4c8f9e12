//! Whatever fails wherever, nobody hears it: random faults, and every character of every text is heard exactly once.

use elevenlabs_emulator::{Fault, Faults, Group, Trigger, decode};
use evervoice_tts::{TtsSettings, config::ProviderName};
use futures_util::{StreamExt, stream};

use crate::elevenlabs::{Ended, HTTP, LOCAL, Stage, WS, failures, hurried, speak, stage, words};

/// Requests at once.
const AT_ONCE: usize = 16;

/// Faults at other places for each of these.
const SEEDS: u64 = 3;

/// Requests for each fault and seed.
const REQUESTS: usize = 16;

/// The next one is asked soon: nothing is heard of a test, so a pause is as good as silence.
fn impatient(settings: &mut TtsSettings) {
    hurried(settings);
    settings.speech.first_audio_budget_ms = Some(100);
    settings.speech.stall_ms = 100;
}

/// A text as no other one has it.
fn text(number: usize) -> String {
    const WORDS: [&str; 8] = ["seven", "kind", "birds", "fly", "under", "quiet", "morning", "clouds"];
    let words: Vec<&str> = (0..4 + number % 5).map(|at| WORDS[(number * 5 + at * 3) % WORDS.len()]).collect();
    format!("Number {number}: {}.", words.join(" "))
}

/// What happens, where, and how often: each different for each seed.
fn trigger(fault: Fault, seed: u64) -> Trigger {
    let random = (fault as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ (seed << 32)) >> 40;
    Trigger {
        probability: Some(0.7),
        delay_ms: Some(random % 300),
        after_audio_ms: Some(random % 1_100),
        ..Trigger::default()
    }
}

/// What has to be heard: nobody is asked for a full stop alone when it is all that is missing.
fn said(text: &str) -> String {
    words(text).trim_end_matches('.').to_owned()
}

/// What many texts came to.
#[derive(Default)]
struct Heard {
    texts: usize,
    /// Those of which every character was heard once, by tones alone.
    whole: usize,
    /// How often one provider went on for another, in the middle of a text.
    switched: f64,
}

/// Several services at once: most of the time each waits for a fault to be noticed.
async fn sum(of: impl Iterator<Item = impl Future<Output = Heard>>) -> Heard {
    let add = |sum: Heard, one: Heard| async move {
        Heard { texts: sum.texts + one.texts, whole: sum.whole + one.whole, switched: sum.switched + one.switched }
    };
    stream::iter(of).buffer_unordered(4).fold(Heard::default(), add).await
}

/// Speaks texts.
async fn heard_whole(chain: &[ProviderName], fault: Fault, seed: u64) -> Heard {
    let Stage { emulator, service } = stage(chain, impatient).await;
    emulator.set_faults(Faults { seed, ..Faults::only(fault, trigger(fault, seed)) });
    let service = &service;
    let ended: Vec<(String, Ended)> = stream::iter(0..REQUESTS)
        .map(|number| async move {
            let text = text(number + 100 * seed as usize);
            let ended = speak(service, &text).await;
            (text, ended)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut whole = 0;
    for (text, ended) in &ended {
        let Ended::Whole { samples, .. } = ended else {
            panic!("{fault:?}, seed {seed}: {text:?}: {ended:?}{}", failures(service).await)
        };
        let heard = said(&decode(samples, 16_000));
        // Of the local voice the emulator's ear hears nothing, at most a sound that is like a tone.
        if !chain.contains(&LOCAL) {
            assert_eq!(heard, said(text), "{fault:?}, seed {seed}");
        }
        whole += usize::from(heard == said(text));
    }
    Heard { texts: ended.len(), whole, switched: service.metric("tts_provider_switch_total").await }
}

/// The one that fails, and the one that does not.
fn chain_for(fault: Fault) -> [ProviderName; 2] {
    if fault.group() == Group::Request { [HTTP, WS] } else { [WS, HTTP] }
}

/// Every fault at many places, and one other provider.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_character_is_heard_once() {
    let all = (1..=SEEDS).flat_map(|seed| Fault::ALL.iter().map(move |fault| (*fault, seed)));
    let heard = sum(all.map(|(fault, seed)| async move { heard_whole(&chain_for(fault), fault, seed).await })).await;
    let Heard { texts, whole, switched } = heard;
    assert!(texts > 2_000 && whole == texts && switched > 200.0, "{whole} of {texts} whole, {switched} switches");
}

/// Faults of all providers at once, with the local voice behind: whole, and never silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_local_voice_behind_nothing_is_silent() {
    let heard = sum(Fault::ALL.iter().map(|fault| heard_whole(&[WS, LOCAL], *fault, 7))).await;
    // The local voice spoke the others, from some word on.
    let Heard { texts, whole, switched } = heard;
    assert!(whole > texts / 4 && switched > 20.0, "{whole} of {texts} by tones alone, {switched} switches");
}
