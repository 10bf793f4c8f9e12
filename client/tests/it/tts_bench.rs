//! `tts_bench` from its command line to its reports.

use std::collections::BTreeMap;
use std::path::Path;

use elevenlabs_emulator::{Config, Faults, Trigger};
use serde_json::Value;

use crate::far::Far;
use crate::{Ended, door, names, run, run_with};

const CASES: [&str; 7] = ["ws_short", "ws_long", "http_short", "http_long", "reconnect", "warm", "cold"];

/// The reports of a run, which must all be there.
struct Reports {
    events: Vec<Value>,
    json: Value,
    md: String,
    svg: String,
}

fn reports(directory: &Path) -> Reports {
    let found = names(directory);
    let read = |start: &str, end: &str| {
        let name = found.iter().find(|name| name.starts_with(start) && name.ends_with(end));
        let name = name.unwrap_or_else(|| panic!("{start}*{end} in {found:?}"));
        let stamp = &name[start.len()..name.len() - end.len()];
        let (day, minute) = stamp.split_once('-').unwrap();
        assert!(day.len() == 8 && minute.len() == 4 && (day.to_owned() + minute).parse::<u64>().is_ok(), "{name}");
        std::fs::read_to_string(directory.join(name)).unwrap()
    };
    let raw = read("tts_probe_", ".jsonl");
    let reports = Reports {
        events: raw.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        json: serde_json::from_str(&read("tts_summary_", ".json")).unwrap(),
        md: read("tts_summary_", ".md"),
        svg: read("tts_plot_", ".svg"),
    };
    assert_eq!(found.len(), 4, "{found:?}");
    reports
}

/// The events of one name; each must have these fields.
fn events<'a>(reports: &'a Reports, name: &str, fields: &[&str]) -> Vec<&'a Value> {
    let found: Vec<&Value> = reports.events.iter().filter(|event| event["event"] == name).collect();
    assert!(!found.is_empty(), "no {name}");
    for (event, field) in found.iter().flat_map(|event| fields.iter().map(move |field| (event, field))) {
        assert!(event.get(*field).is_some(), "{field} in {event}");
    }
    found
}

/// What holds for every measurement in which nothing failed.
fn check_whole(reports: &Reports, repeats: u64) {
    assert!(reports.events.iter().all(|event| event["event"].is_string() && event["ts"].is_string()));
    events(reports, "ws_handshake_start", &[]);
    events(reports, "ws_handshake_finish", &["ms"]);
    events(reports, "ws_send_text", &["seq", "chars", "try_trigger_generation"]);
    events(reports, "ws_first_audio", &["ms", "bytes"]);
    events(reports, "ws_stream_end", &["total_ms", "chunks", "bytes"]);
    events(reports, "http_request_start", &[]);
    events(reports, "http_first_byte", &["ms"]);
    events(reports, "http_stream_end", &["total_ms", "chunks", "bytes"]);
    let mut done: BTreeMap<&str, u64> = BTreeMap::new();
    for event in events(reports, "bench_case_done", &["mode", "length", "ttf_ms", "total_ms", "case", "run"]) {
        *done.entry(event["case"].as_str().unwrap()).or_default() += 1;
        let (first, total) = (event["ttf_ms"].as_f64().unwrap(), event["total_ms"].as_f64().unwrap());
        assert!(0.0 < first && first <= total, "{event}");
    }
    assert_eq!(done, CASES.iter().map(|case| (*case, repeats)).collect());
    let saved = events(reports, "report_saved", &["path_md", "path_json"]);
    assert_eq!(reports.events.last(), saved.last().copied());

    assert_eq!((&reports.json["failed"], &reports.json["goal_ttft_ms"]), (&0.into(), &800.0.into()));
    for case in CASES {
        let numbers = &reports.json["cases"][case];
        assert_eq!(numbers["succeeded"], repeats, "{case}");
        let first = if numbers["metrics"]["ttft_ms"].is_object() { "ttft_ms" } else { "ttfa_ms" };
        let of = |metric: &str, name: &str| numbers["metrics"][metric][name].as_f64().unwrap();
        for name in ["p50", "p95", "avg", "min", "max"] {
            assert!(of(first, name) <= of("total_ms", name), "{case} {name}");
        }
        let connects = numbers["mode"] == "ws" && case != "warm";
        assert_eq!(numbers["metrics"]["handshake_ms"].is_object(), connects, "{case}");
        if case == "cold" {
            assert!(of("handshake_ms", "min") <= of("ttfa_ms", "min"), "what is needed for the sound is counted");
        }
    }
    for part in ["WS, короткая", "HTTP, длинная", "переподключение", "goal_ttft_ms", "Тёплый сокет"]
    {
        assert!(reports.md.contains(part), "{part}\n{}", reports.md);
    }
    assert!(reports.svg.starts_with("<svg") && reports.svg.contains("<circle"));
}

