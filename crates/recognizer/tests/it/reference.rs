//! Our steps, threads and jobs change nothing: the same words, times and confidences as libvosk in a plain loop.

use std::time::Duration;

use evervoice_recognizer::{EngineSettings, STEP_SAMPLES};
use vosk::{DecodingState, Model, Recognizer};

use crate::support::{clip, engine, engine_with, repository, request, text, transcribe, transcripts};

/// Word, start and end in seconds, confidence.
type Words = Vec<(String, f32, f32, f32)>;

/// libvosk as its own examples use it.
fn plain(model: &Model, samples: &[i16], step: usize) -> (String, Words) {
    let mut recognizer = Recognizer::new(model, 16_000.0).unwrap();
    recognizer.set_words(true);
    let (mut texts, mut words) = (vec![], vec![]);
    let mut take = |result: vosk::CompleteResult<'_>| {
        let result = result.single().unwrap();
        texts.push(result.text.to_owned());
        words.extend(result.result.iter().map(|word| (word.word.to_owned(), word.start, word.end, word.conf)));
    };
    for part in samples.chunks(step) {
        if recognizer.accept_waveform(part).unwrap() == DecodingState::Finalized {
            take(recognizer.result());
        }
    }
    take(recognizer.final_result());
    texts.retain(|text| !text.is_empty());
    (texts.join(" "), words)
}

fn model() -> Model {
    vosk::set_log_level(vosk::LogLevel::Error);
    Model::new(repository("models/asr-en").to_str().unwrap()).unwrap()
}

#[tokio::test]
async fn words_times_and_confidences_are_those_of_a_plain_loop() {
    let (engine, model) = (engine(), model());
    for (name, _) in transcripts() {
        let samples = clip(&name);
        let (text_expected, words_expected) = plain(&model, &samples, STEP_SAMPLES);
        let utterances = engine.transcribe(request(), samples).await.unwrap();
        assert_eq!(text(&utterances), text_expected, "{name}");
        let words: Vec<_> = utterances.iter().flat_map(|said| &said.segments).collect();
        assert_eq!(words.len(), words_expected.len(), "{name}");
        for (ours, (word, start, end, confidence)) in words.into_iter().zip(words_expected) {
            assert_eq!(ours.text, word);
            assert!((ours.start_ms as f32 - start * 1000.0).abs() <= 0.51, "{name}: {ours:?} {start}");
            assert!((ours.end_ms as f32 - end * 1000.0).abs() <= 0.51, "{name}: {ours:?} {end}");
            assert_eq!(ours.confidence, confidence.clamp(0.0, 1.0));
        }
    }
}

#[tokio::test]
async fn the_text_is_that_of_one_whole_call() {
    let (engine, model) = (engine(), model());
    for (name, _) in transcripts() {
        let samples = clip(&name);
        let (expected, _) = plain(&model, &samples, samples.len());
        assert_eq!(transcribe(&engine, request(), samples).await.unwrap(), expected, "{name}");
    }
}

#[tokio::test]
async fn eight_threads_hear_the_same() {
    let settings = EngineSettings { threads: 8, queue: 0, streams: 0, retry_after: Duration::from_secs(1) };
    let engine = engine_with(settings);
    let alone = engine.transcribe(request(), clip("weather")).await.unwrap();
    for _ in 0..3 {
        let together = (0..8).map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.transcribe(request(), clip("weather")).await })
        });
        for one in together.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap().unwrap(), alone);
        }
    }
}
