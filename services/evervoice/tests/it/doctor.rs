//! `evervoice doctor`, as a process.

use elevenlabs_emulator::{Config, Emulator};
use serde_json::Value;

use crate::process::run;

const KEY: &str = "test-key";
const ELEVENLABS: [&str; 3] = ["elevenlabs_ws", "elevenlabs_http", "elevenlabs"];

/// What it found, and its exit code. Nothing that it prints has the key.
fn doctor(arguments: &[&str], variables: &[(&str, &str)]) -> (Value, i32) {
    let directory = tempfile::tempdir().unwrap();
    let ports = [("GATEWAY_PORT", "0"), ("ASR_PORT", "0"), ("TTS_PORT", "0")];
    // What comes later wins.
    let variables: Vec<(&str, &str)> = ports.iter().chain(variables).copied().collect();
    let table = run(directory.path(), &[&["doctor"], arguments].concat(), &variables);
    let json = run(directory.path(), &[&["doctor", "--json"], arguments].concat(), &variables);
    assert_eq!(table.status.code(), json.status.code());
    for output in [&table, &json] {
        let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let key = variables.iter().find(|(name, _)| *name == "ELEVEN_API_KEY");
        assert!(key.is_none_or(|(_, key)| !printed.contains(key)), "{printed}");
    }
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    // Both say the same.
    let table = String::from_utf8(table.stdout).unwrap();
    for line in report["lines"].as_array().unwrap() {
        assert!(table.contains(line["part"].as_str().unwrap()), "{table}");
    }
    (report, json.status.code().unwrap())
}

/// The lines of parts whose names begin so.
fn lines<'a>(report: &'a Value, part: &str) -> Vec<&'a Value> {
    let all = report["lines"].as_array().unwrap().iter();
    all.filter(|line| line["part"].as_str().unwrap().starts_with(part)).collect()
}

fn mended(line: &Value) -> String {
    line["findings"].as_array().unwrap().iter().map(|finding| finding["mend"].as_str().unwrap()).collect()
}

#[test]
fn nothing_configured_is_well_and_the_built_in_voice_is_understood() {
    let (report, code) = doctor(&[], &[]);
    assert_eq!((code, report["ok"].as_bool()), (0, Some(true)), "{report:#}");
    let off = lines(&report, "elevenlabs");
    assert_eq!((off.len(), &off[0]["state"]), (1, &Value::from("off")));
    let mend = mended(off[0]);
    assert!(["ELEVEN_API_KEY", "ELEVEN_VOICE_ID", "ELEVEN_MODEL_ID"].iter().all(|name| mend.contains(name)), "{mend}");
    let local = lines(&report, "local en")[0];
    assert_eq!(
        (&local["state"], &local["recognised"]),
        (&Value::from("ok"), &Value::from("what is the weather like in paris tomorrow"))
    );
    assert_eq!(local["word_error_rate"], 0.0);
    assert!((-35.0..-10.0).contains(&local["level_dbfs"].as_f64().unwrap()), "{local}");
    assert!(local["length_ms"].as_u64().unwrap() > 1_000 && local["first_audio_ms"].as_f64().unwrap() > 0.0, "{local}");
    for part in ["configuration", "recogniser", "stock directory", "port of gateway"] {
        assert_eq!(lines(&report, part)[0]["state"], "ok", "{report:#}");
    }
}

/// An emulator, and the variables that lead to it with this key.
async fn emulator(key: &'static str) -> (Emulator, Vec<(&'static str, String)>) {
    let emulator = Emulator::start(Config::default()).await.unwrap();
    let variables = vec![
        ("ELEVEN_API_KEY", key.to_owned()),
        ("ELEVEN_VOICE_ID", "JBFqnCBsd6RMkjVDRZzb".to_owned()),
        ("ELEVEN_MODEL_ID", "eleven_flash_v2_5".to_owned()),
        ("ELEVEN_HTTP_BASE_URL", emulator.http_url()),
        ("ELEVEN_WS_BASE_URL", emulator.ws_url()),
    ];
    (emulator, variables)
}