#[test]
fn the_emulator_needs_neither_key_nor_network() {
    let directory = tempfile::tempdir().unwrap();
    // A key of the environment is not for the emulator: it would be refused there.
    let arguments = ["--target", "emulator", "--rtt-ms", "10", "--repeats", "2", "--out", "a/reports"];
    let ended = run_with("tts_bench", directory.path(), &arguments, &[("ELEVEN_API_KEY", "sk_real".to_owned())]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let reports = reports(&directory.path().join("a/reports"));
    check_whole(&reports, 2);

    let json = &reports.json;
    assert_eq!((&json["target"], &json["details"]["rtt_ms"]), (&"emulator".into(), &10.into()));
    assert_eq!(json["cases"]["ws_short"]["chars"], 23);
    let least = |case: &str, metric: &str| json["cases"][case]["metrics"][metric]["min"].as_f64().unwrap();
    // TCP, TLS and the upgrade are a round trip each; a request is one more.
    assert!(least("ws_short", "handshake_ms") >= 30.0, "{json:#}");
    assert!(least("http_short", "ttfa_ms") >= 30.0, "{json:#}");
    assert!(least("warm", "ttfa_ms") >= 10.0, "{json:#}");
    for event in events(&reports, "ws_send_text", &[]) {
        assert!(event["seq"] != 1 || event["try_trigger_generation"] == true, "{event}");
    }
    let everything = format!("{:?}{}{}{}", reports.events, json, reports.md, ended.stdout);
    assert!(!everything.contains("test-key") && !everything.contains("sk_real"));
    assert!(ended.stdout.contains("WS, короткая 1/2: рукопожатие "), "{}", ended.stdout);
}

#[test]
fn quiet_leaves_the_summary() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "--target",
        "emulator",
        "--rtt-ms",
        "0",
        "--repeats",
        "1",
        "--quiet",
        "--ws-long",
        "Раз, два.",
        "--http-long",
        "Три.",
    ];
    let ended = run("tts_bench", directory.path(), &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stdout.contains("1/1") && ended.stdout.contains("p95 < 800"), "{}", ended.stdout);
    let reports = reports(&directory.path().join("reports"));
    assert_eq!(reports.json["cases"]["ws_long"]["chars"], 9);
    check_whole(&reports, 1);
}

#[test]
fn the_real_service_is_reached_by_variables_and_a_certificate_alone() {
    let far = Far::start(Config { tls: true, ..Config::default() });
    let directory = tempfile::tempdir().unwrap();
    let certificate = directory.path().join("certificate.pem");
    std::fs::write(&certificate, far.emulator().certificate_pem()).unwrap();
    let mut variables = far.variables();
    variables.extend([
        ("ELEVEN_HTTP_BASE_URL", far.emulator().https_url()),
        ("ELEVEN_WS_BASE_URL", far.emulator().wss_url()),
        ("SSL_CERT_FILE", certificate.display().to_string()),
    ]);
    let ended = run_with("tts_bench", directory.path(), &["--repeats", "1"], &variables);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let reports = reports(&directory.path().join("reports"));
    check_whole(&reports, 1);
    assert_eq!((&reports.json["target"], &reports.json["details"]["voice_id"]), (&"real".into(), &"voice-a".into()));
}

