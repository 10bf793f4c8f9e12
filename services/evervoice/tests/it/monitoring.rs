//! Alerts and dashboard name what the services count. A name with a mistake in it would never fire and draw nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use elevenlabs_emulator::{Config, Emulator};
use serde_json::Value;

use crate::harness::TestHouse;

/// Labels that Prometheus adds, and those of histograms.
const ADDED: [&str; 3] = ["job", "instance", "le"];
/// Prometheus' own.
const PROMETHEUS: [&str; 2] = ["up", "ALERTS"];

fn monitoring(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/monitoring").join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(monitoring(file)).unwrap()
}

/// Names of time series, and the labels that each has been seen with.
type Known = BTreeMap<String, BTreeSet<String>>;

/// What the three services say when each has done something.
async fn said() -> Known {
    let emulator = Emulator::start(Config::default()).await.unwrap();
    let house = TestHouse::with(|settings| {
        let elevenlabs = &mut settings.tts.elevenlabs;
        elevenlabs.api_key = "test-key".into();
        elevenlabs.voice_id = "JBFqnCBsd6RMkjVDRZzb".into();
        elevenlabs.model_id = "eleven_flash_v2_5".into();
        elevenlabs.http_base_url = emulator.http_url();
        elevenlabs.ws_base_url = emulator.ws_url();
        settings.tts.stock.enabled = false;
    })
    .await;
    let sound = house.speak("Good morning.").await;
    assert_eq!(house.post("/api/stt/bytes", sound).await.status(), 200);
    let mut known = Known::new();
    for running in [&house.house.gateway, &house.house.asr, &house.house.tts] {
        let url = format!("http://{}/metrics", running.address);
        let text = house.client.get(url).send().await.unwrap().text().await.unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            // A sample is written like a selector, and a value behind it.
            for (name, labels) in selectors(line.rsplit_once(' ').unwrap().0) {
                known.entry(name).or_default().extend(labels);
            }
        }
    }
    known
}

/// What the sources register: a family without a sample is not in `/metrics` yet.
fn registered() -> BTreeSet<String> {
    const SOURCES: [(&str, &str); 5] = [
        ("", include_str!("../../../../crates/core/src/service/observe.rs")),
        ("", include_str!("../../../gateway/src/events.rs")),
        ("", include_str!("../../../asr/src/events.rs")),
        ("", include_str!("../../../tts/src/events.rs")),
        ("elevenlabs_", include_str!("../../../../crates/elevenlabs/src/events.rs")),
    ];
    let mut names = BTreeSet::new();
    for (prefix, source) in SOURCES {
        for call in source.split(".register(").skip(1) {
            // `"name", "help", events.field.clone()`
            let Some(name) = call.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                continue;
            };
            let field = call.split(".clone()").next().and_then(|before| before.rsplit('.').next()).unwrap();
            let declared = source.lines().find(|line| line.trim_start().starts_with(&format!("{field}: "))).unwrap();
            let endings: &[&str] = match () {
                () if declared.contains("Histogram") => &["_bucket", "_sum", "_count"],
                () if declared.contains("Counter") => &["_total"],
                () if declared.contains("Gauge") => &[""],
                () => panic!("{declared}"),
            };
            names.extend(endings.iter().map(|ending| format!("{prefix}{name}{ending}")));
        }
    }
    names
}

/// The selectors of a PromQL expression: names of series, and the labels in braces behind each.
fn selectors(expression: &str) -> Vec<(String, Vec<String>)> {
    const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
    const WORDS: [&str; 5] = ["and", "or", "unless", "offset", "bool"];
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let end = |stop: fn(char) -> bool| rest.find(stop).unwrap_or(rest.len());
        let word = &rest[..end(|c| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))];
        if word.is_empty() || first.is_ascii_digit() {
            rest = match first {
                '[' => &rest[end(|c| c == ']')..],
                '"' => rest[1..].split_once('"').unwrap().1,
                _ => &rest[word.len().max(first.len_utf8())..],
            };
            continue;
        }
        rest = rest[word.len()..].trim_start();
        if LISTS.contains(&word) {
            rest = rest.split_once(')').unwrap().1;
        } else if !["(", "by ", "without "].iter().any(|next| rest.starts_with(next)) && !WORDS.contains(&word) {
            let mut labels = Vec::new();
            if let Some(inside) = rest.strip_prefix('{') {
                let (inside, behind) = inside.split_once('}').unwrap();
                // Values in quotes are every second piece.
                let names = inside.split('"').step_by(2).map(|name| name.trim_matches([' ', ',', '=', '~', '!']));
                labels.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
                rest = behind;
            }
            found.push((word.to_owned(), labels));
        }
    }
    found
}

