//! `tts_bench`: how soon speech is heard, over WebSockets and over HTTP.
//!
//! * [`options`]: the command line
//! * [`cases`]: what is measured, in which order
//! * [`target`]: who is measured: [`direct`], [`gateway`]: the ElevenLabs client itself, or a gateway from outside;
//!   [`emulator`]: a pretend ElevenLabs for the former
//! * [`probe`]: the raw events
//! * [`stats`], [`report`]: runs → numbers; [`markdown`], [`plot`]: numbers → something to look at
//! * [`files`]: where all of it is saved

pub mod cases;
pub mod direct;
pub mod emulator;
pub mod files;
pub mod gateway;
pub mod markdown;
pub mod options;
pub mod plot;
pub mod probe;
pub mod report;
pub mod stats;
pub mod target;

use std::time::Instant;

use serde_json::Value;

use self::cases::{Case, Outcome};
use self::options::Options;
use self::probe::Probe;
use self::report::{Conditions, Report};
use self::target::Target;
use crate::error::ClientError;
use crate::screen::Screen;

/// Characters after which a piece of text ends, at the next word: about what a language model gives at a time.
const PIECE: usize = 12;

/// Measures, saves the reports and says where they are.
///
/// # Errors
/// [`ClientError::Runs`] when a run failed; the reports are saved then too. Any other error: nothing was measured or saved.
pub async fn run(options: Options) -> Result<(), ClientError> {
    options.check()?;
    let probe = Probe::default();
    let _listening = probe.listen();
    let (mut target, details) = Target::open(&options, &probe).await?;
    files::make_directory(&options.out)?;
    let conditions = Conditions { date: probe::now(), target: options.target, repeats: options.repeats, details };

    let plan = cases::plan(options.repeats);
    let screen = Screen::steps(options.quiet, plan.len() as u64);
    let mut outcomes = Vec::with_capacity(plan.len());
    for (case, run) in plan {
        screen.wait(case.title());
        probe.begin(case, run);
        let outcome = one(&mut target, &options, &probe, case, run).await;
        if !options.quiet {
            screen.line(format_args!("{}", line(&outcome, options.repeats)));
        }
        screen.step();
        outcomes.push(outcome);
    }
    target.close().await;
    screen.done();

    let report = Report::new(conditions, &outcomes, |case| options.text(case).chars().count());
    let saved = files::save(&options.out, &report, &outcomes, &probe)?;
    screen.line(format_args!("\n{}", summary(&report)));
    for path in saved.paths() {
        screen.line(format_args!("✓ {}", path.display()));
    }
    match report.failed {
        0 => Ok(()),
        failed => Err(ClientError::Runs { failed, runs: report.runs }),
    }
}

/// Runs a case once, within its time.
async fn one(target: &mut Target, options: &Options, probe: &Probe, case: Case, run: u32) -> Outcome {
    let limit = options.timeout;
    let id = format!("{}-{run}", serde_json::to_value(case).unwrap_or_default().as_str().unwrap_or_default());
    let ended = tokio::time::timeout(limit, target.run(case, options.text(case), &id)).await;
    let result = match ended {
        Ok(Ok(timing)) => Ok(timing),
        Ok(Err(error)) => Err(reason(&error)),
        Err(_) => Err(format!("прогон не закончился за {} с", limit.as_secs_f64())),
    };
    let kind = [("mode", Value::from(case.mode())), ("length", case.length().into())];
    match &result {
        Ok(timing) => {
            let times = [("ttf_ms", timing.first_ms.into()), ("total_ms", timing.total_ms.into())];
            probe.record("bench_case_done", kind.into_iter().chain(times));
        }
        Err(error) => {
            probe.record("bench_case_failed", kind.into_iter().chain([("error", error.as_str().into())]));
        }
    }
    Outcome { case, run, result }
}

/// A text as a language model would give it: cut after words.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut chars) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        chars += 1;
        if chars >= PIECE && character.is_whitespace() {
            let end = at + character.len_utf8();
            pieces.push(&text[start..end]);
            (start, chars) = (end, 0);
        }
    }
    pieces.extend(Some(&text[start..]).filter(|rest| !rest.is_empty()));
    pieces
}

/// Milliseconds since then.
pub fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// Why a run failed, in one line; no file is saved by a run.
fn reason(error: &ClientError) -> String {
    let text = match error {
        ClientError::Broken(what) | ClientError::Unusable(what) => what.clone(),
        other => other.to_string(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn line(outcome: &Outcome, repeats: u32) -> String {
    let Outcome { case, run, result } = outcome;
    let title = case.title();
    match result {
        Err(error) => format!("✗ {title} {run}/{repeats}: {error}"),
        Ok(timing) => {
            let handshake = timing.handshake_ms.map_or_else(String::new, |ms| format!("рукопожатие {ms:.1} мс, "));
            let (first, first_ms, total_ms) = (case.first().title(), timing.first_ms, timing.total_ms);
            format!("  {title} {run}/{repeats}: {handshake}{first} {first_ms:.1} мс, всего {total_ms:.1} мс")
        }
    }
}

/// A line per case: medians against the goal.
fn summary(report: &Report) -> String {
    let mut text = format!("До первого звука, мс (цель: p95 < {}):\n", report.goal_ttft_ms);
    for (case, numbers) in &report.cases {
        let title = case.title();
        text += &match numbers.metrics.get(&case.first()) {
            Some(first) => {
                let met = if numbers.goal_met == Some(true) { "✓" } else { "✗" };
                format!("  {met} {title}: p50 {:.1}, p95 {:.1}, среднее {:.1}\n", first.p50, first.p95, first.avg)
            }
            None => format!("  ✗ {title}: нет ни одного удачного прогона\n"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pieces_end_after_words() {
        assert_eq!(pieces(options::SHORT), ["Стоимость 12000 ", "рублей."]);
        assert_eq!(pieces("один"), ["один"]);
    }

    proptest! {
        #[test]
        fn pieces_are_the_text(text in any::<String>()) {
            let pieces = pieces(&text);
            prop_assert_eq!(pieces.concat(), text.as_str());
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        }
    }

    #[test]
    fn a_reason_is_one_line_and_speaks_of_no_file() {
        assert_eq!(reason(&ClientError::Broken("a\n  b".to_owned())), "a b");
    }
}