#[test]
fn a_case_that_fails_is_told_and_the_others_are_measured() {
    let far = Far::start(Config::default());
    far.emulator().set_faults(Faults { http_5xx: Some(Trigger::always()), ..Faults::default() });
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("settings.yml"), "http_max_retries: 0\nspeech: {max_chars: 10}\n").unwrap();
    let arguments = ["--config", "settings.yml", "--repeats", "2"];
    let ended = run_with("tts_bench", directory.path(), &arguments, &far.variables());
    assert_eq!(ended.code, Some(7), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("4 из 14"), "{}", ended.stderr);
    assert!(ended.stdout.contains("✗ HTTP, короткая 2/2: "), "{}", ended.stdout);
    let reports = reports(&directory.path().join("reports"));
    let failed = events(&reports, "bench_case_failed", &["mode", "length", "case", "run", "error"]);
    assert_eq!(failed.len(), 4);
    assert!(failed.iter().all(|event| event["mode"] == "http"));
    let cases = &reports.json["cases"];
    assert_eq!((&reports.json["failed"], &cases["http_long"]["succeeded"]), (&4.into(), &0.into()));
    assert_eq!(cases["http_long"]["failures"][1]["run"], 2);
    assert_eq!((&cases["http_long"]["goal_met"], &cases["warm"]["succeeded"]), (&Value::Null, &2.into()));
    assert!(reports.md.contains("## Не удалось") && reports.md.contains("HTTP, длинная, прогон 2"), "{}", reports.md);
}

#[test]
fn a_gateway_is_measured_through_its_public_api() {
    let door = door::open();
    let directory = tempfile::tempdir().unwrap();
    let ended = run("tts_bench", directory.path(), &["--target", "gateway", "--url", &door.url, "--repeats", "2"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let reports = reports(&directory.path().join("reports"));
    check_whole(&reports, 2);
    assert_eq!(reports.json["details"]["url"], door.url.as_str());
    // Short and long, reconnect twice over, one that stays warm, cold.
    assert_eq!(door.sockets(), 2 + 2 + 4 + 1 + 2);
    // None of them waits for a listener.
    let configs = door.configs();
    assert_eq!(configs.len(), door.sockets());
    assert!(configs.iter().all(|config| config["lead_ms"] == 600_000), "{configs:?}");
    let texts = door.texts();
    assert!(texts.iter().any(|text| text == "Стоимость 12000 рублей."), "{texts:?}");
    assert_eq!(texts.len(), 2 + 2 + 4 + 2 + 2 + 4, "with the four requests over HTTP");
}

#[test]
fn a_gateway_that_is_not_there_fails_every_run_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ended = run("tts_bench", directory.path(), &["--target", "gateway", "--url", &url, "--repeats", "1"]);
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    let reports = reports(&directory.path().join("reports"));
    assert_eq!(reports.json["failed"], 7);
    assert!(reports.md.contains(&url), "{}", reports.md);
}

#[test]
fn what_is_missing_is_named_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let Ended { code, stderr, .. } = run("tts_bench", directory.path(), &[]);
    assert_eq!(code, Some(2), "{stderr}");
    for part in ["api_key (ELEVEN_API_KEY)", "voice_id (ELEVEN_VOICE_ID)", "model_id (ELEVEN_MODEL_ID)"] {
        assert!(stderr.contains(part), "{part} in {stderr}");
    }
    assert_eq!(names(directory.path()), Vec::<String>::new());
    for wrong in
        [["--rtt-ms", "5"], ["--repeats", "0"], ["--ws-chunk", " …"], ["--config", "none.yml"], ["--target", "nobody"]]
    {
        let ended = run("tts_bench", directory.path(), &wrong);
        assert_eq!(ended.code, Some(2), "{wrong:?} {}", ended.stderr);
    }
    std::fs::write(directory.path().join("file"), "").unwrap();
    let ended = run("tts_bench", directory.path(), &["--target", "emulator", "--out", "file"]);
    assert_eq!(ended.code, Some(6), "{}", ended.stderr);
    let help = run("tts_bench", directory.path(), &["--help"]);
    assert!(help.stdout.contains("7  часть прогонов не удалась"), "{}", help.stdout);
}
