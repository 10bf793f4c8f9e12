//! Runs → numbers, as `tts_summary_*.json` says them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::cases::{Case, Metric, Outcome, Timing};
use super::options::TargetName;
use super::stats::{PERCENTILES, Stats};

/// The first sound is to come sooner, in ms: the 95th percentile of a case's TTFT or TTFA is held against it.
pub const GOAL_MS: f64 = 800.0;

/// What was measured, and how.
#[derive(Debug, Serialize)]
pub struct Conditions {
    /// When it began: RFC 3339, UTC.
    pub date: String,
    /// Who was measured.
    pub target: TargetName,
    /// Runs of each case.
    pub repeats: u32,
    /// What else matters, by name: addresses, model, formats. Never a secret.
    pub details: BTreeMap<&'static str, Value>,
}

/// All numbers.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was measured.
    #[serde(flatten)]
    pub conditions: Conditions,
    /// [`GOAL_MS`]
    pub goal_ttft_ms: f64,
    /// Whether every case met it.
    pub goal_met: bool,
    /// How percentiles are computed.
    pub percentiles: &'static str,
    /// Runs in all.
    pub runs: usize,
    /// Those that failed.
    pub failed: usize,
    /// By case.
    pub cases: BTreeMap<Case, CaseReport>,
    /// Cold minus warm, pair by pair: what an open socket saves before the first sound, in ms.
    pub warm_gain_ms: Option<Stats>,
}

/// The numbers of one case.
#[derive(Debug, Serialize)]
pub struct CaseReport {
    /// `ws` or `http`.
    pub mode: &'static str,
    /// `short` or `long`.
    pub length: &'static str,
    /// Characters of its text.
    pub chars: usize,
    /// Runs that ended with whole sound.
    pub succeeded: usize,
    /// The others.
    pub failures: Vec<Failure>,
    /// Whether the first sound came soon enough; `None` when none came.
    pub goal_met: Option<bool>,
    /// By what was measured.
    pub metrics: BTreeMap<Metric, Stats>,
}

/// A run that failed.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// Counted from one within its case.
    pub run: u32,
    /// What went wrong.
    pub error: String,
}

impl Report {
    /// The numbers of `outcomes`; `chars` gives the length of a case's text.
    pub fn new(conditions: Conditions, outcomes: &[Outcome], chars: impl Fn(Case) -> usize) -> Report {
        let cases: BTreeMap<Case, CaseReport> =
            Case::ALL.into_iter().map(|case| (case, CaseReport::new(case, outcomes, chars(case)))).collect();
        Report {
            conditions,
            goal_ttft_ms: GOAL_MS,
            goal_met: cases.values().all(|case| case.goal_met == Some(true)),
            percentiles: PERCENTILES,
            runs: outcomes.len(),
            failed: outcomes.iter().filter(|outcome| outcome.result.is_err()).count(),
            cases,
            warm_gain_ms: Stats::of(&warm_gain(outcomes)),
        }
    }

    /// Its text, indented.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl CaseReport {
    fn new(case: Case, outcomes: &[Outcome], chars: usize) -> CaseReport {
        let metrics: BTreeMap<Metric, Stats> = Metric::ALL
            .into_iter()
            .filter_map(|metric| Some((metric, Stats::of(&values(outcomes, case, metric))?)))
            .collect();
        let runs = || outcomes.iter().filter(move |outcome| outcome.case == case);
        let failures = runs().filter_map(|outcome| {
            let error = outcome.result.as_ref().err()?.clone();
            Some(Failure { run: outcome.run, error })
        });
        CaseReport {
            mode: case.mode(),
            length: case.length(),
            chars,
            succeeded: runs().filter(|outcome| outcome.result.is_ok()).count(),
            failures: failures.collect(),
            goal_met: metrics.get(&case.first()).map(|first| first.p95 < GOAL_MS),
            metrics,
        }
    }
}

/// What was measured of a metric in the runs of a case that succeeded.
pub fn values(outcomes: &[Outcome], case: Case, metric: Metric) -> Vec<f64> {
    timings(outcomes, case).filter_map(|(_, timing)| timing.get(case, metric)).collect()
}

