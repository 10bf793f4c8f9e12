//! A language model speaks: first sound, gaps, interruptions and failures, as the callers hear them.
//!
//! The program runs as a process, the emulator (TLS) as another, the callers are those of the client's `load`. Each text is
//! one of its own, and the cache is off: every phrase is made.

use std::{fs, path::Path};

use clap::Parser;
use evervoice_client::load::{self, options::Options};
use serde_json::Value;

use crate::{
    far::Far,
    measure::{block_on, report},
    process::{self, Process},
};

/// Twelve sentences, some 200 tokens: what a language model answers to a hard question.
const ANSWER: &str = "Thank you for waiting, I have found your booking {number}. You leave on Friday the fourteenth of March, \
    and you come back ten days later. The flight takes a little more than three hours. Please be at the airport two hours \
    before that. You may take one suitcase of up to 23 kilograms, and a small bag. A second suitcase costs 45 dollars each \
    way. Your seat is by the window, as you asked. There is a meal on board; tell us if you eat no meat. Dr. Smith, who travels \
    with you, sits right behind. If you miss the flight, call us at once. We will then look for the next one with a free \
    seat. Is there anything else that I can do for you?";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

pub fn run() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let answer = directory.join("answer.txt");
    fs::write(&answer, ANSWER).unwrap();
    let answer = answer.to_str().unwrap();

    let local = local(directory);
    let gateway = local.gateway.as_str();
    println!("The local voice alone, 12 sentences at 40 tokens/s.");
    // As fast as it is made, so that many fit into a minute: the listener's clock is the same.
    let made = load(directory, gateway, &["--count=20", "--rate=0.18", "--lead-ms=600000", "--phrases", answer]);
    report("  first sound after the first token", &mut all(&made, "first_audio_ms"), "ms");
    report("  longest gap of an answer", &mut all(&made, "gap_max_ms"), "ms");
    let heard = load(directory, gateway, &["--count=4", "--users=4", "--rate=4", "--phrases", answer]);
    report("  longest gap, sent as fast as it is heard", &mut all(&heard, "gap_max_ms"), "ms");

    println!("Callers interrupt at random times, 20 at once.");
    let cancelled = ["--count=400", "--users=20", "--rate=8", "--cancel-share=1"];
    let cancelled = load(directory, gateway, &cancelled);
    report("  interruption to the last sound", &mut all(&cancelled, "cancel_reaction_ms"), "ms");
    report("  interruption to the server's word", &mut all(&cancelled, "cancel_answer_ms"), "ms");
    drop(local);

    let far = Far::start("distant");
    let cloud = cloud(directory, &far, "");
    println!("50 dialogues at once against the emulator, 12 sentences at 40 tokens/s.");
    let many = ["--count=150", "--users=50", "--rate=1.2", "--phrases", answer];
    let many = load(directory, &cloud.gateway, &many);
    report("  first sound after the first token", &mut all(&many, "first_audio_ms"), "ms");
    report("  longest gap of an answer", &mut all(&many, "gap_max_ms"), "ms");

    println!(
        "2,000 utterances, the emulator fails at 20 % of requests, upgrades and utterances, the local voice behind."
    );
    let emulator = far.text("http");
    let failing = ["--count=2000", "--users=40", "--rate=10", "--lead-ms=600000", "--tokens-per-second=0"];
    let failing = [&failing[..], &["--fail=0.2", "--check", "--emulator", emulator]].concat();
    let failing = load(directory, &cloud.gateway, &failing);
    report("  first sound", &mut all(&failing, "first_audio_ms"), "ms");
    let sum = |what: &str| failing.iter().filter_map(|one| one["difference"][what].as_u64()).sum::<u64>();
    let count = |test: &dyn Fn(&Value) -> bool| failing.iter().filter(|one| test(one)).count();
    println!(
        "  lost characters {}, repeated {}, silent utterances {}, failed {}; compared letter by letter {}, with a switch {}",
        sum("lost"),
        sum("repeated"),
        count(&|one| one["bytes"] == 0),
        count(&|one| one["outcome"] != "complete"),
        count(&|one| one["difference"].is_object()),
        count(&|one| one["switches"].as_u64() > Some(0)),
    );
}

fn local(directory: &Path) -> Process {
    fs::write(directory.join("tts_config.yml"), "stock: {enabled: false}\n").unwrap();
    process::start(&["--config-dir", directory.to_str().unwrap()], &[("TTS_PROVIDER", "local")])
}

fn cloud(directory: &Path, far: &Far, speech: &str) -> Process {
    let settings = format!(
        "pool_max: 100\nws_inactivity_timeout: 180\nspeech: {{max_utterances: 2000{speech}}}\nstock: {{enabled: false}}\n"
    );
    fs::write(directory.join("tts_config.yml"), settings).unwrap();
    far.process(directory, "elevenlabs")
}

/// Every utterance of a load, as `load.jsonl` has it.
fn load(directory: &Path, gateway: &str, arguments: &[&str]) -> Vec<Value> {
    let out = directory.join("reports");
    let common = ["load", "--url", gateway, "--out", out.to_str().unwrap(), "--quiet"];
    let line = Line::parse_from(common.iter().chain(arguments));
    if let Err(error) = block_on(load::run(line.options)) {
        println!("  {error}");
    }
    let lines = fs::read_to_string(out.join("load.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn all(records: &[Value], what: &str) -> Vec<f64> {
    records.iter().filter_map(|record| record[what].as_f64()).collect()
}
