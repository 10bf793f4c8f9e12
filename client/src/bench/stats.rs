//! What is said about a row of measurements.
//!
//! Percentiles are by nearest rank: the p-th percentile of n sorted values is the one at place ⌈p/100 · n⌉, counted from
//! one. It is always a value that was measured; of fewer than twenty values, the 95th is the largest.

use serde::Serialize;

/// How percentiles are told in a report.
pub const PERCENTILES: &str = "nearest-rank: values sorted, the one at place ceil(p/100*n)";

/// Of n values, in ms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// How many.
    pub n: usize,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The mean.
    pub avg: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Stats {
    /// Of `values`, in any order; `None` when there are none.
    pub fn of(values: &[f64]) -> Option<Stats> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let n = sorted.len();
        Some(Stats {
            n,
            p50: thousandths(percentile(&sorted, 50)),
            p90: thousandths(percentile(&sorted, 90)),
            p95: thousandths(percentile(&sorted, 95)),
            p99: thousandths(percentile(&sorted, 99)),
            avg: thousandths(sorted.iter().sum::<f64>() / n as f64),
            min: thousandths(min),
            max: thousandths(max),
        })
    }
}

/// `sorted` must not be empty, `percent` is 1 to 100.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(percent * sorted.len()).div_ceil(100) - 1]
}

/// Three decimals, which of ms are µs.
pub fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let stats = Stats::of(&[30.0, 10.0, 20.0]).unwrap();
        assert_eq!(stats, Stats { n: 3, p50: 20.0, p90: 30.0, p95: 30.0, p99: 30.0, avg: 20.0, min: 10.0, max: 30.0 });
        let even = Stats::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!((even.p50, even.p95, even.avg), (2.0, 4.0, 2.5), "no value that was not measured");
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let stats = Stats::of(&hundred).unwrap();
        assert_eq!((stats.p50, stats.p90, stats.p95, stats.p99, stats.max), (50.0, 90.0, 95.0, 99.0, 100.0));
        assert_eq!(Stats::of(&[7.0]).unwrap().p95, 7.0);
        assert_eq!(Stats::of(&[]), None);
    }

    proptest! {
        #[test]
        fn a_percentile_has_its_share_of_values_at_or_below_it(
            values in prop::collection::vec((0_u32..100_000).prop_map(f64::from), 1..200)
        ) {
            let stats = Stats::of(&values).unwrap();
            for (percent, value) in [(50.0, stats.p50), (90.0, stats.p90), (95.0, stats.p95), (99.0, stats.p99)] {
                let share = |below: &dyn Fn(f64) -> bool| {
                    values.iter().filter(|v| below(**v)).count() as f64 / values.len() as f64 * 100.0
                };
                prop_assert!(values.contains(&value));
                prop_assert!(share(&|v| v <= value) >= percent - 1e-9);
                prop_assert!(share(&|v| v < value) < percent);
            }
            prop_assert!(stats.min <= stats.p50 && stats.p50 <= stats.p95 && stats.p95 <= stats.max);
        }
    }
}
