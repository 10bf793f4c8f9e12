//! Length regulation: from symbols with durations to a row every 10 ms.

use std::f64::consts::PI;

/// Position features of a row.
pub const POSITIONS: usize = 6;

/// The symbols of a sentence laid out in time. Times are in frames of 5 ms, real-valued; a row stands for two of them.
pub struct Layout {
    /// End of each symbol.
    ends: Vec<f64>,
    durations: Vec<f64>,
    rows: usize,
}

impl Layout {
    /// From durations of at least one frame each.
    pub fn new(durations: Vec<f64>) -> Self {
        let mut total = 0.0;
        let ends = durations.iter().map(|duration| {
            total += duration;
            total
        });
        let ends: Vec<f64> = ends.collect();
        // The tolerance keeps a total that is whole but for rounding from becoming a row more.
        let rows = (total / 2.0 - 1e-6).ceil().max(0.0) as usize;
        Self { ends, durations, rows }
    }

    /// Rows of 10 ms.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows `[from, to)` for the decoder, row-major: the `width` values of the row's symbol in `hidden`, then six on
    /// where in the symbol the row stands (see `training/voice`, `frame_index`).
    pub fn fill(&self, hidden: &[f32], width: usize, from: usize, to: usize) -> Vec<f32> {
        let total = self.ends.last().copied().unwrap_or(0.0);
        let mut out = Vec::with_capacity((to - from) * (width + POSITIONS));
        for row in from..to {
            let time = (2.0 * row as f64 + 1.0).min(total - 1e-3);
            let symbol = self.ends.partition_point(|&end| end <= time).min(self.ends.len() - 1);
            let (end, duration) = (self.ends[symbol], self.durations[symbol]);
            let (past, left) = (time - (end - duration), end - time);
            out.extend_from_slice(&hidden[symbol * width..(symbol + 1) * width]);
            let positions: [f64; POSITIONS] = [
                past / duration,
                left / duration,
                past.min(40.0) / 20.0,
                left.min(40.0) / 20.0,
                duration.max(1.0).ln() / 4.0,
                (PI * past / duration).sin(),
            ];
            out.extend(positions.map(|position| position as f32));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_gets_its_time() {
        let layout = Layout::new(vec![8.0, 4.0, 6.0]);
        assert_eq!(layout.rows(), 9);
        let rows = layout.fill(&[1.0, 2.0, 3.0], 1, 0, 9);
        let symbols: Vec<f32> = rows.chunks(1 + POSITIONS).map(|row| row[0]).collect();
        assert_eq!(symbols, [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.0]);
        // The first row is 1 frame into a symbol of 8.
        assert_eq!(&rows[1..3], [0.125, 0.875]);
    }

    #[test]
    fn a_part_is_the_same_as_the_whole() {
        let layout = Layout::new(vec![8.0, 3.7, 12.2, 1.0, 24.0]);
        let hidden: Vec<f32> = (0..10).map(|n| n as f32).collect();
        let whole = layout.fill(&hidden, 2, 0, layout.rows());
        let part = layout.fill(&hidden, 2, 5, 11);
        assert_eq!(part, whole[5 * 8..11 * 8]);
    }
}
