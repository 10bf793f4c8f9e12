//! `cargo xtask ci`: everything that must hold before a change goes in.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::ValueEnum;

use crate::{alerts, conformance, libvosk, steps, test};

/// One check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The code is formatted.
    Fmt,
    /// clippy has nothing to say.
    Clippy,
    /// The documentation builds without a warning.
    Doc,
    /// The tests pass.
    Test,
    /// Clients of ElevenLabs that nobody here wrote work against the emulator.
    Conformance,
    /// The alerts fire and do not fire as they should; the dashboard can be read.
    Alerts,
    /// The dependencies' licences and sources are allowed by deny.toml.
    Licences,
}

/// How a part ended.
enum Outcome {
    Passed,
    NotRun(&'static str),
}

/// Runs `parts`, or all of them, and stops at the first that fails.
pub fn ci(parts: &[Part]) -> anyhow::Result<()> {
    let parts = if parts.is_empty() { Part::value_variants() } else { parts };
    let mut ended: Vec<(Part, Duration, Outcome)> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        steps::say(index + 1, parts.len(), &name(*part));
        let start = Instant::now();
        let outcome = check(*part).with_context(|| name(*part))?;
        ended.push((*part, start.elapsed(), outcome));
    }
    for (part, took, outcome) in ended {
        let outcome = match outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::NotRun(why) => format!("NOT RUN: {why}"),
        };
        eprintln!("{:10} {:6.1} s  {outcome}", name(part), took.as_secs_f64());
    }
    Ok(())
}

fn name(part: Part) -> String {
    part.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn check(part: Part) -> anyhow::Result<Outcome> {
    // Build scripts look for the library even where nothing is linked.
    if matches!(part, Part::Clippy | Part::Doc) {
        libvosk::install(std::env::consts::ARCH)?;
    }
    match part {
        Part::Fmt => steps::run(&mut steps::cargo(["fmt", "--all", "--check"]))?,
        Part::Clippy => steps::run(&mut steps::cargo(
            "clippy --workspace --all-targets --locked -- -D warnings".split_whitespace(),
        ))?,
        Part::Doc => {
            let mut command = steps::cargo(["doc", "--workspace", "--no-deps", "--locked"]);
            steps::run(command.env("RUSTDOCFLAGS", "-D warnings"))?
        }
        Part::Test => {
            test::test(&[])?;
            return Ok(Outcome::Passed);
        }
        Part::Conformance => {
            let ran = conformance::where_possible()?;
            return Ok(if ran { Outcome::Passed } else { Outcome::NotRun("the clients could not be installed") });
        }
        Part::Alerts => {
            let ran = alerts::where_possible()?;
            return Ok(if ran { Outcome::Passed } else { Outcome::NotRun("there is no promtool") });
        }
        Part::Licences => return licences(),
    };
    Ok(Outcome::Passed)
}

/// Advisories are not among the checks: their database has to be downloaded.
fn licences() -> anyhow::Result<Outcome> {
    let there = Command::new("cargo-deny").arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        let why = "cargo-deny is not installed (cargo install --locked cargo-deny)";
        eprintln!("WARNING: licences and sources were NOT checked: {why}");
        return Ok(Outcome::NotRun(why));
    }
    steps::run(&mut steps::cargo("deny --locked check licenses bans sources".split_whitespace()))?;
    Ok(Outcome::Passed)
}
