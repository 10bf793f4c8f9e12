//! `load` from its command line to its reports.

use std::path::Path;
use std::process::{Command, Stdio};

use elevenlabs_emulator::Faults;
use serde_json::Value;

use crate::house::House;
use crate::{Ended, command, ended, names, run};

/// The reports of a run, which must both be there and nothing else.
fn reports(directory: &Path) -> (Vec<Value>, String) {
    assert_eq!(names(directory), ["load.jsonl", "load.md"]);
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    (read("load.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect(), read("load.md"))
}

fn load(house: &House, directory: &Path, arguments: &[&str]) -> Ended {
    let (url, far) = (house.url(), house.emulator().http_url());
    let all = [&["--url", &url, "--emulator", &far, "--out", "out", "--quiet"], arguments].concat();
    run("load", directory, &all)
}

fn number(record: &Value, name: &str) -> f64 {
    record[name].as_f64().unwrap_or_else(|| panic!("{name} in {record}"))
}

#[test]
fn every_letter_is_heard_once() {
    let house = House::start();
    let directory = tempfile::tempdir().unwrap();
    let phrases = directory.path().join("phrases.txt");
    std::fs::write(
        &phrases,
        "Your order number {number} is ready. | Is there anything else, please?\nGood morning {number}!\n",
    )
    .unwrap();
    let arguments = ["--users", "2", "--rate", "20", "--count", "6", "--tokens-per-second", "200", "--check"];
    let ended = load(&house, directory.path(), &[&arguments[..], &["--phrases", phrases.to_str().unwrap()]].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let (records, summary) = reports(&directory.path().join("out"));

    let mut ids: Vec<&str> = records.iter().map(|record| record["id"].as_str().unwrap()).collect();
    ids.sort();
    assert_eq!(ids, ["load-0", "load-1", "load-2", "load-3", "load-4", "load-5"]);
    for record in &records {
        assert_eq!((&record["outcome"], &record["error"]), (&"complete".into(), &Value::Null), "{record}");
        assert_eq!((&record["provider_start"], &record["switches"]), (&"elevenlabs_ws".into(), &0.into()), "{record}");
        assert_eq!(record["difference"], serde_json::json!({"lost": 0, "repeated": 0}), "{record}");
        assert!(number(record, "phrases") >= 1.0 && number(record, "first_audio_ms") > 0.0, "{record}");
        assert!(number(record, "scheduled_ms") <= number(record, "sent_ms"), "{record}");
        assert!(number(record, "sent_ms") <= number(record, "first_text_ms"), "{record}");
        assert_eq!(number(record, "audio_ms"), number(record, "bytes") / 32.0, "{record}");
    }
    let of = |id: &str| records.iter().find(|record| record["id"] == id).unwrap();
    // A rate of 20: dialogues of two turns and one in turns.
    assert_eq!(
        [of("load-0"), of("load-2"), of("load-3"), of("load-5")].map(|record| number(record, "scheduled_ms")),
        [0.0, 100.0, 150.0, 250.0]
    );
    let (first, second) = (of("load-0"), of("load-1"));
    assert_eq!((&first["dialogue"], &first["user"]), (&second["dialogue"], &second["user"]));
    let heard = number(first, "first_text_ms") + number(first, "first_audio_ms") + number(first, "audio_ms");
    // Each of the three is rounded to a µs.
    assert!(number(second, "scheduled_ms") >= heard - 0.003, "its turn comes when the one before was heard: {second}");

    for part in [
        "- реплик: 6; целиком 6, прервано 0, не удалось 0\n",
        "- потеряно знаков: 0, повторено: 0 (сверено реплик: 6); в объявленных фразах потеряно: 0, повторено: 0; немых реплик: 0\n",
        "- с заменой голоса: 0 из 6 (0.0 %)\n",
        "| elevenlabs_ws | elevenlabs_ws | 6 | 100.0 % |\n",
        "| первый звук после первого текста | 6 |",
    ] {
        assert!(summary.contains(part), "{part}\n{summary}");
    }
    assert!(ended.stdout.contains("Реплик: 6, не удалось: 0; потеряно знаков: 0"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("✓ out/load.md\n✓ out/load.jsonl\n"), "{}", ended.stdout);
}

#[test]
fn faults_are_switched_on_for_the_load_and_off_after_it() {
    let house = House::start();
    let directory = tempfile::tempdir().unwrap();
    // At every upgrade, request and utterance: the local voice speaks, or goes on.
    let arguments = [
        "--users",
        "2",
        "--rate",
        "20",
        "--count",
        "8",
        "--tokens-per-second",
        "0",
        "--fail",
        "1",
        "--check",
        "--timeout",
        "30",
    ];
    let ended = load(&house, directory.path(), &arguments);
    let (records, summary) = reports(&directory.path().join("out"));
    assert_eq!(records.len(), 8, "{summary}");
    assert_eq!(house.faults(), Faults::default());
    assert!(summary.contains("- доля сбоев ElevenLabs: `1`\n"), "{summary}");
    let replaced = records.iter().filter(|record| record["provider_end"] == "local").count();
    assert!(replaced > 0, "with every request failing ElevenLabs cannot have spoken everything: {records:#?}");
    assert!(!summary.contains("с заменой голоса: 0 "), "{summary}");
    let failed = records.iter().filter(|record| record["outcome"] != "complete").count();
    assert!(summary.contains(&format!("не удалось {failed}\n")), "{summary}");
    assert_eq!(ended.code, Some(if ended.stderr.is_empty() { 0 } else { 7 }), "{}", ended.stderr);
}

#[test]
fn a_caller_who_interrupts_has_heard_a_beginning() {
    let house = House::start();
    let directory = tempfile::tempdir().unwrap();
    let phrases = directory.path().join("phrases.txt");
    std::fs::write(&phrases, "Hello there. This is a text, number {number}, which is written rather slowly.\n")
        .unwrap();
    let arguments = ["--users", "3", "--rate", "50", "--count", "6", "--tokens-per-second", "6", "--cancel-share", "1"];
    let more = ["--check", "--phrases", phrases.to_str().unwrap()];
    let ended = load(&house, directory.path(), &[&arguments[..], &more].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let (records, summary) = reports(&directory.path().join("out"));
    let cancelled: Vec<&Value> = records.iter().filter(|record| record["outcome"] == "cancelled").collect();
    assert!(!cancelled.is_empty() && records.len() == 6, "{records:#?}");
    for record in &cancelled {
        assert!(number(record, "cancel_answer_ms") >= number(record, "cancel_reaction_ms"), "{record}");
        assert!(number(record, "heard_chars") <= number(record, "chars"), "{record}");
        assert!(number(record, "played_ms") <= number(record, "audio_ms"), "{record}");
    }
    assert!(summary.contains(&format!("| ответ сервера на прерывание | {} |", cancelled.len())), "{summary}");
    assert!(summary.contains("- потеряно знаков: 0, повторено: 0 "), "{summary}");
}

#[test]
fn ctrl_c_saves_what_there_is_and_heals_the_emulator() {
    let house = House::start();
    let directory = tempfile::tempdir().unwrap();
    let (url, far) = (house.url(), house.emulator().http_url());
    let arguments =
        ["--url", &url, "--emulator", &far, "--fail", "0.5", "--seed", "9", "--count", "1000", "--rate", "0.1"];
    let mut load = command("load", directory.path(), &arguments, &[]);
    let mut load = load.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let failing = Faults { rate: 0.5, seed: 9, ..Faults::default() };
    while house.faults() != failing {
        assert_eq!(load.try_wait().unwrap(), None, "it ended before it began");
    }
    // The first dialogue is due at once.
    while house.emulator().log().is_empty() {
        assert_eq!(load.try_wait().unwrap(), None, "it ended before anybody spoke");
    }
    assert!(Command::new("kill").args(["-INT", &load.id().to_string()]).status().unwrap().success());
    let ended = ended(load.wait_with_output().unwrap());
    assert!(matches!(ended.code, Some(0 | 7)), "{:?} {}", ended.code, ended.stderr);
    let (records, summary) = reports(&directory.path().join("reports"));
    assert!(records.len() <= 1 && summary.contains("# Нагрузка на /ws/tts"), "{summary}");
    assert_eq!(house.faults(), Faults::default());
}

#[test]
fn what_cannot_be_reached_is_told_before_anything_is_said() {
    let directory = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ended = run("load", directory.path(), &["--url", &nowhere]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let house = House::start();
    let url = house.url();
    let ended = run("load", directory.path(), &["--url", &url, "--emulator", &nowhere, "--fail", "0.1"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert_eq!(names(&directory.path().join("reports")), Vec::<String>::new());
    assert_eq!(run("load", directory.path(), &["--url", "nowhere"]).code, Some(2));
}
