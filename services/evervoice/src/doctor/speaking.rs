//! One provider speaks one sentence, alone.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use evervoice_asr::{Recognition, Sound};
use evervoice_core::{
    asr::{AsrError, RECOGNIZER_SAMPLE_RATE},
    audio::{StreamResampler, chunk::to_i16},
    fault::{Retry, with_sources},
    tts::{ProviderFailure, SpeechLimits, SpeechRequest, TtsError, TtsProvider, language_matches},
};
use evervoice_models::BUILTIN;
use evervoice_tts::{TtsSettings, config::ProviderName, provider};
use futures_util::StreamExt;

use super::{
    level::Level,
    mending::{mend, tell},
    report::{Heard, Line, State},
    sentences::{self, Sentence},
    words,
};

/// Longest time for a sentence, connection included: longer than the limits of the providers, which tell more.
const PATIENCE: Duration = Duration::from_secs(30);
/// Word error rates: more than this is worth a look …
const DOUBTFUL: f64 = 0.3;
/// … and with more than this it was another sentence, or none.
const NOTHING_LIKE_IT: f64 = 0.8;

/// The provider's name in the report.
pub fn label(name: ProviderName) -> &'static str {
    match name {
        ProviderName::ElevenLabsWs => "elevenlabs_ws",
        ProviderName::ElevenLabsHttp => "elevenlabs_http",
        ProviderName::Local => "local",
    }
}

/// Lets a provider speak a sentence in each language that it has a voice for: a line each.
pub async fn examine(name: ProviderName, settings: &TtsSettings, recognition: Option<&Recognition>) -> Vec<Line> {
    let mut alone = settings.clone();
    // No sockets in the background and no second attempts: what fails is told as it is, at once.
    alone.elevenlabs.pool_size = 0;
    alone.elevenlabs.http_max_retries = 0;
    alone.elevenlabs.rewarm_after_idle_sec = None;
    let provider = match provider(name, &alone).await {
        Ok(provider) => provider,
        Err(error) => {
            let mend = "mend it in tts_config.yml; `evervoice models list` shows what can be had";
            return vec![Line::broken(label(name), with_sources(&*error), mend)];
        }
    };
    let sentences = sentences::of(&*provider);
    if sentences.is_empty() {
        let wrong = "its voices speak neither English nor Russian, and there is no sentence in another language here";
        return vec![Line::warning(label(name), wrong, "try it by POST /api/tts")];
    }
    let mut lines = Vec::new();
    let mut note = None;
    if !provider.is_local() {
        // Connects, as the service does before anybody asks.
        match speak(&provider, &alone, (sentences[0].0, &alone.elevenlabs.warm_text)).await {
            Ok(cold) => note = Some(format!("{:.0} ms with the connection", cold.first_audio_ms)),
            Err(error) => return vec![Line::broken(label(name), tell(&error), mend(name, &error))],
        }
    }
    for sentence in sentences {
        let part = format!("{} {}", label(name), sentence.0);
        let mut line = match speak(&provider, &alone, sentence).await {
            Ok(spoken) => judge(part, sentence, spoken, settings, recognition).await,
            Err(error) => Line::broken(part, tell(&error), mend(name, &error)),
        };
        line.note = note.take();
        lines.push(line);
    }
    lines
}

struct Spoken {
    first_audio_ms: f64,
    sample_rate: u32,
    samples: Vec<i16>,
    local: bool,
}

