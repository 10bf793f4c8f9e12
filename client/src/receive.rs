//! A streamed answer → a line per frame and a WAV file, or neither a success nor a file.

use std::path::Path;

use reqwest::Response;
use reqwest::header::HeaderMap;

use crate::error::ClientError;
use crate::frames::Framer;
use crate::gateway;
use crate::options::Common;
use crate::screen::Screen;
use crate::wav::Recording;

/// What an answer without format headers is, by the API's definition.
const DEFAULT_RATE: u32 = 16_000;
const DEFAULT_CHANNELS: u16 = 1;

/// Receives the whole body, prints its frames and the closing lines, and saves it to `output`.
///
/// An aborted body, one that ends within a sample, or an empty one is an error, and then no file is left.
pub async fn receive(
    mut response: Response,
    output: &Path,
    common: &Common,
    screen: &Screen,
) -> Result<(), ClientError> {
    let (rate, channels) = format(response.headers())?;
    let mut recording = Recording::create(output, rate, channels)?;
    let mut framer = Framer::default();
    let (mut frames, mut total) = (0_u64, 0_u64);
    let bytes_per_second = f64::from(rate) * f64::from(channels) * 2.0;
    let mut take = |frame: &[u8]| {
        frames += 1;
        total += frame.len() as u64;
        screen.received(total as f64 / bytes_per_second);
        screen.frame(frames, frame.len());
    };
    loop {
        let piece = response.chunk().await;
        let Some(piece) = piece.map_err(|error| gateway::broken(&error, common))? else {
            break;
        };
        for frame in framer.push(&piece) {
            take(&frame);
            recording.write(&frame)?;
        }
    }
    if let Some(last) = framer.finish() {
        take(&last);
        // A frame is a whole number of samples, so only the last one can end within one.
        if last.len() % (2 * usize::from(channels)) != 0 {
            return Err(ClientError::Broken("последний отсчёт пришёл не целиком".to_owned()));
        }
        recording.write(&last)?;
    }
    if total == 0 {
        return Err(ClientError::Unusable("в нём нет звука".to_owned()));
    }
    recording.save()?;
    screen.done();
    screen.line(format_args!(
        "\n✓ Аудио сохранено в {}\nВсего фреймов: {frames}, размер: {total} байт",
        output.display()
    ));
    Ok(())
}

/// Sample rate in Hz and channels from `X-Sample-Rate`, `X-Channels` and `X-Audio-Format`.
fn format(headers: &HeaderMap) -> Result<(u32, u16), ClientError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let unusable = |name: &str, value: &str| ClientError::Unusable(format!("{name}: {value}"));
    if let Some(name) = text("x-audio-format")
        && !name.to_ascii_lowercase().contains("s16le")
    {
        return Err(unusable("X-Audio-Format", name));
    }
    let rate = match text("x-sample-rate") {
        None => DEFAULT_RATE,
        Some(value) => value.parse().ok().filter(|rate| *rate > 0).ok_or_else(|| unusable("X-Sample-Rate", value))?,
    };
    let channels = match text("x-channels") {
        None => DEFAULT_CHANNELS,
        Some(value) => value
            .parse()
            .ok()
            .filter(|channels| (1..=2).contains(channels))
            .ok_or_else(|| unusable("X-Channels", value))?,
    };
    Ok((rate, channels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.insert(*name, reqwest::header::HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn a_stated_format_is_believed_and_an_unusable_one_refused() {
        assert_eq!(format(&headers(&[])).unwrap(), (16_000, 1));
        let stated = [("x-audio-format", "s16le"), ("x-sample-rate", "48000"), ("x-channels", "2")];
        assert_eq!(format(&headers(&stated)).unwrap(), (48_000, 2));
        for wrong in [
            ("x-audio-format", "mp3_44100_128"),
            ("x-audio-format", "pcm_f32le"),
            ("x-sample-rate", "0"),
            ("x-sample-rate", "fast"),
            ("x-channels", "6"),
        ] {
            assert_eq!(format(&headers(&[wrong])).unwrap_err().exit_code(), 5, "{wrong:?}");
        }
    }
}
