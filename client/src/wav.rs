//! WAV files in and out.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use tempfile::NamedTempFile;

use crate::error::ClientError;
use crate::file;

/// A WAV file being written. It lies beside its final name until [`Recording::save`]; if that is never
/// called, it is removed, so that no cut sound ever looks like a finished file.
pub struct Recording {
    writer: WavWriter<BufWriter<File>>,
    file: NamedTempFile,
    path: PathBuf,
}

impl Recording {
    /// Opens the file. `path` need not exist; its directory must.
    pub fn create(path: &Path, rate: u32, channels: u16) -> Result<Self, ClientError> {
        let fail = |cause: String| ClientError::file(path, cause);
        let file = file::part(path)?;
        let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let handle = file.reopen().map_err(|error| fail(error.to_string()))?;
        let writer = WavWriter::new(BufWriter::new(handle), spec).map_err(|error| fail(error.to_string()))?;
        Ok(Recording { writer, file, path: path.to_owned() })
    }

    /// Appends s16le samples. `bytes` must be a whole number of samples.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        for pair in bytes.chunks_exact(2) {
            self.writer
                .write_sample(i16::from_le_bytes([pair[0], pair[1]]))
                .map_err(|error| ClientError::file(&self.path, error))?;
        }
        Ok(())
    }

    /// Completes the header, puts the data on the disk and gives the file its final name.
    pub fn save(self) -> Result<(), ClientError> {
        let Recording { writer, file, path } = self;
        writer.finalize().map_err(|error| ClientError::file(&path, error))?;
        file::save(file, &path)
    }
}

/// The sound of a WAV file in a form that the API takes.
#[derive(Debug, PartialEq)]
pub struct Sound {
    /// Channels: 1 or 2.
    pub channels: u16,
    /// Sample rate in Hz.
    pub rate: u32,
    /// Bits per sample in the file.
    pub file_bits: u16,
    /// The API's name for the form of the samples: `s16le`, `s32le` or `float32`.
    pub format: &'static str,
    /// Interleaved little-endian samples.
    pub pcm: Vec<u8>,
}

/// Reads a WAV file. Samples of 8 and 24 bits, which the API has no name for, become 16 and 32 bits wide;
/// that changes no sample's level.
pub fn read(path: &Path) -> Result<Sound, ClientError> {
    let fail = |cause: String| ClientError::file(path, cause);
    let reader = WavReader::open(path).map_err(|error| fail(reading(&error)))?;
    let spec = reader.spec();
    if !(1..=2).contains(&spec.channels) {
        return Err(fail(format!("{} каналов; шлюз принимает 1 или 2", spec.channels)));
    }
    let (format, pcm) = match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Int, 8) => ("s16le", samples(reader, |v: i16| (v << 8).to_le_bytes())),
        (SampleFormat::Int, 16) => ("s16le", samples(reader, i16::to_le_bytes)),
        (SampleFormat::Int, 24) => ("s32le", samples(reader, |v: i32| (v << 8).to_le_bytes())),
        (SampleFormat::Int, 32) => ("s32le", samples(reader, i32::to_le_bytes)),
        (SampleFormat::Float, 32) => ("float32", samples(reader, f32::to_le_bytes)),
        (_, bits) => {
            return Err(fail(format!("{bits} бит на отсчёт; поддерживаются 8, 16, 24, 32 и float32")));
        }
    };
    let pcm = pcm.map_err(|error| fail(reading(&error)))?;
    if pcm.is_empty() {
        return Err(fail("в файле нет звука".to_owned()));
    }
    Ok(Sound { channels: spec.channels, rate: spec.sample_rate, file_bits: spec.bits_per_sample, format, pcm })
}

fn samples<S: hound::Sample, const N: usize>(
    reader: WavReader<std::io::BufReader<File>>,
    bytes: impl Fn(S) -> [u8; N],
) -> Result<Vec<u8>, hound::Error> {
    let mut pcm = Vec::new();
    for sample in reader.into_samples::<S>() {
        pcm.extend(bytes(sample?));
    }
    Ok(pcm)
}

fn reading(error: &hound::Error) -> String {
    match error {
        hound::Error::IoError(error) => error.to_string(),
        other => format!("не читается как WAV ({other})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(directory: &Path, bits: u16, format: SampleFormat, channels: u16) -> PathBuf {
        let path = directory.join(format!("{bits}-{channels}.wav"));
        let spec = WavSpec { channels, sample_rate: 22_050, bits_per_sample: bits, sample_format: format };
        let mut writer = WavWriter::create(&path, spec).unwrap();
        for _ in 0..channels {
            match format {
                SampleFormat::Float => writer.write_sample(-0.5_f32).unwrap(),
                SampleFormat::Int => writer.write_sample(-(1_i32 << (bits - 2))).unwrap(),
            }
        }
        writer.finalize().unwrap();
        path
    }

    #[test]
    fn every_accepted_width_keeps_its_level() {
        let directory = tempfile::tempdir().unwrap();
        // One sample at half of full scale, below zero.
        let cases: [(u16, SampleFormat, &str, Vec<u8>); 5] = [
            (8, SampleFormat::Int, "s16le", (-16_384_i16).to_le_bytes().to_vec()),
            (16, SampleFormat::Int, "s16le", (-16_384_i16).to_le_bytes().to_vec()),
            (24, SampleFormat::Int, "s32le", (-(1_i32 << 30)).to_le_bytes().to_vec()),
            (32, SampleFormat::Int, "s32le", (-(1_i32 << 30)).to_le_bytes().to_vec()),
            (32, SampleFormat::Float, "float32", (-0.5_f32).to_le_bytes().to_vec()),
        ];
        for (bits, format, name, expected) in cases {
            let sound = read(&file(directory.path(), bits, format, 1)).unwrap();
            assert_eq!((sound.format, sound.pcm), (name, expected), "{bits} {format:?}");
            assert_eq!((sound.rate, sound.channels, sound.file_bits), (22_050, 1, bits));
        }
    }

    #[test]
    fn three_channels_a_cut_file_and_no_wav_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let three = file(directory.path(), 16, SampleFormat::Int, 3);
        assert_eq!(read(&three).unwrap_err().exit_code(), 6);
        let cut = file(directory.path(), 16, SampleFormat::Int, 2);
        let bytes = std::fs::read(&cut).unwrap();
        std::fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(read(&cut).unwrap_err().exit_code(), 6);
        let text = directory.path().join("text.wav");
        std::fs::write(&text, "hello").unwrap();
        assert_eq!(read(&text).unwrap_err().exit_code(), 6);
    }

    #[test]
    fn a_recording_appears_only_when_it_is_saved() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.wav");
        let mut recording = Recording::create(&path, 16_000, 1).unwrap();
        recording.write(&[1, 0, 2, 0]).unwrap();
        assert!(!path.exists());
        drop(recording);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);

        let mut recording = Recording::create(&path, 16_000, 1).unwrap();
        recording.write(&[1, 0, 2, 0]).unwrap();
        recording.save().unwrap();
        assert_eq!(read(&path).unwrap().pcm, [1, 0, 2, 0]);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
