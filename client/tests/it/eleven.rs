//! `eleven stream` against a pretend ElevenLabs, whose sound can be read back.

use std::path::Path;

use elevenlabs_emulator::{Config, Event, Faults, Trigger, decode};

use crate::far::Far;
use crate::{Ended, names, run_with};

const TEXT: &str = "Привет, мир! Стоимость 12000 рублей.";

fn stream(far: &Far, directory: &Path, arguments: &[&str]) -> Ended {
    let all = [&["stream", "--text", TEXT], arguments].concat();
    run_with("eleven", directory, &all, &far.variables())
}

/// What the file says, and its rate.
fn said(directory: &Path) -> (String, u32) {
    let sound = evervoice_client::wav::read(&directory.join("out.wav")).unwrap();
    assert_eq!((sound.channels, sound.file_bits), (1, 16));
    let samples: Vec<i16> = sound.pcm.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    (decode(&samples, sound.rate), sound.rate)
}

#[test]
fn the_file_is_the_text_over_both_transports_in_every_format_that_is_exact() {
    let far = Far::start(Config::default());
    for (transport, format, rate) in [
        ("ws", "pcm_16000", 16_000),
        ("http", "pcm_16000", 16_000),
        ("ws", "pcm_24000", 24_000),
        ("http", "pcm_48000", 48_000),
        ("ws", "ulaw_8000", 8_000),
        ("http", "alaw_8000", 8_000),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let ended = stream(&far, directory.path(), &["--transport", transport, "--format", format]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{transport} {format}");
        let (text, found) = said(directory.path());
        assert_eq!((text.trim(), found), (TEXT, rate), "{transport} {format}");
        assert_eq!(names(directory.path()), ["out.wav"]);
    }
}

#[test]
fn metrics_are_printed() {
    let far = Far::start(Config::default());
    let directory = tempfile::tempdir().unwrap();
    let ended = stream(&far, directory.path(), &["-o", "out.wav"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let number = |name: &str| -> f64 {
        let (_, rest) = ended.stdout.split_once(name).unwrap_or_else(|| panic!("{name} in {}", ended.stdout));
        rest.split([' ', ',', '\n']).next().unwrap().parse().unwrap()
    };
    let seconds = number("Длина звука: ");
    assert!(number("Рукопожатие: ") > 0.0 && number("Первый чанк: ") <= number("Всего: "));
    assert!(number("Чанков: ") >= 1.0);
    let sound = evervoice_client::wav::read(&directory.path().join("out.wav")).unwrap();
    assert_eq!(number("байт: ") as usize, sound.pcm.len(), "{}", ended.stdout);
    assert!((seconds - sound.pcm.len() as f64 / 32_000.0).abs() <= 0.005, "{}", ended.stdout);
    assert!((number("реального времени: ") - number("Всего: ") / 1000.0 / seconds).abs() < 0.01);
    assert!(ended.stdout.ends_with("✓ Аудио сохранено в out.wav\n"), "{}", ended.stdout);
}

#[test]
fn what_was_asked_for_is_what_was_sent() {
    let far = Far::start(Config::default());
    let directory = tempfile::tempdir().unwrap();
    let arguments =
        ["--transport", "http", "--voice-id", "voice-b", "--model", "eleven_turbo_v2_5", "--optimize-latency", "3"];
    let ended = stream(&far, directory.path(), &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let requests: Vec<_> = far
        .emulator()
        .log()
        .into_iter()
        .filter_map(|received| match received.event {
            Event::Request { path, query, body, headers, .. } => Some((path, query, body, headers)),
            _ => None,
        })
        .collect();
    let [(path, query, body, headers)] = &requests[..] else { panic!("{requests:?}") };
    assert!(path.starts_with("/v1/text-to-speech/voice-b/stream"), "{path}");
    assert_eq!(query["optimize_streaming_latency"], "3");
    assert_eq!((body["model_id"].as_str(), body["text"].as_str()), (Some("eleven_turbo_v2_5"), Some(TEXT)));
    assert_eq!(headers["xi-api-key"], "test-key");
}

#[test]
fn compressed_sound_is_decoded_into_the_file() {
    let far = Far::start(Config::default());
    let directory = tempfile::tempdir().unwrap();
    let ended = stream(&far, directory.path(), &["--format", "mp3_44100_128"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("раскодируется"), "{}", ended.stdout);
    let sound = evervoice_client::wav::read(&directory.path().join("out.wav")).unwrap();
    let spoken_ms = TEXT.chars().count() * 20;
    assert_eq!(sound.rate, 44_100);
    assert!(sound.pcm.len() / 2 * 1000 / 44_100 >= spoken_ms, "{} bytes", sound.pcm.len());
}

#[test]
fn every_failure_has_its_code_and_leaves_no_file() {
    let far = Far::start(Config::default());
    let fails = |arguments: &[&str], code: i32, part: &str| {
        let directory = tempfile::tempdir().unwrap();
        let ended = stream(&far, directory.path(), arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?} {}", ended.stderr);
        assert!(ended.stderr.contains(part) && !ended.stdout.contains('✓'), "{arguments:?} {}", ended.stderr);
        assert_eq!(names(directory.path()), Vec::<String>::new());
    };
    for transport in ["ws", "http"] {
        fails(&["--transport", transport, "--voice-id", "nobody"], 4, "nobody");
    }
    fails(&["--format", "wav_16000"], 2, "ws_output_format");
    fails(&["--format", "flac"], 2, "pcm_16000");
    fails(&["--optimize-latency", "5"], 2, "optimize-latency");
    fails(&["--api-key", "k"], 2, "--api-key");
    far.emulator().set_faults(Faults { http_body_cut: Some(Trigger::always()), ..Faults::default() });
    fails(&["--transport", "http"], 5, "оборвался");
}

#[test]
fn a_wrong_key_is_refused_and_a_missing_one_is_named() {
    let far = Far::start(Config::default());
    let directory = tempfile::tempdir().unwrap();
    let with_key = |key: &str| {
        let mut variables = far.variables();
        variables.iter_mut().find(|(name, _)| *name == "ELEVEN_API_KEY").unwrap().1 = key.to_owned();
        run_with("eleven", directory.path(), &["stream", "--text", TEXT], &variables)
    };
    let wrong = with_key("sk_wrong");
    assert_eq!(wrong.code, Some(4), "{}", wrong.stderr);
    assert!(!wrong.stderr.contains("sk_wrong"), "{}", wrong.stderr);
    let none = with_key("");
    assert_eq!(none.code, Some(2), "{}", none.stderr);
    assert!(none.stderr.contains("api_key (ELEVEN_API_KEY)"), "{}", none.stderr);
    // From `.env` it is as good as from the environment.
    std::fs::write(directory.path().join(".env"), "ELEVEN_API_KEY=test-key\n").unwrap();
    assert_eq!(with_key("").code, Some(2), "an empty variable is one that is set");
    let mut variables = far.variables();
    variables.retain(|(name, _)| *name != "ELEVEN_API_KEY");
    let ended = run_with("eleven", directory.path(), &["stream", "--text", TEXT], &variables);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn where_nobody_listens_nothing_is_reached() {
    let far = Far::start(Config::default());
    let variables = far.variables();
    // Its ports are free from here on.
    drop(far);
    let directory = tempfile::tempdir().unwrap();
    for transport in ["ws", "http"] {
        let arguments = ["stream", "--text", TEXT, "--transport", transport];
        let ended = run_with("eleven", directory.path(), &arguments, &variables);
        assert_eq!(ended.code, Some(3), "{transport} {}", ended.stderr);
        assert_eq!(names(directory.path()), Vec::<String>::new());
    }
}
