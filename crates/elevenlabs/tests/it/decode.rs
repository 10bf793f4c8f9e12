//! Real files through the decoders: no sound lost at the start or the end, whatever the pieces in which they come.

use evervoice_elevenlabs::{
    OutputFormat,
    decode::{DecodeError, Decoder},
};
use proptest::prelude::*;

/// A clip of `testdata`: its format, how far the encoder may have lengthened it, in samples, and its bytes.
fn clips() -> Vec<(OutputFormat, usize, Vec<u8>)> {
    // A frame of mp3 has 1,152 samples, or 576 below 32 kHz; encoder and decoder together delay by up to three of them.
    [
        ("mp3_44100_128", "mp3", 3 * 1152),
        ("mp3_22050_32", "mp3", 3 * 576),
        ("mp3_24000_48", "mp3", 3 * 576),
        ("opus_48000_64", "opus", 0),
        ("opus_48000_32", "opus", 0),
    ]
    .into_iter()
    .map(|(format, extension, longer)| {
        let path = format!("{}/testdata/tone_{format}.{extension}", env!("CARGO_MANIFEST_DIR"));
        (format.parse().unwrap(), longer, std::fs::read(path).unwrap())
    })
    .collect()
}

fn decode(format: OutputFormat, pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> Result<Vec<i16>, DecodeError> {
    let mut decoder = Decoder::new(format)?;
    let mut samples = Vec::new();
    for piece in pieces {
        samples.extend(decoder.push(piece.as_ref())?);
    }
    samples.extend(decoder.finish()?);
    Ok(samples)
}

/// Power of 440 Hz in `samples`, as the amplitude of a sine (Goertzel).
fn tone(samples: &[i16], rate: u32) -> f64 {
    let step = 2.0 * std::f64::consts::PI * 440.0 / f64::from(rate);
    let (mut re, mut im) = (0.0, 0.0);
    for (at, sample) in samples.iter().enumerate() {
        re += f64::from(*sample) * (step * at as f64).cos();
        im += f64::from(*sample) * (step * at as f64).sin();
    }
    2.0 * re.hypot(im) / samples.len() as f64
}

#[test]
fn every_clip_is_one_second_with_its_step_in_the_middle() {
    for (format, longer, bytes) in clips() {
        let rate = format.sample_rate();
        let samples = decode(format, std::iter::once(bytes)).unwrap();
        let second = rate as usize;
        assert!((second..=second + longer).contains(&samples.len()), "{format}: {} samples", samples.len());
        // 10 ms windows: where the tone starts, steps down, and ends.
        let window = second / 100;
        let levels: Vec<f64> = samples.chunks(window).map(|window| tone(window, rate)).collect();
        let near = |level: f64, expected: f64| (level / expected - 1.0).abs() < 0.2;
        let loud = levels.iter().filter(|level| near(**level, 16_384.0)).count();
        let soft = levels.iter().filter(|level| near(**level, 3_277.0)).count();
        assert!((48..=51).contains(&loud), "{format}: {loud} loud windows of {levels:?}");
        assert!((48..=51).contains(&soft), "{format}: {soft} soft windows of {levels:?}");
    }
}

#[test]
fn an_encoder_delay_that_is_told_is_cut_off() {
    let (format, _, bytes) = clips().swap_remove(0);
    let samples = decode(format, std::iter::once(bytes)).unwrap();
    let start = samples.iter().position(|sample| sample.abs() > 2_000).unwrap();
    // The tone starts at zero; an encoder smears its beginning over some samples.
    assert!(start < 44, "the sound starts after {start} samples");
}

#[test]
fn any_split_gives_the_same_samples() {
    for (format, _, bytes) in clips() {
        let whole = decode(format, std::iter::once(&bytes)).unwrap();
        for size in [1, 7, 100, 4_577] {
            assert_eq!(decode(format, bytes.chunks(size)).unwrap(), whole, "{format} in pieces of {size}");
        }
    }
}

#[test]
fn a_stream_that_is_cut_says_so() {
    for (format, _, bytes) in clips() {
        let cut = decode(format, std::iter::once(&bytes[..bytes.len() - 5]));
        assert!(matches!(cut, Err(DecodeError::Torn { .. })), "{format}: {cut:?}");
    }
}

#[test]
fn a_hole_is_an_error_and_not_a_skip() {
    for (format, _, bytes) in clips() {
        let middle = bytes.len() / 2;
        let holed = [&bytes[..middle], &bytes[middle + 50..]].concat();
        assert!(decode(format, std::iter::once(holed)).is_err(), "{format}");
    }
}

#[test]
fn streams_in_a_row_are_one() {
    for (format, _, bytes) in clips() {
        let once = decode(format, std::iter::once(&bytes)).unwrap().len();
        let twice = decode(format, [&bytes, &bytes].into_iter()).unwrap().len();
        assert!((2 * once..=2 * once + 1_200).contains(&twice), "{format}: {once} and {twice}");
    }
}

#[test]
fn what_follows_the_sound_is_not_played() {
    let (format, _, bytes) = clips().swap_remove(0);
    let tag = [b"TAG".as_slice(), &[b' '; 125]].concat();
    let plain = decode(format, std::iter::once(&bytes)).unwrap();
    assert_eq!(decode(format, [bytes, tag].into_iter()).unwrap(), plain);
}

proptest! {
    #[test]
    fn no_change_of_a_clip_breaks_a_decoder(
        clip in 0usize..5,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let (format, _, mut bytes) = clips().swap_remove(clip);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = decode(format, std::iter::once(bytes));
    }
}