fn timings(outcomes: &[Outcome], case: Case) -> impl Iterator<Item = (u32, &Timing)> {
    let runs = outcomes.iter().filter(move |outcome| outcome.case == case);
    runs.filter_map(|outcome| Some((outcome.run, outcome.result.as_ref().ok()?)))
}

fn warm_gain(outcomes: &[Outcome]) -> Vec<f64> {
    let warm: BTreeMap<u32, &Timing> = timings(outcomes, Case::Warm).collect();
    let pairs = timings(outcomes, Case::Cold).filter_map(|(run, cold)| Some((warm.get(&run)?, cold)));
    pairs.map(|(warm, cold)| cold.first_ms - warm.first_ms).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report with one failure and round numbers.
    pub(crate) fn sample() -> (Report, Vec<Outcome>) {
        let timing = |handshake: Option<f64>, first_ms: f64| Timing {
            handshake_ms: handshake,
            first_ms,
            total_ms: first_ms * 2.0,
        };
        let mut outcomes = Vec::new();
        for case in Case::ALL {
            for run in 1..=2 {
                let result = match case {
                    Case::HttpLong if run == 2 => Err("оборвался <на | середине>".to_owned()),
                    Case::HttpLong => Ok(timing(None, 900.0)),
                    Case::Warm => Ok(timing(None, 50.0 + f64::from(run))),
                    Case::Cold => Ok(timing(Some(200.0), 250.0)),
                    _ if case.mode() == "ws" => Ok(timing(Some(150.0), 100.0 * f64::from(run))),
                    _ => Ok(timing(None, 100.0 * f64::from(run))),
                };
                outcomes.push(Outcome { case, run, result });
            }
        }
        let conditions = Conditions {
            date: "2026-11-21T08:00:00.000000Z".to_owned(),
            target: TargetName::Emulator,
            repeats: 2,
            details: [("rtt_ms", Value::from(50))].into(),
        };
        (Report::new(conditions, &outcomes, |case| case.title().len()), outcomes)
    }

    #[test]
    fn numbers_are_those_of_the_runs_that_succeeded() {
        let (report, _) = sample();
        assert_eq!((report.runs, report.failed, report.goal_met), (14, 1, false));
        let short = &report.cases[&Case::WsShort];
        assert_eq!((short.metrics[&Metric::TtftMs].p50, short.metrics[&Metric::TtftMs].avg), (100.0, 150.0));
        assert_eq!(short.metrics[&Metric::TotalMs].p95, 400.0);
        assert_eq!(short.metrics[&Metric::HandshakeMs].n, 2);
        assert_eq!(short.goal_met, Some(true));
        let long = &report.cases[&Case::HttpLong];
        assert_eq!((long.succeeded, long.failures[0].run, long.goal_met), (1, 2, Some(false)));
        assert_eq!(long.metrics[&Metric::TtfaMs].n, 1);
        let gain = report.warm_gain_ms.unwrap();
        assert_eq!((gain.min, gain.max), (198.0, 199.0));
    }

    #[test]
    fn a_case_without_any_success_has_no_numbers_and_does_not_meet_the_goal() {
        let (report, mut outcomes) = sample();
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.case == Case::Warm) {
            outcome.result = Err("no".to_owned());
        }
        let report = Report::new(report.conditions, &outcomes, |_| 1);
        let warm = &report.cases[&Case::Warm];
        assert_eq!((warm.succeeded, warm.goal_met, warm.metrics.len()), (0, None, 0));
        assert_eq!((report.goal_met, report.warm_gain_ms), (false, None));
    }

    #[test]
    fn the_json_has_the_names_that_others_read() {
        let json: Value = serde_json::from_str(&sample().0.json()).unwrap();
        assert_eq!(json["goal_ttft_ms"], 800.0);
        assert_eq!(json["target"], "emulator");
        assert_eq!(json["details"]["rtt_ms"], 50);
        assert_eq!(json["cases"]["ws_short"]["metrics"]["ttft_ms"]["p50"], 100.0);
        assert_eq!(json["cases"]["http_short"]["metrics"]["ttfa_ms"]["n"], 2);
        assert_eq!(json["cases"]["reconnect"]["metrics"]["handshake_ms"]["avg"], 150.0);
        assert_eq!(json["cases"]["http_long"]["failures"][0]["run"], 2);
        assert_eq!(json["warm_gain_ms"]["n"], 2);
    }
}
