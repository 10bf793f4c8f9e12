//! The alerts and the dashboard of `configs/monitoring`, held to by Prometheus' own tool.
//!
//! `promtool` is taken from PATH, else out of Debian's package `prometheus`, unpacked below the target directory without root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::steps;

/// Checks the configuration, tests every alert, and reads every expression of the dashboard: `false` when there is no promtool
/// and none could be had.
pub fn where_possible() -> anyhow::Result<bool> {
    match promtool() {
        Ok(promtool) => run(&promtool).map(|()| true),
        Err(error) => {
            eprintln!("WARNING: the alerts were NOT tested: {error:#}");
            Ok(false)
        }
    }
}

fn run(promtool: &Path) -> anyhow::Result<()> {
    let directory = steps::root().join("configs/monitoring");
    let tool = || {
        let mut command = Command::new(promtool);
        command.current_dir(&directory);
        command
    };
    steps::run(tool().args(["check", "config", "prometheus.yml"]))?;
    steps::run(tool().args(["test", "rules", "alerts_test.yml"]))?;
    let dashboard = directory.join("grafana/dashboards/evervoice.json");
    let text = fs::read_to_string(&dashboard).with_context(|| format!("cannot read {}", dashboard.display()))?;
    let rules = scratch()?.join("dashboard.json");
    fs::write(&rules, as_rules(&serde_json::from_str(&text)?).to_string())?;
    steps::run(tool().args(["check", "rules"]).arg(&rules))?;
    Ok(())
}

/// The expressions of a dashboard as a file of rules, which is what promtool reads; JSON is YAML too.
fn as_rules(dashboard: &Value) -> Value {
    let targets = dashboard["panels"].as_array().into_iter().flatten().flat_map(|panel| panel["targets"].as_array());
    let expressions = targets.flatten().filter_map(|target| target["expr"].as_str());
    let rule = |(index, expression): (usize, &str)| json!({"record": format!("panel:{index}"), "expr": expression.replace("$__rate_interval", "5m")});
    let rules: Vec<Value> = expressions.enumerate().map(rule).collect();
    json!({"groups": [{"name": "dashboard", "rules": rules}]})
}

/// A directory of our own below the target directory.
fn scratch() -> anyhow::Result<PathBuf> {
    let directory = steps::target().join("promtool");
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    // The tools run elsewhere.
    Ok(directory.canonicalize()?)
}

fn promtool() -> anyhow::Result<PathBuf> {
    let works = |program: &Path| {
        let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    let installed = PathBuf::from("promtool");
    if works(&installed) {
        return Ok(installed);
    }
    let directory = scratch()?;
    let unpacked = directory.join("usr/bin/promtool");
    if !works(&unpacked) {
        fetch(&directory).context("promtool is not on PATH (apt-get install prometheus), and cannot be fetched")?;
    }
    if !works(&unpacked) {
        bail!("the package has no promtool that runs here");
    }
    Ok(unpacked)
}

/// Downloads the package and unpacks it; nothing is installed.
fn fetch(directory: &Path) -> anyhow::Result<()> {
    steps::run(Command::new("apt-get").args(["download", "--quiet", "prometheus"]).current_dir(directory))?;
    let mut files = fs::read_dir(directory)?.flatten().map(|entry| entry.path());
    let package = files.find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    let package = package.context("apt-get gave no package")?;
    steps::run(Command::new("dpkg").arg("-x").arg(&package).arg(directory))?;
    fs::remove_file(&package).with_context(|| format!("cannot remove {}", package.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_of_a_dashboard_becomes_a_rule() {
        let dashboard = json!({"panels": [
            {"type": "row"},
            {"targets": [{"expr": "rate(a[$__rate_interval])"}, {"expr": "b"}]},
            {"targets": [{"expr": "c"}]},
        ]});
        let rules = as_rules(&dashboard);
        let rules = rules["groups"][0]["rules"].as_array().unwrap();
        let expressions: Vec<&str> = rules.iter().map(|rule| rule["expr"].as_str().unwrap()).collect();
        assert_eq!(expressions, ["rate(a[5m])", "b", "c"]);
        assert_eq!(rules[2]["record"], "panel:2");
    }
}
