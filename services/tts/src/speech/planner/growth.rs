//! How long phrases may be.

/// Share of the time that a phrase is heard in which the next one is to be made.
const MARGIN: f64 = 0.8;

/// The longest phrase that is made in time while the one before it, of `before` characters, is heard; not beyond `max`.
///
/// With the real time factor r, n characters are heard in n·c seconds and take n·c·r to make. So n(k+1)·c·r ≤ n(k)·c, or
/// n(k+1) ≤ n(k)/r, keeps the listener from running dry. Of that [`MARGIN`]; at least 1.2 times as much, as longer phrases
/// sound better, and at most 3 times, as r is a guess.
pub(super) fn target(before: usize, real_time_factor: f64, max: usize) -> usize {
    let growth = if real_time_factor > 0.0 { (MARGIN / real_time_factor).clamp(1.2, 3.0) } else { 3.0 };
    ((before as f64 * growth) as usize).clamp(1, max)
}

/// The longest phrase instead of one of `target` characters when the text has no better place: without the margin.
pub(super) fn longest(target: usize, max: usize) -> usize {
    ((target as f64 / MARGIN) as usize).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_grow_by_what_the_voice_can_do() {
        assert_eq!(target(10, 0.1, 250), 30, "at most threefold");
        assert_eq!(target(10, 0.4, 250), 20);
        assert_eq!(target(10, 2.0, 250), 12, "a slow voice too");
        assert_eq!(target(200, 0.1, 250), 250);
        for nothing in [0.0, -1.0, f64::NAN] {
            assert_eq!(target(10, nothing, 250), 30);
        }
        assert_eq!((longest(20, 250), longest(240, 250)), (25, 250));
    }
}
