//! Reading the sound of a request within its limits.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody},
    http::StatusCode,
};
use evervoice_core::{
    asr::AsrError,
    audio::{AudioFormat, MAX_SAMPLE_RATE, wav},
    service::Problem,
};
use http_body_util::BodyExt;
use tokio::time::timeout;

/// What a WAV file may have besides its sound: headers, cue points, a title.
const WAV_EXTRA_BYTES: usize = 64 * 1024;
/// Bytes of one frame of the widest format: two channels of 32 bit.
const WIDEST_FRAME: usize = 8;

/// How large and how slow a body may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest sound, in seconds.
    pub max_seconds: f64,
    /// What the query says about raw sound.
    pub format: AudioFormat,
    /// Longest time from the first to the last byte.
    pub deadline: Duration,
}

impl Limits {
    /// Most bytes. A WAV file has a format of its own, which is known when it is parsed: the widest one counts.
    fn bytes(&self, wav: bool) -> usize {
        // Casts saturate, and the longest sound that can be configured is an hour.
        let frames = |rate: u32| (self.max_seconds * f64::from(rate)) as usize;
        if wav {
            frames(MAX_SAMPLE_RATE) * WIDEST_FRAME + WAV_EXTRA_BYTES
        } else {
            frames(self.format.sample_rate) * self.format.frame_bytes()
        }
    }
}

/// Reads a whole body.
///
/// # Errors
/// 413 `audio_too_long` as soon as that is certain (by its announced length, or while reading), 408 `body_timeout`, 400
/// `body_broken`.
pub async fn read(body: &mut Body, limits: Limits) -> Result<Vec<u8>, Problem> {
    match timeout(limits.deadline, collect(body, limits)).await {
        Ok(read) => read,
        Err(_) => {
            let detail = format!("the request body did not arrive within {} s", limits.deadline.as_secs_f64());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail))
        }
    }
}

async fn collect(body: &mut Body, limits: Limits) -> Result<Vec<u8>, Problem> {
    let announced = body.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let too_long = || Problem::from(AsrError::TooLong { limit_seconds: limits.max_seconds });
    if announced > Some(limits.bytes(true).max(limits.bytes(false))) {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::bad_request("body_broken", "the request body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        bytes.extend_from_slice(&data);
        // Whether it is a WAV file shows in its first 12 bytes.
        let certain = bytes.len() >= 12;
        let limit = limits.bytes(!certain || wav::is_wav(&bytes));
        if bytes.len() > limit || (certain && announced > Some(limit)) {
            return Err(too_long());
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use evervoice_core::audio::Encoding;

    use super::*;

    fn limits() -> Limits {
        let format = AudioFormat { encoding: Encoding::S16le, sample_rate: 16_000, channels: 1 };
        Limits { max_seconds: 1.0, format, deadline: Duration::from_secs(10) }
    }

    async fn code(body: Body) -> Result<usize, String> {
        let mut body = body;
        read(&mut body, limits()).await.map(|bytes| bytes.len()).map_err(|problem| problem.code)
    }

    #[tokio::test]
    async fn raw_sound_is_limited_by_its_format() {
        assert_eq!(code(Body::from(vec![0; 32_000])).await, Ok(32_000));
        assert_eq!(code(Body::from(vec![0; 32_001])).await, Err("audio_too_long".into()));
    }

    #[tokio::test]
    async fn a_wav_file_is_not_limited_by_the_query() {
        let file = wav::write(&[0; 32_000], 48_000).unwrap();
        assert_eq!(code(Body::from(file)).await, Ok(64_044));
        let mut endless = wav::write(&[0; 8], 48_000).unwrap();
        endless.resize(2_000_000, 0);
        assert_eq!(code(Body::from(endless)).await, Err("audio_too_long".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_of_unknown_length_is_refused_while_it_comes() {
        let (sender, body) = pieces();
        let reading = tokio::spawn(code(body));
        for _ in 0..9 {
            let _ = sender.send(vec![0; 4_000]).await;
        }
        assert_eq!(reading.await.unwrap(), Err("audio_too_long".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_times_out() {
        let (sender, body) = pieces();
        let _ = sender.send(vec![0; 4_000]).await;
        assert_eq!(code(body).await, Err("body_timeout".into()));
        drop(sender);
    }

    fn pieces() -> (tokio::sync::mpsc::Sender<Vec<u8>>, Body) {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Vec<u8>>(4);
        let stream = futures_util::stream::unfold(receiver, async |mut receiver| {
            let piece = receiver.recv().await?;
            Some((Ok::<_, std::io::Error>(piece), receiver))
        });
        (sender, Body::from_stream(stream))
    }
}
