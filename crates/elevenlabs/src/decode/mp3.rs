//! MPEG audio layer III.
//!
//! Frames are cut out here, by the lengths in their headers (ISO/IEC 11172-3 and 13818-3), and decoded one by one: the
//! decoder's own search for frames needs several of them ahead, and skips what it does not understand.

use nanomp3::{Channels, DecodeError as FrameError, Decoder, MAX_SAMPLES_PER_FRAME, VbrTag};

use super::DecodeError;

/// What every decoder of layer III adds in front, in samples.
const DECODER_DELAY: usize = 529;

/// Bytes of the longest header to look at: that of an ID3v2 tag.
const TAG_HEADER: usize = 10;

/// Bytes of an ID3v1 tag, which begins with `TAG`.
const ID3V1: usize = 128;

pub(super) struct Mp3 {
    expected_rate: u32,
    decoder: Box<Decoder>,
    /// Bytes of a frame or tag that is not whole yet.
    carry: Vec<u8>,
    /// Bytes of a tag that are still to come.
    skip_bytes: usize,
    /// Samples that the encoder put in front of the sound, and that are still to come.
    skip_samples: usize,
    started: bool,
}

/// What the bytes begin with.
enum Next {
    /// Not enough of them.
    Unknown,
    /// A tag of so many bytes, which may be more than have come.
    Tag(usize),
    /// A whole frame of so many bytes.
    Frame(usize),
}

