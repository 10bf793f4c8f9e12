"""Length regulation: from one row per symbol to one row per 10 ms decoder frame."""

import math

import numpy as np

POSITION_FEATURES = 6


def frame_index(durations):
    """Durations of the symbols in 5 ms units -> (symbol of every 10 ms frame [F], position features float32 [F, 6]).

    Frame k has its centre at t = 2k + 1 and belongs to the symbol with start <= t < end; F = ceil(sum / 2) and the last t
    is clamped to the sum - 0.001. With e = t - start, r = end - t and d = end - start the features are
    e/d, r/d, min(e, 40)/20, min(r, 40)/20, ln(max(d, 1))/4, sin(pi e/d).
    """
    ends = np.cumsum(durations)
    starts = ends - durations
    # The small term keeps rounding of a sum of real durations from adding a frame.
    count = int(math.ceil(ends[-1] / 2 - 1e-6))
    centres = np.minimum(2.0 * np.arange(count) + 1.0, ends[-1] - 1e-3)
    index = np.minimum(np.searchsorted(ends, centres, side="right"), len(durations) - 1)
    elapsed = centres - starts[index]
    duration = durations[index].astype(np.float64)
    remaining = duration - elapsed
    columns = [
        elapsed / duration,
        remaining / duration,
        np.minimum(elapsed, 40) / 20,
        np.minimum(remaining, 40) / 20,
        np.log(np.maximum(duration, 1)) / 4,
        np.sin(np.pi * elapsed / duration),
    ]
    return index, np.stack(columns, 1).astype(np.float32)
