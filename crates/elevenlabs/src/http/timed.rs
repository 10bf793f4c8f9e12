//! Sound with the times of its characters, as JSON.

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;
use serde_json::Value;

use super::Piece;
use crate::{
    aligned::Alignment,
    api_key::ApiKey,
    error::{Answer, ElevenLabsError, mask},
};

/// Longest line, in bytes: some minutes of sound.
const LONGEST_LINE: usize = 32 << 20;

/// How much of what makes no sense is quoted, in characters.
const QUOTED: usize = 100;

/// One object of `/with-timestamps`, or of a line of `/stream/with-timestamps`.
#[derive(Deserialize)]
struct Timed {
    /// May be null, but has to be there: an object without it is something else.
    #[serde(deserialize_with = "Option::deserialize")]
    audio_base64: Option<String>,
    /// Read on their own: one that cannot be read takes only itself away, not the sound beside it.
    #[serde(default)]
    alignment: Value,
    #[serde(default)]
    normalized_alignment: Value,
}

/// Times are in seconds here; on WebSockets they are in ms and have other names.
#[derive(Deserialize)]
struct Times {
    characters: Vec<String>,
    character_start_times_seconds: Vec<f64>,
    character_end_times_seconds: Vec<f64>,
}

impl Times {
    /// `None` also when it is not what it should be: a list that is missing, shorter than the others, or has gaps.
    fn read(json: Value) -> Option<Alignment> {
        let times = Self::deserialize(json).ok()?;
        let milliseconds = |seconds: Vec<f64>| seconds.into_iter().map(|seconds| seconds * 1000.0).collect::<Vec<_>>();
        let start_ms = milliseconds(times.character_start_times_seconds);
        let end_ms = milliseconds(times.character_end_times_seconds);
        let whole = times.characters.len() == start_ms.len() && times.characters.len() == end_ms.len();
        whole.then_some(Alignment { chars: times.characters, start_ms, end_ms })
    }
}

/// Reads one object. `key` is kept out of what is quoted of it.
///
/// # Errors
/// [`ElevenLabsError::Answer`] when it says what went wrong, [`ElevenLabsError::Protocol`] when it makes no sense.
pub(super) fn parse(json: &[u8], key: &ApiKey) -> Result<Piece, ElevenLabsError> {
    let timed = serde_json::from_slice::<Timed>(json);
    if !matches!(&timed, Ok(timed) if timed.audio_base64.is_some())
        && let Some(answer) = told(json)
    {
        return Err(ElevenLabsError::Answer(answer));
    }
    let timed = timed.map_err(|error| {
        let mut text = String::from_utf8_lossy(json).into_owned();
        mask(&mut text, key);
        let begin: String = text.chars().take(QUOTED).collect();
        ElevenLabsError::Protocol(format!("{error}: {begin}"))
    })?;
    let audio = BASE64_STANDARD
        .decode(timed.audio_base64.as_deref().unwrap_or_default())
        .map_err(|error| ElevenLabsError::Protocol(error.to_string()))?;
    Ok(Piece {
        audio: audio.into(),
        alignment: Times::read(timed.alignment),
        normalized_alignment: Times::read(timed.normalized_alignment),
    })
}

/// The error that an object tells of. Its head said 200, so it is known by its name and words alone.
fn told(json: &[u8]) -> Option<Answer> {
    let value: Value = serde_json::from_slice(json).ok()?;
    let error = !value.get("detail")?.is_null();
    error.then(|| Answer::parse(StatusCode::OK.as_u16(), &HeaderMap::new(), json))
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
    use evervoice_core::tts::ProviderFailure::Refused;
    use proptest::prelude::*;

    use super::*;

    fn read(json: &[u8]) -> Result<Piece, ElevenLabsError> {
        parse(json, &"sk_0123456789".into())
    }

    #[test]
    fn seconds_become_milliseconds() {
        let piece = read(
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
        for bad in ["", "{", "[]", "{}", "{\"detail\":null}", "{\"audio_base64\":\"!\"}", "{\"audio_base64\":1}"] {
            let error = read(bad.as_bytes()).unwrap_err();
            assert!(matches!(error, ElevenLabsError::Protocol(_)), "{bad}: {error}");
        }
        assert!(read(b"{\"what\":1}").unwrap_err().to_string().contains("{\"what\":1}"));
        assert!(read(b"{\"audio_base64\":null}").unwrap().audio.is_empty());
    }

    #[test]
    fn an_error_among_the_sound_is_the_error_that_it_is() {
        for sound in ["", r#","audio_base64":null"#] {
            let line = format!(r#"{{"detail":{{"status":"quota_exceeded","message":"Used up."}}{sound}}}"#);
            let error = read(line.as_bytes()).unwrap_err();
            assert!(matches!(error, ElevenLabsError::Answer(_)), "{error}");
            assert_eq!((error.failure(), error.to_string().as_str()), (Refused, "HTTP 200 quota_exceeded: Used up."));
        }
        assert_eq!(read(br#"{"audio_base64":"AQID","detail":"note"}"#).unwrap().audio.as_ref(), [1, 2, 3]);
    }

    #[test]
    fn a_key_is_masked_before_a_quotation_is_cut() {
        for begins in 80..100 {
            let line = format!("{}sk_0123456789", "x".repeat(begins));
            let told = read(line.as_bytes()).unwrap_err().to_string();
            assert!(told.contains("xxx") && !told.contains("sk_"), "{told}");
        }
    }

    #[test]
    fn an_alignment_that_cannot_be_read_leaves_the_sound() {
        for (characters, starts, ends) in [
            (r#"["H",null]"#, "[0,1]", "[1,2]"),
            (r#"["H","i"]"#, "[0,null]", "[1,2]"),
            (r#"["H","i"]"#, "[0]", "[1,2]"),
            (r#"["H","i"]"#, "[0,1]", "[1]"),
            (r#"["H"]"#, "[0,1]", "[1,2]"),
            ("null", "null", "null"),
        ] {
            let line = format!(
                r#"{{"audio_base64":"AQID","alignment":{{"characters":{characters},
                "character_start_times_seconds":{starts},"character_end_times_seconds":{ends}}}}}"#
            );
            let piece = read(line.as_bytes()).unwrap();
            assert_eq!((piece.audio.as_ref(), piece.alignment), (&[1, 2, 3][..], None), "{line}");
        }
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
            let _ = read(&bytes);
        }
    }
}
