//! MPEG audio layer III, mono: valid frames of the right number and size, and silent.
//!
//! A frame whose side information is all zero has no spectral data, which is silence. The text is not audible in it.

/// Counts samples and emits a frame whenever there are enough for one.
pub(crate) struct Mp3 {
    sample_rate: u32,
    kbps: u32,
    waiting: usize,
    /// What the whole bytes of the frames so far lack of the bit rate, in units of `1 / sample_rate` bytes.
    remainder: u32,
}

impl Mp3 {
    pub(crate) fn new(sample_rate: u32, kbps: u32) -> Self {
        Self { sample_rate, kbps, waiting: 0, remainder: 0 }
    }

    /// MPEG 1 has 1152 samples in a frame; MPEG 2, with its lower sample rates, 576.
    fn frame_samples(&self) -> usize {
        if self.sample_rate >= 32_000 { 1152 } else { 576 }
    }

    pub(crate) fn push(&mut self, samples: &[i16]) -> Vec<u8> {
        self.waiting += samples.len();
        let mut bytes = Vec::new();
        while self.waiting >= self.frame_samples() {
            self.waiting -= self.frame_samples();
            self.frame(&mut bytes);
        }
        bytes
    }

    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.waiting > 0 {
            self.waiting = 0;
            self.frame(&mut bytes);
        }
        bytes
    }

    fn frame(&mut self, bytes: &mut Vec<u8>) {
        const RATES_1: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
        const RATES_2: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
        let first = self.sample_rate >= 32_000;
        let rates = if first { RATES_1 } else { RATES_2 };
        let rate_index = rates.iter().position(|rate| *rate == self.kbps).unwrap_or(8) as u8 + 1;
        let frequency_index = match self.sample_rate {
            22_050 | 44_100 => 0,
            24_000 | 48_000 => 1,
            _ => 2,
        };
        let exact = self.frame_samples() as u32 * self.kbps * 125 + self.remainder;
        let without_padding = self.frame_samples() as u32 * self.kbps * 125 / self.sample_rate;
        let length = exact / self.sample_rate;
        self.remainder = exact % self.sample_rate;
        let padding = (length - without_padding) as u8;
        let start = bytes.len();
        // Sync, version, layer III, no checksum; bit rate, frequency, padding; mono, original.
        bytes.extend([
            0xFF,
            if first { 0xFB } else { 0xF3 },
            rate_index << 4 | frequency_index << 2 | padding << 1,
            0xC4,
        ]);
        bytes.resize(start + length as usize, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_each_other_at_the_bit_rate() {
        for (sample_rate, kbps, header) in [(44_100, 128, 0xFB90), (44_100, 32, 0xFB10), (22_050, 32, 0xF340)] {
            let mut mp3 = Mp3::new(sample_rate, kbps);
            let mut bytes = mp3.push(&vec![0; sample_rate as usize]);
            bytes.extend(mp3.finish());
            let expected = kbps as usize * 125;
            assert!((expected..expected + 2 * expected / 30).contains(&bytes.len()), "{} of {expected}", bytes.len());
            assert_eq!(bytes[0], 0xFF);
            assert_eq!(u32::from(bytes[1]) << 8 | u32::from(bytes[2] & 0xFD), header);
        }
    }
}
