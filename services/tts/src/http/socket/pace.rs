//! Sound of any length in, frames out; and when a frame may leave.

use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use evervoice_core::audio::AudioFormat;

/// Shortest frame, in ms of sound, but for the last one of a phrase.
const SHORTEST_MS: u64 = 20;

/// How far sound runs ahead of the listener, and in which pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Greatest lead, in ms of sound.
    pub lead_ms: u64,
    /// Length of a frame, in ms of sound.
    pub frame_ms: u64,
}

impl Pace {
    /// Two frames fit into the lead: a listener whose last frame ends while the next one leaves would hear a gap.
    fn frame_ms(self) -> u64 {
        self.frame_ms.min(self.lead_ms / 2).max(SHORTEST_MS)
    }

    /// How much of what was sent may be unheard for a frame of this length to leave.
    pub fn room(self, frame: Duration) -> Duration {
        Duration::from_millis(self.lead_ms).saturating_sub(frame)
    }
}

/// The sound of one utterance as frames of whole samples, and what happens between its samples (`E`).
#[derive(Debug)]
pub struct Frames<E> {
    audio: AudioFormat,
    waiting: BytesMut,
    /// What happens, each at the sample with which it happens.
    happenings: VecDeque<(u64, E)>,
    /// Samples that left.
    sent: u64,
    /// The first frame has not left.
    first: bool,
    /// Where the last phrase that is over ends, in samples.
    phrase_end: u64,
    whole: bool,
}

impl<E> Frames<E> {
    /// Frames of such sound, when `sent` samples of the utterance have left before.
    pub fn new(audio: AudioFormat, sent: u64) -> Self {
        let (waiting, happenings) = (BytesMut::new(), VecDeque::new());
        Self { audio, waiting, happenings, sent, first: true, phrase_end: sent, whole: false }
    }

    /// More sound: whole samples.
    pub fn push(&mut self, sound: &[u8]) {
        self.waiting.extend_from_slice(sound);
    }

    /// Something happens with the next sound.
    pub fn note(&mut self, happening: E) {
        self.happenings.push_back((self.made(), happening));
    }

    /// A phrase is over, and nobody knows when the next one begins: what waits leaves.
    pub fn phrase_end(&mut self) {
        self.phrase_end = self.made();
    }

    /// Nothing more comes.
    pub fn finish(&mut self) {
        self.whole = true;
    }

    /// Samples that left.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Samples that left, or wait.
    pub fn made(&self) -> u64 {
        self.sent + (self.waiting.len() / self.audio.frame_bytes()) as u64
    }

    /// Length of the next frame, in bytes, when there is enough sound for it.
    fn next(&self, pace: Pace) -> Option<usize> {
        let bytes = |ms: u64| {
            let samples = u64::from(self.audio.sample_rate) * ms / 1000;
            samples as usize * self.audio.frame_bytes()
        };
        let (have, frame) = (self.waiting.len(), bytes(pace.frame_ms()));
        let enough = if self.first { bytes(SHORTEST_MS) } else { frame };
        let last = self.whole || self.phrase_end == self.made();
        (have >= enough || (last && have > 0)).then(|| frame.min(have))
    }

    /// How long the next frame is; `None` as long as there is not enough sound for one.
    pub fn ready(&self, pace: Pace) -> Option<Duration> {
        self.next(pace).map(|bytes| length((bytes / self.audio.frame_bytes()) as u64, self.audio))
    }

    /// What happens within the next frame, or after the last one.
    pub fn happening(&mut self, pace: Pace) -> Option<E> {
        let until = match self.next(pace) {
            Some(bytes) => self.sent + (bytes / self.audio.frame_bytes()) as u64,
            None if self.whole => u64::MAX,
            None => return None,
        };
        let due = self.happenings.front().is_some_and(|(at, _)| *at < until);
        if due { self.happenings.pop_front().map(|(_, happening)| happening) } else { None }
    }

    /// The next frame leaves.
    pub fn take(&mut self, pace: Pace) -> Option<Bytes> {
        let frame = self.waiting.split_to(self.next(pace)?);
        self.sent += (frame.len() / self.audio.frame_bytes()) as u64;
        self.first = false;
        Some(frame.freeze())
    }
}

