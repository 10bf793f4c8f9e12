//! The program: its command line, its exit codes, its signals.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

/// The program in an empty directory, without the environment of whoever runs the tests.
fn program(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evervoice-asr"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

fn output(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    program(arguments, variables).output().unwrap()
}

#[test]
fn help_version_and_configuration_are_printed() {
    let help = String::from_utf8(output(&["--help"], &[]).stdout).unwrap();
    assert!(help.contains("check-config") && help.contains("healthcheck"), "{help}");
    let version = String::from_utf8(output(&["--version"], &[]).stdout).unwrap();
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/asr.yml");
    let checked = output(&["check-config", manual], &[("ASR_PORT", "1234")]);
    let json: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(json["server"]["port"], 1234);
}

#[test]
fn a_wrong_configuration_is_told_and_ends_with_2() {
    let failed = output(&["check-config"], &[("ASR_PORT", "70000"), ("MAX_AUDIO_DURATION", "long")]);
    assert_eq!(failed.status.code(), Some(2));
    let text = String::from_utf8(failed.stderr).unwrap();
    assert!(text.contains("ASR_PORT") && text.contains("MAX_AUDIO_DURATION"), "{text}");
}

#[test]
fn a_missing_model_is_told_with_the_command_that_gets_it() {
    for (wanted, command) in [
        ("base.en", "evervoice models pull vosk-model-small-en-us-0.15"),
        ("vosk-model-small-ru-0.22", "evervoice models pull vosk-model-small-ru-0.22"),
        ("no-such-model", "there is no model \"no-such-model\""),
        ("./nowhere", "there is no model directory ./nowhere"),
    ] {
        let failed = output(&[], &[("ASR_MODEL_SIZE", wanted), ("ASR_PORT", "0")]);
        assert_eq!(failed.status.code(), Some(1), "{wanted}");
        let text = String::from_utf8(failed.stderr).unwrap();
        assert!(text.contains(command), "{text}");
    }
}

#[test]
fn a_directory_with_half_a_model_is_told() {
    let models = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(models.path().join("half/am")).unwrap();
    let directory = models.path().to_str().unwrap();
    let failed = output(&[], &[("ASR_MODEL_SIZE", "half"), ("MODELS_DIR", directory), ("ASR_PORT", "0")]);
    assert_eq!(failed.status.code(), Some(1));
    let text = String::from_utf8(failed.stderr).unwrap();
    assert!(text.contains("half is not a Vosk model: am/final.mdl, conf/model.conf"), "{text}");
}

#[test]
fn it_serves_is_healthy_and_ends_well_on_sigterm() {
    let mut service = program(&[], &[("ASR_PORT", "0"), ("ASR_THREADS", "1")]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines();
    let mut events = std::iter::from_fn(|| Some(serde_json::from_str::<Value>(&lines.next()?.unwrap()).unwrap()));
    let loaded = events.find(|line| line["event"] == "asr_model_loaded").unwrap();
    assert_eq!((&loaded["model"], &loaded["threads"]), (&"builtin".into(), &1.into()));
    let ready = events.find(|line| line["event"] == "service_ready").unwrap();
    let port = ready["address"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    assert!(output(&["healthcheck"], &[("ASR_PORT", &port)]).status.success());

    signal(&service, "-TERM");
    assert_eq!(events.last().unwrap()["event"], "service_stopped");
    assert_eq!(service.wait().unwrap().code(), Some(0));
    assert_eq!(output(&["healthcheck"], &[("ASR_PORT", &port)]).status.code(), Some(1));
}

/// A name that only a list of one's own has leads to its directory and its language.
#[test]
fn a_list_of_ones_own_is_looked_into() {
    let place = tempfile::tempdir().unwrap();
    let list = place.path().join("list.yml");
    let entry = "models:\n  - {name: ours, kind: recognizer, language: en-GB, url: 'https://models.invalid/ours.zip', bytes: 1, \
                 sha256: null, licence: MIT, source: nowhere}\naliases: {o: ours}\n";
    std::fs::write(&list, entry).unwrap();
    let (directory, list) = (place.path().to_str().unwrap(), list.to_str().unwrap());
    let variables = [("ASR_MODEL_SIZE", "o"), ("MODELS_DIR", directory), ("MODELS_MANIFEST", list), ("ASR_PORT", "0")];
    let failed = output(&[], &variables);
    let text = String::from_utf8(failed.stderr).unwrap();
    assert!(text.contains("evervoice models pull ours"), "{text}");

    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/asr-en");
    std::os::unix::fs::symlink(model.canonicalize().unwrap(), place.path().join("ours")).unwrap();
    let mut service = program(&[], &variables).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines();
    let mut events = std::iter::from_fn(|| Some(serde_json::from_str::<Value>(&lines.next()?.unwrap()).unwrap()));
    let loaded = events.find(|line| line["event"] == "asr_model_loaded").unwrap();
    assert_eq!((&loaded["model"], &loaded["language"]), (&"ours".into(), &"en-GB".into()));
    events.find(|line| line["event"] == "service_ready").unwrap();
    signal(&service, "-TERM");
    events.last();
    assert_eq!(service.wait().unwrap().code(), Some(0));
}

fn signal(process: &Child, signal: &str) {
    // The shell's own `kill`: a small machine may not have the program.
    let sent = Command::new("sh").args(["-c", &format!("kill {signal} {}", process.id())]).status().unwrap();
    assert!(sent.success());
}
