//! Requests to speak, spoken over HTTP.

use std::collections::{BTreeMap, VecDeque};

use async_trait::async_trait;
use evervoice_core::{
    audio::{AudioChunk, AudioStream},
    tts::{SpeechRequest, TtsError, TtsProvider, VoiceInfo},
};
use futures_util::stream;
use serde_json::{Value, json};

use super::{HttpClient, HttpRequest, Piece, SpeechBody};
use crate::{
    aligned::{Aligned, Alignment},
    config::ElevenLabsSettings,
    decode::Decoder,
    error::ElevenLabsError,
    events::Events,
    format::Codec,
    voice::{Casting, has_voice, rendering, voices},
};

const NAME: &str = "elevenlabs_http";

/// ElevenLabs over HTTP.
pub struct HttpProvider {
    settings: ElevenLabsSettings,
    client: HttpClient,
}

impl HttpProvider {
    /// A provider as configured; it connects with the first request.
    ///
    /// # Errors
    /// As of [`HttpClient::new`].
    pub fn new(settings: ElevenLabsSettings, events: Events) -> Result<Self, ElevenLabsError> {
        let client = HttpClient::new(&settings, events)?;
        Ok(Self { settings, client })
    }

    async fn begin(&self, request: &SpeechRequest, casting: Casting) -> Result<Speaking, ElevenLabsError> {
        let mut wanted = HttpRequest::new(&self.settings, casting, request.text());
        request.id().clone_into(&mut wanted.id);
        wanted.body.previous_text = Some(request.spoken_before().to_owned()).filter(|text| !text.trim().is_empty());
        let format = wanted.output_format;
        let decoder = Decoder::new(format)?;
        let body = match self.settings.http_timestamps {
            true => self.client.stream_with_timestamps(&wanted).await?,
            false => self.client.stream(&wanted).await?,
        };
        // The sound of the lossy codecs comes out later than it went in, so times do not fit it.
        let exact = !matches!(format.codec(), Codec::Mp3 | Codec::Opus);
        let mut speaking = Speaking {
            aligned: Aligned::new(request.text(), format.sample_rate(), exact),
            decoder: Some(decoder),
            sample_rate: format.sample_rate(),
            samples: 0,
            ready: VecDeque::new(),
            body,
        };
        let first = speaking.next().await.unwrap_or(Err(ElevenLabsError::Silent))?;
        speaking.ready.push_front(Ok(first));
        Ok(speaking)
    }
}

#[async_trait]
impl TtsProvider for HttpProvider {
    fn name(&self) -> &'static str {
        NAME
    }

    fn voices(&self) -> Vec<VoiceInfo> {
        voices(&self.settings, NAME, self.settings.http_output_format.sample_rate())
    }

    fn has_voice(&self, name: &str) -> bool {
        has_voice(&self.settings, name)
    }

    async fn speak(&self, request: SpeechRequest) -> Result<AudioStream, TtsError> {
        let casting = Casting::of(&request, &self.settings)?;
        let speaking = self.begin(&request, casting).await.map_err(|error| error.into_tts(NAME))?;
        let sample_rate = speaking.sample_rate;
        let chunks = stream::unfold(speaking, async |mut speaking| {
            let item = speaking.next().await?;
            Some((item.map_err(|error| error.into_tts(NAME)), speaking))
        });
        Ok(AudioStream { provider: NAME, sample_rate, chunks: Box::pin(chunks) })
    }

    fn rendering(&self, request: &SpeechRequest) -> Option<String> {
        let (settings, format) = (&self.settings, self.settings.http_output_format);
        let told = rendering(NAME, &settings.http_base_url, request, settings, format)?;
        // The fastest mode leaves text normalisation out.
        Some(format!("{told} optimize={:?}", settings.optimize_streaming_latency))
    }

    fn details(&self) -> BTreeMap<String, Value> {
        [
            ("address", json!(self.settings.http_base_url)),
            ("model", json!(self.settings.model_id)),
            ("format", json!(self.settings.http_output_format)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// An utterance under way.
struct Speaking {
    body: SpeechBody,
    /// `None` when the sound has ended.
    decoder: Option<Decoder>,
    aligned: Aligned,
    sample_rate: u32,
    /// Samples so far.
    samples: u64,
    ready: VecDeque<Result<AudioChunk, ElevenLabsError>>,
}

impl Speaking {
    async fn next(&mut self) -> Option<Result<AudioChunk, ElevenLabsError>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            self.decoder.as_ref()?;
            let read = match self.body.next().await {
                Some(Ok(piece)) => self.piece(piece).map_err(|error| self.body.failed(error)),
                Some(Err(error)) => Err(error),
                None => self.end().map_err(|error| self.body.failed(error)),
            };
            if let Err(error) = read {
                self.decoder = None;
                self.ready.push_back(Err(error));
            }
        }
    }

    fn piece(&mut self, piece: Piece) -> Result<(), ElevenLabsError> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        let samples = decoder.push(&piece.audio)?;
        let heard_ms = self.samples as f64 * 1000.0 / f64::from(self.sample_rate);
        self.samples += samples.len() as u64;
        let alignment = piece.alignment.map(|alignment| from_start_of_piece(alignment, heard_ms));
        self.ready.extend(self.aligned.push(samples, alignment.as_ref()).map(Ok));
        Ok(())
    }

    /// The body is over; the sound is only when all of the text was in it.
    fn end(&mut self) -> Result<(), ElevenLabsError> {
        let samples = self.decoder.take().map(Decoder::finish).transpose()?.unwrap_or_default();
        self.samples += samples.len() as u64;
        self.ready.extend(self.aligned.push(samples, None).map(Ok));
        if self.samples == 0 {
            return Err(ElevenLabsError::Silent);
        }
        self.aligned.finish().map_err(|incomplete| ElevenLabsError::Incomplete { text_end: incomplete.text_end })
    }
}

/// Times from the start of a piece. Whether the service counts from there or from the start of the utterance is documented
/// nowhere for this endpoint, so the nearer of the two is taken.
fn from_start_of_piece(mut alignment: Alignment, heard_ms: f64) -> Alignment {
    let first = alignment.start_ms.first().copied().unwrap_or_default();
    if (first - heard_ms).abs() < first.abs() {
        alignment.start_ms.iter_mut().chain(&mut alignment.end_ms).for_each(|ms| *ms -= heard_ms);
    }
    alignment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_may_count_from_the_piece_or_from_the_utterance() {
        let times = |start_ms: &[f64]| Alignment { chars: vec![], start_ms: start_ms.into(), end_ms: start_ms.into() };
        for (given, heard) in [([0.0, 100.0], 0.0), ([0.0, 100.0], 2_000.0), ([2_000.0, 2_100.0], 2_000.0)] {
            let alignment = from_start_of_piece(times(&given), heard);
            assert_eq!((alignment.start_ms, alignment.end_ms), (vec![0.0, 100.0], vec![0.0, 100.0]));
        }
    }
}