/// How long so many samples sound.
pub fn length(samples: u64, audio: AudioFormat) -> Duration {
    Duration::from_nanos((u128::from(samples) * 1_000_000_000 / u128::from(audio.sample_rate)) as u64)
}

#[cfg(test)]
mod tests {
    use evervoice_core::audio::OutputFormat;

    use super::*;

    const PACE: Pace = Pace { lead_ms: 400, frame_ms: 40 };

    /// Bytes of so many ms of 16 kHz s16le.
    const fn bytes(ms: usize) -> usize {
        ms * 32
    }

    fn frames() -> Frames<&'static str> {
        Frames::new(OutputFormat::Pcm16000.audio(), 0)
    }

    fn lengths(frames: &mut Frames<&'static str>) -> Vec<usize> {
        std::iter::from_fn(|| frames.take(PACE)).map(|frame| frame.len()).collect()
    }

    #[test]
    fn small_pieces_are_gathered_and_large_ones_are_cut() {
        let mut frames = frames();
        frames.push(&vec![1; bytes(19)]);
        assert_eq!(frames.ready(PACE), None);
        frames.push(&vec![1; bytes(1)]);
        assert_eq!(lengths(&mut frames), [bytes(20)], "the first frame leaves as soon as it can");
        frames.push(&vec![2; bytes(39)]);
        assert_eq!(lengths(&mut frames), [0; 0]);
        frames.push(&vec![2; bytes(100)]);
        assert_eq!(lengths(&mut frames), [bytes(40); 3]);
        frames.finish();
        assert_eq!(lengths(&mut frames), [bytes(19)], "the last one may be shorter");
        assert_eq!(frames.sent(), 16 * 159);
    }

    #[test]
    fn a_phrase_leaves_whole_while_the_next_one_is_waited_for() {
        let mut frames = frames();
        frames.push(&vec![1; bytes(70)]);
        assert_eq!(lengths(&mut frames), [bytes(40)]);
        frames.phrase_end();
        assert_eq!(lengths(&mut frames), [bytes(30)]);
        frames.push(&vec![2; bytes(39)]);
        assert_eq!(lengths(&mut frames), [0; 0], "the next phrase has just begun");
    }

    #[test]
    fn no_sample_is_lost_or_moved() {
        let sound: Vec<u8> = (0..10_001u32).flat_map(|n| (n as u16).to_le_bytes()).collect();
        let mut frames = frames();
        let mut heard = vec![];
        for piece in sound.chunks(1_234) {
            frames.push(piece);
            heard.extend(std::iter::from_fn(|| frames.take(PACE)).flatten());
        }
        frames.finish();
        heard.extend(std::iter::from_fn(|| frames.take(PACE)).flatten());
        assert_eq!(heard, sound);
    }

    #[test]
    fn what_happens_is_told_before_the_frame_it_happens_in() {
        let mut frames = frames();
        frames.note("first");
        assert_eq!(frames.happening(PACE), None, "its sound is not there yet");
        frames.push(&vec![0; bytes(50)]);
        frames.note("second");
        frames.push(&vec![0; bytes(50)]);
        assert_eq!((frames.happening(PACE), frames.happening(PACE)), (Some("first"), None));
        frames.take(PACE).unwrap();
        assert_eq!((frames.happening(PACE), frames.happening(PACE)), (Some("second"), None));
        frames.take(PACE).unwrap();
        frames.note("after all sound");
        assert_eq!(frames.happening(PACE), None);
        frames.finish();
        assert_eq!(frames.happening(PACE), None);
        frames.take(PACE).unwrap();
        assert_eq!(frames.happening(PACE), Some("after all sound"));
    }

    #[test]
    fn frames_are_never_longer_than_half_the_lead() {
        let mut frames = frames();
        frames.push(&vec![0; bytes(500)]);
        let length = |lead_ms, frame_ms| Pace { lead_ms, frame_ms }.frame_ms();
        assert_eq!((length(400, 100), length(100, 100), length(40, 100)), (100, 50, 20));
        assert_eq!(frames.ready(Pace { lead_ms: 40, frame_ms: 100 }), Some(Duration::from_millis(20)));
        assert_eq!(PACE.room(Duration::from_millis(40)), Duration::from_millis(360));
    }
}
