//! What is measured, in which order, and what one run of it gives.

use serde::Serialize;

/// A kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// A short text over a new WebSocket, in pieces.
    WsShort,
    /// A long one.
    WsLong,
    /// A short text over HTTP, on a new connection.
    HttpShort,
    /// A long one.
    HttpLong,
    /// A WebSocket is used and closed; measured is the one after it.
    Reconnect,
    /// A whole text over a WebSocket that was open and waiting.
    Warm,
    /// The same over a WebSocket that has to be opened for it.
    Cold,
}

/// What a number of milliseconds is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Opening a WebSocket: name, TCP, TLS, upgrade.
    HandshakeMs,
    /// First text sent to first sound; the socket was open before.
    TtftMs,
    /// Asked to first sound, with all that is needed for it.
    TtfaMs,
    /// The same beginning, to the last sound.
    TotalMs,
}

/// One run that came to its end with whole sound, in ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// [`Metric::HandshakeMs`], where a WebSocket was opened.
    pub handshake_ms: Option<f64>,
    /// [`Case::first`]
    pub first_ms: f64,
    /// [`Metric::TotalMs`]
    pub total_ms: f64,
}

/// One run as it ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Of which case.
    pub case: Case,
    /// Counted from one within the case.
    pub run: u32,
    /// Times, or what went wrong in words.
    pub result: Result<Timing, String>,
}

impl Case {
    /// All of them, as a report lists them.
    pub const ALL: [Case; 7] =
        [Case::WsShort, Case::WsLong, Case::HttpShort, Case::HttpLong, Case::Reconnect, Case::Warm, Case::Cold];

    /// For people, as part of the specification in Russian.
    pub fn title(self) -> &'static str {
        match self {
            Case::WsShort => "WS, короткая",
            Case::WsLong => "WS, длинная",
            Case::HttpShort => "HTTP, короткая",
            Case::HttpLong => "HTTP, длинная",
            Case::Reconnect => "WS, переподключение",
            Case::Warm => "WS, тёплый сокет",
            Case::Cold => "WS, холодный сокет",
        }
    }

    /// `ws` or `http`.
    pub fn mode(self) -> &'static str {
        if matches!(self, Case::HttpShort | Case::HttpLong) { "http" } else { "ws" }
    }

    /// `short` or `long`.
    pub fn length(self) -> &'static str {
        if matches!(self, Case::WsLong | Case::HttpLong) { "long" } else { "short" }
    }

    /// What its time to the first sound counts from.
    pub fn first(self) -> Metric {
        match self {
            Case::WsShort | Case::WsLong | Case::Reconnect => Metric::TtftMs,
            Case::HttpShort | Case::HttpLong | Case::Warm | Case::Cold => Metric::TtfaMs,
        }
    }
}

impl Metric {
    /// All of them, as a report lists them.
    pub const ALL: [Metric; 4] = [Metric::HandshakeMs, Metric::TtftMs, Metric::TtfaMs, Metric::TotalMs];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Metric::HandshakeMs => "рукопожатие",
            Metric::TtftMs => "TTFT",
            Metric::TtfaMs => "TTFA",
            Metric::TotalMs => "всего",
        }
    }
}

impl Timing {
    /// The value of a metric in a run of `case`.
    pub fn get(&self, case: Case, metric: Metric) -> Option<f64> {
        match metric {
            Metric::HandshakeMs => self.handshake_ms,
            Metric::TotalMs => Some(self.total_ms),
            first => (first == case.first()).then_some(self.first_ms),
        }
    }
}

/// Every run: case after case, but warm and cold in turns, and each first in every other pair, so that what drifts on
/// the way or at the far end meets both alike.
pub fn plan(repeats: u32) -> Vec<(Case, u32)> {
    let one_after_the_other = Case::ALL.into_iter().filter(|case| !matches!(case, Case::Warm | Case::Cold));
    let in_turns = (1..=repeats).flat_map(|run| {
        let (first, second) = if run % 2 == 1 { (Case::Warm, Case::Cold) } else { (Case::Cold, Case::Warm) };
        [(first, run), (second, run)]
    });
    one_after_the_other.flat_map(|case| (1..=repeats).map(move |run| (case, run))).chain(in_turns).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_runs_as_often_as_asked_and_warm_and_cold_take_turns() {
        let plan = plan(3);
        for case in Case::ALL {
            let runs: Vec<u32> = plan.iter().filter(|step| step.0 == case).map(|step| step.1).collect();
            assert_eq!(runs, [1, 2, 3], "{case:?}");
        }
        let turns: Vec<Case> = plan[15..].iter().map(|step| step.0).collect();
        assert_eq!(turns, [Case::Warm, Case::Cold, Case::Cold, Case::Warm, Case::Warm, Case::Cold]);
    }

    #[test]
    fn the_first_sound_counts_under_one_name() {
        let timing = Timing { handshake_ms: None, first_ms: 5.0, total_ms: 9.0 };
        assert_eq!(timing.get(Case::WsShort, Metric::TtftMs), Some(5.0));
        assert_eq!(timing.get(Case::WsShort, Metric::TtfaMs), None);
        assert_eq!(timing.get(Case::Cold, Metric::TtfaMs), Some(5.0));
        assert_eq!(timing.get(Case::HttpLong, Metric::HandshakeMs), None);
        assert_eq!(timing.get(Case::HttpLong, Metric::TotalMs), Some(9.0));
    }
}
