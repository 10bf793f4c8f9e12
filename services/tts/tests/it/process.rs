//! The program as a process: its command line and its exit codes.

use std::process::{Command, Output};

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_evervoice-tts"));
    command.current_dir(directory.path()).env_clear().envs(variables.iter().copied()).args(arguments).output().unwrap()
}

#[test]
fn help_version_and_configuration_are_printed() {
    let help = String::from_utf8(run(&["--help"], &[]).stdout).unwrap();
    assert!(["serve", "check-config", "healthcheck", "--config"].iter().all(|word| help.contains(word)), "{help}");
    let version = String::from_utf8(run(&["--version"], &[]).stdout).unwrap();
    assert_eq!(version.trim(), concat!("evervoice-tts ", env!("CARGO_PKG_VERSION")));
    let checked = run(&["check-config"], &[("BIND_ADDRESS", "0.0.0.0")]);
    let settings: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(settings["server"]["bind_address"], "0.0.0.0");
}

#[test]
fn a_missing_voice_is_told_with_the_command_that_gets_it() {
    let place = tempfile::tempdir().unwrap();
    let list = place.path().join("list.yml");
    let entry = "models:\n  - {name: ours, kind: voice, language: en, url: 'https://models.invalid/ours.zip', bytes: 1, \
                 sha256: null, licence: MIT, source: nowhere}\naliases: {o: ours}\n";
    std::fs::write(&list, entry).unwrap();
    let list = ("MODELS_MANIFEST", list.to_str().unwrap());
    for (voices, why) in [
        ("[\"o\"]", "evervoice models pull ours"),
        ("[\"our\"]", "there is no model \"our\"; did you mean ours?"),
        ("[\"./nowhere\"]", "there is no model directory ./nowhere"),
    ] {
        let failed = run(&[], &[("TTS_VOICES", voices), ("TTS_PORT", "0"), list]);
        let text = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert_eq!(failed.status.code(), Some(1), "{text}");
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn mistakes_and_a_service_that_is_not_there_have_their_exit_codes() {
    let wrong = run(&["check-config"], &[("BIND_ADDRESS", "everywhere"), ("LOG_LEVEL", "=")]);
    let text = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text.contains("BIND_ADDRESS") && text.contains("LOG_LEVEL"), "{text}");
    assert_eq!(run(&["--config", "nowhere.yml"], &[]).status.code(), Some(2));
    assert_eq!(run(&["sing"], &[]).status.code(), Some(2));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let absent = run(&["healthcheck"], &[("TTS_PORT", &port)]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("cannot be reached"));
}
