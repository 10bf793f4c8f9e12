//! Reading and writing WAV.
//!
//! Writing is the crate `hound`'s. Reading is our own, because what clients send is often not what `hound` takes: µ-law
//! and A-law files of telephone systems, and headers written before the length was known (`ffmpeg` and `sox` into a
//! pipe). The layout is that of Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" (RIFF).

use std::io::Cursor;

use super::{AudioError, AudioFormat, Encoding};

/// Sizes from here on are placeholders of programs that did not know the length: 0x7FFFF000 and up (`sox`),
/// 0xFFFFFFFF (`ffmpeg`).
const UNKNOWN_SIZE: u64 = 0x7FFF_0000;

/// Whether a body starts like a WAV file.
pub fn is_wav(body: &[u8]) -> bool {
    body.len() >= 12 && &body[..4] == b"RIFF" && &body[8..12] == b"WAVE"
}

/// Finds the sound in a WAV file: its format, and its bytes.
///
/// # Errors
/// [`AudioError::Wav`] when the file has no readable format or no sound, or hides sound behind its data chunk;
/// [`AudioError::WavTruncated`] when the header promises more than there is.
pub fn parse(body: &[u8]) -> Result<(AudioFormat, &[u8]), AudioError> {
    if !is_wav(body) {
        return Err(AudioError::Wav("it has no RIFF/WAVE header"));
    }
    let mut format = None;
    let mut rest = &body[12..];
    while let Some((id, size, content)) = chunk(rest) {
        if id == *b"data" {
            let format = format.ok_or(AudioError::Wav("its data chunk comes before its format chunk"))?;
            return data(size, content).map(|sound| (format, sound));
        }
        let Some(inside) = usize::try_from(size).ok().and_then(|size| content.get(..size)) else {
            return Err(AudioError::Wav("a chunk before the sound is longer than the file"));
        };
        if id == *b"fmt " {
            format = Some(parse_format(inside)?);
        }
        // Chunks are padded to an even length.
        rest = content.get(inside.len() + inside.len() % 2..).unwrap_or_default();
    }
    Err(AudioError::Wav("it has no data chunk"))
}

/// The head of the next chunk: its id, its size by the header, and all bytes behind the head.
fn chunk(bytes: &[u8]) -> Option<([u8; 4], u64, &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    let (size, content) = rest.split_first_chunk::<4>()?;
    Some((*id, u64::from(u32::from_le_bytes(*size)), content))
}

fn data(size: u64, content: &[u8]) -> Result<&[u8], AudioError> {
    let actual_bytes = content.len() as u64;
    if size >= UNKNOWN_SIZE || (size == 0 && !only_chunks(content)) {
        return Ok(content);
    }
    if size > actual_bytes {
        return Err(AudioError::WavTruncated { promised_bytes: size, actual_bytes });
    }
    // `size` is at most the length of a slice.
    let (sound, behind) = content.split_at(size as usize);
    // What follows must be chunks (LIST, cue, id3); anything else is sound that the header does not count.
    if only_chunks(behind.get(sound.len() % 2..).unwrap_or_default()) {
        Ok(sound)
    } else {
        Err(AudioError::Wav("its data chunk is shorter than the sound in the body"))
    }
}

/// Whether bytes are a row of chunks, or zeros.
fn only_chunks(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match chunk(bytes) {
            Some((id, size, content)) if id.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') => {
                let padded = size.saturating_add(size % 2).min(content.len() as u64);
                // `padded` is at most the length of a slice.
                bytes = &content[padded as usize..];
            }
            _ => return bytes.iter().all(|&byte| byte == 0),
        }
    }
    true
}

fn parse_format(chunk: &[u8]) -> Result<AudioFormat, AudioError> {
    let word = |at: usize| chunk.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let (Some(tag), Some(channels), Some(bits)) = (word(0), word(2), word(14)) else {
        return Err(AudioError::Wav("its format chunk is too short"));
    };
    let rate = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
    // WAVE_FORMAT_EXTENSIBLE keeps the real tag in the first two bytes of its sub-format.
    let tag = if tag == 0xFFFE { word(24).ok_or(AudioError::Wav("its format chunk is too short"))? } else { tag };
    let encoding = match (tag, bits) {
        (1, 16) => Encoding::S16le,
        (1, 32) => Encoding::S32le,
        (3, 32) => Encoding::F32le,
        (6, 8) => Encoding::Alaw,
        (7, 8) => Encoding::Mulaw,
        _ => return Err(AudioError::Wav("its encoding is none of PCM 16 or 32 bit, float 32 bit, A-law, µ-law")),
    };
    Ok(AudioFormat { encoding, sample_rate: rate, channels })
}