/// Every expression of the alerts, of their tests, and of the dashboard; with where it stands.
fn expressions() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let alerts = read("alerts.yml");
    for block in alerts.split("expr:").skip(1) {
        let expression: Vec<&str> = block
            .lines()
            .take_while(|line| !["for:", "labels:"].iter().any(|key| line.trim_start().starts_with(key)))
            .map(|line| line.trim().trim_start_matches(">-"))
            .collect();
        found.push(("alerts.yml".to_owned(), expression.join(" ")));
    }
    assert_eq!(found.len(), alerts.matches("- alert:").count());
    let tests = read("alerts_test.yml");
    let series = tests.split("series: '").skip(1).map(|rest| rest.split('\'').next().unwrap().to_owned());
    found.extend(series.map(|series| ("alerts_test.yml".to_owned(), series)));
    let dashboard: Value = serde_json::from_str(&read("grafana/dashboards/evervoice.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().unwrap().to_owned();
            found.push((title, target["expr"].as_str().unwrap().to_owned()));
        }
    }
    found
}

#[tokio::test]
async fn every_name_in_alerts_and_dashboard_is_one_that_the_services_register() {
    let (said, registered) = (said().await, registered());
    // The sources are read rightly: whatever is said is among what they register.
    let unread: Vec<&String> = said.keys().filter(|name| !registered.contains(*name)).collect();
    assert!(unread.is_empty() && said.len() > 40, "{unread:?} of {}", said.len());
    let mut used = BTreeSet::new();
    for (place, expression) in expressions() {
        let selectors = selectors(&expression);
        assert!(!selectors.is_empty(), "{place}: {expression}");
        for (name, labels) in selectors {
            if PROMETHEUS.contains(&name.as_str()) {
                continue;
            }
            assert!(registered.contains(&name), "{place}: nobody registers {name}");
            for label in labels.iter().filter(|label| !ADDED.contains(&label.as_str())) {
                let unknown = said.get(&name).is_some_and(|labels| !labels.contains(label));
                assert!(!unknown, "{place}: {name} has no label {label}");
            }
            used.insert(name);
        }
    }
    assert!(used.len() > 30, "{used:?}");
}

#[test]
fn selectors_are_found_in_an_expression() {
    let text = r#"histogram_quantile(0.95, sum by (le, x) (rate(a_bucket{job="y", z=~"q{1}|r"}[5m]))) > 3e3
        and on (instance) b_total unless c{d!=""} offset 10m"#;
    // Braces in a value end the selector too early; no value of ours has any.
    let found = selectors(&text.replace("{1}", ""));
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a_bucket", "b_total", "c"]);
    assert_eq!((&found[0].1[..], &found[2].1[..]), (&["job".to_owned(), "z".to_owned()][..], &["d".to_owned()][..]));
}

#[test]
fn the_dashboard_can_be_shown() {
    let dashboard: Value = serde_json::from_str(&read("grafana/dashboards/evervoice.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "ids are unique");
    let mut places = BTreeSet::new();
    for panel in panels {
        let place = &panel["gridPos"];
        let at = |key: &str| place[key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel}");
        for cell in (at("y")..at("y") + at("h")).flat_map(|y| (at("x")..at("x") + at("w")).map(move |x| (x, y))) {
            assert!(places.insert(cell), "panels overlap: {}", panel["title"]);
        }
        if panel["type"] != "row" {
            // The name that provisioning gives the data source.
            assert_eq!(panel["datasource"]["uid"], "evervoice");
            assert!(!panel["targets"].as_array().unwrap().is_empty());
        }
    }
    assert!(read("grafana/provisioning/datasources/prometheus.yml").contains("uid: evervoice\n"));
}

/// What Prometheus asks is what the services listen on by default.
#[test]
fn the_targets_are_the_default_ports() {
    let settings = evervoice::HouseSettings::default();
    let config = read("prometheus.yml");
    for (name, server) in
        [("gateway", &settings.gateway.server), ("asr", &settings.asr.server), ("tts", &settings.tts.server)]
    {
        assert!(config.contains(&format!("job_name: {name}\n")), "{name}");
        assert!(config.contains(&format!("[\"{name}:{}\"]", server.port)), "{name}");
    }
}