impl Mp3 {
    pub(super) fn new(expected_rate: u32) -> Self {
        Self {
            expected_rate,
            decoder: Box::default(),
            carry: Vec::new(),
            skip_bytes: 0,
            skip_samples: 0,
            started: false,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<i16>, DecodeError> {
        let mut samples = Vec::new();
        let mut input = std::mem::take(&mut self.carry);
        input.extend_from_slice(bytes);
        let mut rest = input.as_slice();
        loop {
            let skipped = self.skip_bytes.min(rest.len());
            self.skip_bytes -= skipped;
            rest = &rest[skipped..];
            match self.next(rest)? {
                Next::Unknown => break,
                Next::Tag(bytes) => self.skip_bytes = bytes,
                Next::Frame(bytes) => {
                    let (frame, behind) = rest.split_at(bytes);
                    self.frame(frame, &mut samples)?;
                    rest = behind;
                }
            }
        }
        self.carry = rest.to_vec();
        Ok(samples)
    }

    /// Bytes that are not a whole frame or tag.
    pub(super) fn left_over(&self) -> usize {
        self.carry.len() + usize::from(self.skip_bytes > 0)
    }

    fn next(&self, rest: &[u8]) -> Result<Next, DecodeError> {
        if rest.len() < 4 {
            return Ok(Next::Unknown);
        }
        if rest.starts_with(b"ID3") {
            return match nanomp3::id3v2_len(rest) {
                0 if rest.len() < TAG_HEADER => Ok(Next::Unknown),
                0 => Err(malformed("an ID3 tag has no length")),
                bytes => Ok(Next::Tag(bytes)),
            };
        }
        if rest.starts_with(b"TAG") {
            return Ok(Next::Tag(ID3V1));
        }
        let (bytes, rate) =
            frame_header([rest[0], rest[1], rest[2]]).ok_or_else(|| malformed("a frame has no header"))?;
        if rate != self.expected_rate {
            return Err(DecodeError::SampleRate { expected: self.expected_rate, actual: rate });
        }
        Ok(if rest.len() < bytes { Next::Unknown } else { Next::Frame(bytes) })
    }

    fn frame(&mut self, frame: &[u8], samples: &mut Vec<i16>) -> Result<(), DecodeError> {
        // The first frame of most streams says how they were made, and is silent.
        if let Some(tag) = VbrTag::parse(frame) {
            if let (false, Some((delay, _))) = (self.started, tag.encoder_delay_padding) {
                self.skip_samples = usize::from(delay) + DECODER_DELAY;
            }
            return Ok(());
        }
        let mut pcm = [0i16; MAX_SAMPLES_PER_FRAME];
        match self.decoder.decode(frame, &mut pcm).1 {
            Ok(info) => {
                self.started = true;
                let channels = match info.channels {
                    Channels::Mono => 1,
                    Channels::Stereo => 2,
                };
                let skipped = self.skip_samples.min(info.samples_produced);
                self.skip_samples -= skipped;
                let sound = &pcm[skipped * channels..info.samples_produced * channels];
                samples.extend(sound.chunks_exact(channels).map(mono));
                Ok(())
            }
            // A stream that was cut out of a longer one begins with frames that need those before; there is no sound to lose.
            Err(FrameError::ReservoirUnavailable(_)) if !self.started => Ok(()),
            Err(error) => Err(malformed(error)),
        }
    }
}

fn mono(frame: &[i16]) -> i16 {
    match frame {
        // The mean of two samples is a sample.
        [left, right] => ((i32::from(*left) + i32::from(*right)) / 2) as i16,
        _ => frame[0],
    }
}

fn malformed(what: impl ToString) -> DecodeError {
    DecodeError::Malformed { format: "mp3", what: what.to_string() }
}

/// Length in bytes and rate in Hz of a layer III frame, by its header; `None` when it is none, or of no told bit rate.
fn frame_header(header: [u8; 3]) -> Option<(usize, u32)> {
    const KBPS: [[usize; 15]; 2] = [
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    ];
    const RATES: [u32; 3] = [44_100, 48_000, 32_000];
    // (MPEG-1, divisor of the rate)
    let (mpeg1, divisor) = match header[1] >> 3 & 3 {
        3 => (true, 1),
        2 => (false, 2),
        0 => (false, 4),
        _ => return None,
    };
    let layer3 = header[1] >> 1 & 3 == 1;
    if header[0] != 0xFF || header[1] < 0xE0 || !layer3 {
        return None;
    }
    let kbps = *KBPS[usize::from(mpeg1)].get(usize::from(header[2] >> 4)).filter(|kbps| **kbps > 0)?;
    let rate = RATES.get(usize::from(header[2] >> 2 & 3))? / divisor;
    let padding = usize::from(header[2] >> 1 & 1);
    let eighths_of_samples = if mpeg1 { 144 } else { 72 };
    Some((eighths_of_samples * kbps * 1_000 / rate as usize + padding, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_length_and_rate() {
        // MPEG-1, 128 kbit/s, 44.1 kHz, without and with padding; MPEG-2, 32 kbit/s, 22.05 kHz.
        assert_eq!(frame_header([0xFF, 0xFB, 0x90]), Some((417, 44_100)));
        assert_eq!(frame_header([0xFF, 0xFB, 0x92]), Some((418, 44_100)));
        assert_eq!(frame_header([0xFF, 0xF3, 0x40]), Some((104, 22_050)));
        for none in [[0xFF, 0xFB, 0x00], [0xFF, 0xFB, 0xF0], [0xFF, 0xFB, 0x9C], [0xFF, 0xFD, 0x90], [0xFE, 0xFB, 0x90]]
        {
            assert_eq!(frame_header(none), None);
        }
    }

    #[test]
    fn a_stream_of_another_rate_is_refused() {
        let error = Mp3::new(22_050).push(&[0xFF, 0xFB, 0x90, 0x00]).map(drop);
        assert_eq!(error, Err(DecodeError::SampleRate { expected: 22_050, actual: 44_100 }));
    }

    #[test]
    fn a_tag_longer_than_what_has_come_is_skipped_as_it_comes() {
        let mut mp3 = Mp3::new(44_100);
        let tag = [b"ID3\x04\0\0\0\0\x01\x00".as_slice(), &[7; 128]].concat();
        for byte in &tag[..tag.len() - 1] {
            mp3.push(&[*byte]).unwrap();
        }
        assert_ne!(mp3.left_over(), 0);
        mp3.push(&tag[tag.len() - 1..]).unwrap();
        assert_eq!(mp3.left_over(), 0);
    }
}