async fn speak(
    provider: &Arc<dyn TtsProvider>,
    settings: &TtsSettings,
    (language, text): (&str, &str),
) -> Result<Spoken, TtsError> {
    let limits = SpeechLimits { max_chars: settings.speech.max_chars.max(text.len()) };
    let request = SpeechRequest::new(text.to_owned(), None, Some(language.to_owned()), None, limits)?.with_id("doctor");
    let began = Instant::now();
    let spoken = async {
        let mut stream = provider.speak(request).await?;
        let first_audio_ms = began.elapsed().as_secs_f64() * 1000.0;
        let mut samples = Vec::new();
        while let Some(chunk) = stream.chunks.next().await {
            samples.extend(chunk?.samples);
        }
        Ok(Spoken { first_audio_ms, sample_rate: stream.sample_rate, samples, local: provider.is_local() })
    };
    tokio::time::timeout(PATIENCE, spoken).await.unwrap_or_else(|_| {
        Err(TtsError::Provider {
            provider: provider.name(),
            failure: ProviderFailure::Timeout,
            retry: Retry::Fresh,
            source: format!("not spoken within {} s", PATIENCE.as_secs()).into(),
        })
    })
}

/// What is wrong with what was spoken.
async fn judge(
    part: String,
    (language, text): Sentence,
    spoken: Spoken,
    settings: &TtsSettings,
    recognition: Option<&Recognition>,
) -> Line {
    let level = Level::of(&spoken.samples);
    let length_ms = spoken.samples.len() as u64 * 1000 / u64::from(spoken.sample_rate.max(1));
    let mut line = Line::new(part);
    if level.is_silent() {
        line = line.with(State::Broken, "silence", "another voice, model or output format; the text went through");
    } else if level.is_quiet() {
        line = line.with(State::Warning, "very quiet", "another voice");
    }
    if level.is_clipped() {
        line = line.with(State::Warning, "distorted: too loud", "another voice, or voice_use_speaker_boost: false");
    }
    let limit_ms = settings.speech.first_audio_timeout * 1000.0;
    if !spoken.local && spoken.first_audio_ms > limit_ms {
        let wrong = format!("the service gives it up after {limit_ms:.0} ms");
        line = line.with(State::Broken, wrong, "a faster model or address, or a larger speech.first_audio_timeout");
    }
    let heard = match recognition.filter(|known| language_matches(known.language(), language)) {
        Some(recognition) => recognise(recognition, &spoken).await.map(Some),
        None => Ok(None),
    };
    let recognised = heard.unwrap_or_else(|error| {
        let part = line.part.clone();
        let before = std::mem::replace(&mut line, Line::new(part));
        line = before.with(State::Broken, with_sources(&error), "look at the recogniser's model");
        None
    });
    let word_error_rate = recognised.as_deref().map(|heard| words::error_rate(text, heard));
    if let (Some(heard), Some(rate)) = (&recognised, word_error_rate)
        && rate > DOUBTFUL
    {
        let (state, wrong) = match rate > NOTHING_LIKE_IT {
            true => (State::Broken, format!("nothing like {text:?} was recognised, but {heard:?}")),
            false => (State::Warning, format!("{heard:?} was recognised instead of {text:?}")),
        };
        let mend = match recognition.is_some_and(|known| known.model_name() == BUILTIN) {
            true => {
                "listen to it by POST /api/tts; for voices of people get one of Vosk's models: evervoice models list"
            }
            false => "listen to it by POST /api/tts",
        };
        line = line.with(state, wrong, mend);
    }
    line.heard = Some(Heard {
        sentence: text.to_owned(),
        first_audio_ms: spoken.first_audio_ms,
        length_ms,
        level_dbfs: level.rms,
        peak_dbfs: level.peak,
        recognised,
        word_error_rate,
    });
    line
}

async fn recognise(recognition: &Recognition, spoken: &Spoken) -> Result<String, AsrError> {
    let floats: Vec<f32> = spoken.samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let mut resampler = StreamResampler::new(spoken.sample_rate, RECOGNIZER_SAMPLE_RATE);
    let mut resampled = Vec::new();
    resampler.push(&floats, &mut resampled);
    resampler.finish(&mut resampled);
    let samples: Vec<i16> = resampled.into_iter().map(to_i16).collect();
    let duration_seconds = samples.len() as f64 / f64::from(RECOGNIZER_SAMPLE_RATE);
    Ok(recognition.transcribe(Sound { samples, duration_seconds }, None).await?.text)
}
