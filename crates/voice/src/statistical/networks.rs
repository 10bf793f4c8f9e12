//! Encoder and decoder, and how the decoder's work is cut into windows.

use anyhow::{Context, Result, ensure};
use tract_onnx::prelude::{TValue, tvec};

use super::{Manifest, StatisticalFiles, regulate::POSITIONS, vocoder::BINS};
use crate::graph::{Graph, floats, tensor};

/// Windows that the decoder is planned for, in rows of 10 ms. The smallest one gives the first 210 ms of a sentence; in
/// the largest a third of the rows are overlap.
pub const WINDOWS: [usize; 3] = [32, 54, 86];

pub struct Networks {
    encoder: Graph,
    decoder: Graph,
    hidden: usize,
    n_feats: usize,
    /// Rows of context that an output row needs on each side.
    look: usize,
}

/// What the encoder says of a sentence of `T` symbols.
pub struct Encoded {
    /// `[T, hidden]`.
    pub hidden: Vec<f32>,
    /// Natural logarithms of durations in frames of 5 ms, `[T]`.
    pub log_durations: Vec<f32>,
}

/// Frames of 5 ms for the vocoder: two for each row `[from, to)`.
pub struct Decoded {
    outputs: Vec<TValue>,
    /// First frame of the window that counts.
    skip: usize,
    /// Row after the last one decoded.
    pub to: usize,
    rows: usize,
}

impl Networks {
    /// Plans the decoder for these windows (rising); with none, a sentence is decoded whole.
    pub fn load(manifest: &Manifest, files: &StatisticalFiles, windows: &[usize]) -> Result<Self> {
        let row = manifest.hidden + POSITIONS;
        let ids: [Option<usize>; 2] = [Some(1), None];
        let feats = [Some(1), None, Some(manifest.n_feats)];
        let rows = [Some(1), None, Some(row)];
        // Each takes tens of ms to plan; the second core is idle at this moment.
        let (encoder, decoder) = std::thread::scope(|scope| {
            let encoder = scope.spawn(|| Graph::load(&files.encoder, &[&ids, &feats], &[]).context("encoder.onnx"));
            let decoder = Graph::load(&files.decoder, &[&rows], windows).context("decoder.onnx");
            (encoder.join(), decoder)
        });
        let encoder = encoder.map_err(|_| anyhow::anyhow!("planning encoder.onnx panicked"))??;
        let (hidden, n_feats, look) = (manifest.hidden, manifest.n_feats, manifest.decoder_lookahead_frames);
        let room = windows.first().is_none_or(|smallest| *smallest > 2 * look);
        ensure!(room, "decoder_lookahead_frames is {look}; that leaves nothing of a window of {windows:?} rows");
        Ok(Self { encoder, decoder: decoder?, hidden, n_feats, look })
    }

    pub fn encode(&self, ids: &[i64], feats: &[f32]) -> Result<Encoded> {
        let symbols = ids.len();
        let inputs = tvec!(tensor(&[1, symbols], ids)?, tensor(&[1, symbols, self.n_feats], feats)?);
        let outputs = self.encoder.run(symbols, inputs)?;
        ensure!(outputs.len() == 2, "the encoder has {} outputs instead of 2", outputs.len());
        let encoded = Encoded { hidden: floats(&outputs[0])?.to_vec(), log_durations: floats(&outputs[1])?.to_vec() };
        ensure!(encoded.hidden.len() == symbols * self.hidden && encoded.log_durations.len() == symbols);
        Ok(encoded)
    }

    /// Decodes the window that begins the rows from `from` on, of a sentence of `total` rows. `fill(a, b)` gives the
    /// rows `[a, b)`.
    pub fn decode(&self, from: usize, total: usize, fill: impl Fn(usize, usize) -> Vec<f32>) -> Result<Decoded> {
        let (start, length) = self.window(from, total);
        let end = start + length;
        let rows = fill(start, end);
        let outputs = self.decoder.run(length, tvec!(tensor(&[1, length, self.hidden + POSITIONS], &rows)?))?;
        ensure!(outputs.len() == 4, "the decoder has {} outputs instead of 4", outputs.len());
        // At the end of the sentence there is no context to wait for.
        let to = if end == total { total } else { end - self.look };
        let decoded = Decoded { outputs: outputs.into_vec(), skip: 2 * (from - start), to, rows: to - from };
        decoded.check(2 * length)?;
        Ok(decoded)
    }

    /// Start and length of the window that decodes `from` and what follows.
    ///
    /// A window never reaches over the sentence: the networks were trained with nothing, not with zeros, around it. At
    /// the end it is moved back instead. The first window is the smallest, because someone is waiting for it.
    fn window(&self, from: usize, total: usize) -> (usize, usize) {
        let fitting = || self.decoder.lengths().filter(|&length| length <= total);
        let start = from.saturating_sub(self.look);
        let length = match from {
            0 => fitting().next(),
            // The smallest that gets to the end, else the largest.
            _ => fitting().find(|&length| start + length >= total).or_else(|| fitting().next_back()),
        };
        match length {
            None => (0, total),
            Some(length) => (start.min(total - length), length),
        }
    }
}

impl Decoded {
    fn check(&self, frames: usize) -> Result<()> {
        let sizes = [frames, frames * BINS, frames * BINS, frames * BINS];
        for (output, size) in self.outputs.iter().zip(sizes) {
            let values = floats(output)?;
            ensure!(values.len() == size, "the decoder gave {} values instead of {size}", values.len());
        }
        Ok(())
    }

    /// Calls `each` with pitch, harmonic amplitudes, noise amplitudes and phase of every frame.
    pub fn frames(&self, mut each: impl FnMut(f32, &[f32], &[f32], &[f32])) -> Result<()> {
        let values: Vec<&[f32]> = self.outputs.iter().map(floats).collect::<Result<_>>()?;
        for frame in self.skip..self.skip + 2 * self.rows {
            let bins = frame * BINS..(frame + 1) * BINS;
            each(values[0][frame], &values[1][bins.clone()], &values[2][bins.clone()], &values[3][bins]);
        }
        Ok(())
    }
}
