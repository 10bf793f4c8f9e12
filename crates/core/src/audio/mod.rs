//! Sound as bytes and as numbers.
//!
//! Inside Evervoice sound is mono: `i16` where it flows in chunks ([`AudioChunk`]), `f32` in −1..1 where it is computed.
//!
//! - [`mod@format`]: encodings and the names of formats (`pcm_16000`), parsed once, here
//! - [`decode`]: bytes of a client to mono samples, across any split of the bytes
//! - [`encode`]: chunks of a provider to bytes for a client, resampled where rates differ
//! - [`wav`]: reading and writing WAV
//! - [`resample`]: sample rate conversion of a stream

pub mod chunk;
pub mod decode;
pub mod encode;
pub mod format;
pub mod resample;
pub mod wav;

pub use chunk::{AudioChunk, AudioStream};
pub use decode::PcmDecoder;
pub use encode::StreamEncoder;
pub use format::{AudioFormat, Encoding, OutputFormat};
pub use resample::StreamResampler;

/// What can be wrong with sound that a client sent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AudioError {
    /// The bytes end inside a frame (one sample of every channel).
    #[error("the audio ends inside a frame: {extra_bytes} bytes are left over, a frame has {frame_bytes}")]
    TornFrame {
        /// Bytes after the last whole frame.
        extra_bytes: usize,
        /// Bytes of one frame.
        frame_bytes: usize,
    },
    /// A float sample is not a number, or infinite.
    #[error("sample {frame} is not a finite number")]
    NotFinite {
        /// Index of the frame, from 0.
        frame: u64,
    },
    /// The body starts like a WAV file but is not one that can be read.
    #[error("the WAV file cannot be read: {0}")]
    Wav(&'static str),
    /// The WAV header promises more sound than the body has.
    #[error("the WAV file is cut: its header promises {promised_bytes} bytes of sound, {actual_bytes} are there")]
    WavTruncated {
        /// Size of the data chunk by its header.
        promised_bytes: u64,
        /// Bytes that are really there.
        actual_bytes: u64,
    },
    /// A sample rate that is not supported.
    #[error("sample rate {0} Hz is not supported; allowed is {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz")]
    SampleRate(u32),
    /// A number of channels that is not supported.
    #[error("{0} channels are not supported; allowed are 1 and 2")]
    Channels(u16),
}

/// Lowest sample rate that is read, in Hz (telephone).
pub const MIN_SAMPLE_RATE: u32 = 8_000;
/// Highest sample rate that is read, in Hz.
pub const MAX_SAMPLE_RATE: u32 = 48_000;
