//! Sound with the times of its characters, as JSON.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer};

use super::Piece;
use crate::{aligned::Alignment, error::ElevenLabsError};

/// Longest line, in bytes: some minutes of sound.
const LONGEST_LINE: usize = 32 << 20;

/// One object of `/with-timestamps`, or of a line of `/stream/with-timestamps`.
#[derive(Deserialize)]
struct Timed {
    /// May be null, but has to be there: an object without it is something else.
    #[serde(deserialize_with = "Option::deserialize")]
    audio_base64: Option<String>,
    #[serde(default)]
    alignment: Option<Times>,
    #[serde(default)]
    normalized_alignment: Option<Times>,
}

/// Times are in seconds here; on WebSockets they are in ms and have other names.
#[derive(Deserialize)]
struct Times {
    characters: Vec<String>,
    #[serde(deserialize_with = "milliseconds")]
    character_start_times_seconds: Vec<f64>,
    #[serde(deserialize_with = "milliseconds")]
    character_end_times_seconds: Vec<f64>,
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    Ok(Vec::<f64>::deserialize(deserializer)?.into_iter().map(|seconds| seconds * 1000.0).collect())
}

impl From<Times> for Alignment {
    fn from(times: Times) -> Self {
        Self {
            chars: times.characters,
            start_ms: times.character_start_times_seconds,
            end_ms: times.character_end_times_seconds,
        }
    }
}

/// Reads one object.
///
/// # Errors
/// [`ElevenLabsError::Protocol`]
pub(super) fn parse(json: &[u8]) -> Result<Piece, ElevenLabsError> {
    let timed: Timed = serde_json::from_slice(json).map_err(|error| {
        let begin: String = String::from_utf8_lossy(json).chars().take(100).collect();
        ElevenLabsError::Protocol(format!("{error}: {begin}"))
    })?;
    let audio = BASE64_STANDARD
        .decode(timed.audio_base64.as_deref().unwrap_or_default())
        .map_err(|error| ElevenLabsError::Protocol(error.to_string()))?;
    Ok(Piece {
        audio: audio.into(),
        alignment: timed.alignment.map(Alignment::from),
        normalized_alignment: timed.normalized_alignment.map(Alignment::from),
    })
}

/// Splits a body into lines, whatever the pieces in which it comes.
#[derive(Default)]
pub(super) struct Lines {
    /// The line that is not whole yet.
    carry: Vec<u8>,
}

impl Lines {
    /// Hands each line that `bytes` completes to `each`; empty ones are skipped.
    ///
    /// # Errors
    /// Those of `each`, and [`ElevenLabsError::Protocol`] for a line without an end.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), ElevenLabsError>,
    ) -> Result<(), ElevenLabsError> {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let rest = lines.next_back().unwrap_or_default();
        for line in lines {
            self.carry.extend_from_slice(line);
            let line = std::mem::take(&mut self.carry);
            if !line.trim_ascii().is_empty() {
                each(&line)?;
            }
        }
        self.carry.extend_from_slice(rest);
        if self.carry.len() > LONGEST_LINE {
            return Err(ElevenLabsError::Protocol("a line has no end".to_owned()));
        }
        Ok(())
    }

    /// The last line, when the body did not end it.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.carry)).filter(|line| !line.trim_ascii().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seconds_become_milliseconds() {
        let piece = parse(
            br#"{"audio_base64":"AQID","alignment":{"characters":["H","i"],"character_start_times_seconds":[0,0.25],
            "character_end_times_seconds":[0.25,0.5]},"normalized_alignment":null,"of_tomorrow":1}"#,
        )
        .unwrap();
        assert_eq!(piece.audio.as_ref(), [1, 2, 3]);
        let alignment = piece.alignment.unwrap();
        assert_eq!(alignment.chars, ["H", "i"]);
        assert_eq!((alignment.start_ms, alignment.end_ms), (vec![0.0, 250.0], vec![250.0, 500.0]));
        assert_eq!(piece.normalized_alignment, None);
    }

    #[test]
    fn what_is_no_sound_is_an_error_and_is_quoted() {
        for bad in ["", "{", "[]", "{}", "{\"detail\":\"x\"}", "{\"audio_base64\":\"!\"}", "{\"audio_base64\":1}"] {
            let error = parse(bad.as_bytes()).unwrap_err();
            assert!(matches!(error, ElevenLabsError::Protocol(_)), "{bad}: {error}");
        }
        assert!(parse(b"{\"detail\":\"x\"}").unwrap_err().to_string().contains("detail"));
        assert!(parse(b"{\"audio_base64\":null}").unwrap().audio.is_empty());
    }

    fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut found) = (Lines::default(), vec![]);
        for piece in pieces {
            lines
                .push(piece, |line| {
                    found.push(line.to_vec());
                    Ok(())
                })
                .unwrap();
        }
        found.extend(lines.finish());
        found
    }

    #[test]
    fn empty_lines_are_skipped() {
        assert_eq!(lines(&[b"\n\r\na\r\n", b"\nb"]), [b"a\r".to_vec(), b"b".to_vec()]);
    }

    #[test]
    fn a_line_without_an_end_is_an_error() {
        let mut lines = Lines::default();
        let chunk = vec![b' '; LONGEST_LINE / 2];
        assert!(lines.push(&chunk, |_| Ok(())).is_ok() && lines.push(&chunk, |_| Ok(())).is_ok());
        assert!(lines.push(b" ", |_| Ok(())).is_err());
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            body in "[a-c\n]{0,60}",
            cuts in prop::collection::vec(0usize..60, 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &body.as_bytes()[pair[0]..pair[1]]).collect();
            let expected: Vec<_> = body.split('\n').filter(|line| !line.is_empty()).map(|l| l.as_bytes().to_vec()).collect();
            prop_assert_eq!(lines(&pieces), expected);
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