fn doctor_of(arguments: &[&str], variables: &[(&'static str, String)]) -> (Value, i32) {
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    tokio::task::block_in_place(|| doctor(arguments, &variables))
}

/// The emulator speaks tones: sound of the right kind that is no sentence.
#[tokio::test(flavor = "multi_thread")]
async fn sound_that_is_not_the_sentence_is_found_in_each_provider() {
    let (_emulator, variables) = emulator(KEY).await;
    let (report, code) = doctor_of(&[], &variables);
    assert_eq!(code, 1);
    for part in &ELEVENLABS[..2] {
        let line = lines(&report, part)[0];
        assert_eq!(line["state"], "broken", "{line:#}");
        assert!(line["findings"][0]["wrong"].as_str().unwrap().starts_with("nothing like"), "{line:#}");
        assert!(line["word_error_rate"].as_f64().unwrap() > 0.8 && line["first_audio_ms"].is_number(), "{line:#}");
    }
    assert_eq!(lines(&report, "local en")[0]["state"], "ok", "one does not speak for another");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_an_unknown_voice_and_a_wrong_address_each_have_their_remedy() {
    let (_emulator, mut variables) = emulator("sk_of_somebody_else").await;
    let told = |variables: &[(&'static str, String)], remedies: [&str; 2]| {
        let (report, code) = doctor_of(&[], variables);
        assert_eq!(code, 1);
        for (part, remedy) in ELEVENLABS.iter().zip(remedies) {
            let line = lines(&report, part)[0];
            assert_eq!(line["state"], "broken", "{line:#}");
            assert!(mended(line).contains(remedy), "{line:#}");
            assert!(line["first_audio_ms"].is_null());
        }
        assert_eq!(lines(&report, "local en")[0]["state"], "ok");
    };
    told(&variables, ["check ELEVEN_API_KEY"; 2]);
    variables[0].1 = KEY.to_owned();
    variables[1].1 = "nobody".to_owned();
    told(&variables, ["check ELEVEN_VOICE_ID"; 2]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    variables[3].1 = format!("http://{nobody}");
    variables[4].1 = format!("ws://{nobody}");
    told(&variables, ["ELEVEN_WS_BASE_URL", "ELEVEN_HTTP_BASE_URL"]);
}

#[test]
fn one_provider_alone_that_lacks_its_key_is_broken_and_the_local_one_is_not() {
    let (report, code) = doctor(&["--provider", "elevenlabs_http"], &[]);
    assert_eq!((code, lines(&report, "elevenlabs")[0]["state"].as_str()), (1, Some("broken")));
    assert!(lines(&report, "local").is_empty() && lines(&report, "port").is_empty());
    let (report, code) = doctor(&["--provider", "local"], &[]);
    assert_eq!((code, lines(&report, "local en").len(), lines(&report, "elevenlabs").len()), (0, 1, 0));
}

#[test]
fn mistakes_a_missing_model_and_a_taken_port_are_told_with_their_remedy() {
    let (report, code) = doctor(&[], &[("MAX_AUDIO_DURATION", "long"), ("TTS_THREADS", "0")]);
    let wrong = lines(&report, "configuration")[0]["findings"][0]["wrong"].as_str().unwrap();
    assert!(code == 1 && wrong.contains("MAX_AUDIO_DURATION") && wrong.contains("TTS_THREADS"), "{wrong}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    // Who connects is hung up on, so that nobody waits for an answer.
    std::thread::spawn(move || taken.incoming().for_each(drop));
    let (report, code) = doctor(&[], &[("ASR_MODEL_SIZE", "base.en"), ("TTS_PORT", &port)]);
    assert_eq!(code, 1);
    assert!(mended(lines(&report, "port of tts")[0]).contains("TTS_PORT"), "{report:#}");
    let recogniser = lines(&report, "recogniser")[0];
    assert!(recogniser["findings"][0]["wrong"].as_str().unwrap().contains("models pull"), "{recogniser:#}");
    let local = lines(&report, "local en")[0];
    assert!(local["state"] == "ok" && local["recognised"].is_null(), "spoken, and nobody to listen: {local:#}");
}