/// A whole mono 16-bit WAV file with true sizes.
///
/// # Errors
/// [`AudioError::Wav`] when the sound is longer than a WAV file can be (4 GiB).
pub fn write(samples: &[i16], sample_rate: u32) -> Result<Vec<u8>, AudioError> {
    let spec =
        hound::WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut file = Cursor::new(Vec::with_capacity(44 + samples.len() * 2));
    write_samples(&mut file, spec, samples)
        .map_err(|_| AudioError::Wav("the sound is longer than a WAV file can be"))?;
    Ok(file.into_inner())
}

fn write_samples(file: &mut Cursor<Vec<u8>>, spec: hound::WavSpec, samples: &[i16]) -> Result<(), hound::Error> {
    let mut writer = hound::WavWriter::new(file, spec)?;
    for &sample in samples {
        writer.write_sample(sample)?;
    }
    writer.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file() -> Vec<u8> {
        write(&[1, -2, 3, -4], 16_000).unwrap()
    }

    #[test]
    fn what_is_written_reads_back() {
        let file = file();
        let (format, sound) = parse(&file).unwrap();
        assert_eq!(format, AudioFormat { encoding: Encoding::S16le, sample_rate: 16_000, channels: 1 });
        assert_eq!(sound, [1i16, -2, 3, -4].map(i16::to_le_bytes).concat());
    }

    #[test]
    fn a_cut_file_is_told_with_both_sizes() {
        let file = file();
        let error = AudioError::WavTruncated { promised_bytes: 8, actual_bytes: 5 };
        assert_eq!(parse(&file[..file.len() - 3]), Err(error));
    }

    #[test]
    fn a_length_that_was_not_known_means_all_the_rest() {
        for placeholder in [0u32, 0x7FFF_F024, u32::MAX] {
            let mut file = file();
            file[40..44].copy_from_slice(&placeholder.to_le_bytes());
            assert_eq!(parse(&file).unwrap().1.len(), 8);
        }
    }

    #[test]
    fn an_empty_data_chunk_before_other_chunks_is_empty() {
        let empty = write(&[], 16_000).unwrap();
        let file = [empty.as_slice(), b"LIST", &4u32.to_le_bytes(), b"INFO"].concat();
        assert!(parse(&file).unwrap().1.is_empty());
    }

    #[test]
    fn sound_that_the_header_does_not_count_is_not_dropped_silently() {
        let mut file = file();
        file[40..44].copy_from_slice(&4u32.to_le_bytes());
        assert_eq!(parse(&file), Err(AudioError::Wav("its data chunk is shorter than the sound in the body")));
    }

    #[test]
    fn chunks_around_the_sound_are_skipped() {
        let mut file = file();
        let list = [b"LIST".as_slice(), &3u32.to_le_bytes(), b"abc\0"].concat();
        file.extend_from_slice(&list);
        file.splice(12..12, list);
        assert_eq!(parse(&file).unwrap().1.len(), 8);
    }

    #[test]
    fn telephone_files_are_read() {
        let mut file = file();
        file[20..22].copy_from_slice(&7u16.to_le_bytes());
        file[34..36].copy_from_slice(&8u16.to_le_bytes());
        assert_eq!(parse(&file).unwrap().0.encoding, Encoding::Mulaw);
        file[34..36].copy_from_slice(&24u16.to_le_bytes());
        assert!(matches!(parse(&file), Err(AudioError::Wav(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(mut bytes in prop::collection::vec(any::<u8>(), 0..300), head in 0usize..48) {
            let good = file();
            let head = head.min(bytes.len()).min(good.len());
            bytes[..head].copy_from_slice(&good[..head]);
            if let Ok((_, sound)) = parse(&bytes) {
                prop_assert!(sound.len() <= bytes.len());
            }
        }
    }
}
