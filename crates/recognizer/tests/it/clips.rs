//! What is said in the clips comes out, with believable times.

use evervoice_core::{asr::Segment, audio::StreamResampler};
use evervoice_recognizer::{ModelSource, RecognizerEngine};

use crate::support::{clip, engine, repository, request, text, transcribe, transcripts};

#[tokio::test]
async fn every_clip_comes_out_word_for_word() {
    let engine = engine();
    let transcripts = transcripts();
    assert_eq!(transcripts.len(), 10);
    for (name, texts) in transcripts {
        let heard = transcribe(&engine, request(), clip(&name)).await.unwrap();
        assert_eq!(heard, texts.join(" "), "{name}");
    }
}

#[tokio::test]
async fn silence_is_no_words() {
    let utterances = engine().transcribe(request(), clip("silence")).await.unwrap();
    assert!(utterances.iter().all(|said| said.text.is_empty() && said.segments.is_empty()), "{utterances:?}");
}

#[tokio::test]
async fn no_sound_at_all_is_no_words() {
    assert_eq!(transcribe(&engine(), request(), vec![]).await.unwrap(), "");
}

#[tokio::test]
async fn a_pause_ends_an_utterance() {
    let mut session = engine().session(request()).await.unwrap();
    let mut utterances = session.accept(clip("two_parts")).await.unwrap().utterances;
    utterances.push(session.finish().await.unwrap());
    let texts: Vec<&str> = utterances.iter().map(|said| said.text.as_str()).filter(|text| !text.is_empty()).collect();
    assert_eq!(texts, ["good morning how are you today", "please open the door"]);
}

#[tokio::test]
async fn partial_words_come_before_the_pause() {
    let mut session = engine().session(request()).await.unwrap();
    let partial = session.accept(clip("fox")[..24_000].to_vec()).await.unwrap().partial;
    assert!(partial.starts_with("the quick brown"), "{partial:?}");
}

#[tokio::test]
async fn words_follow_one_another_within_the_clip() {
    let engine = engine();
    for (name, texts) in transcripts() {
        let samples = clip(&name);
        let length_ms = samples.len() as u64 / 16;
        let utterances = engine.transcribe(request(), samples).await.unwrap();
        let segments: Vec<Segment> = utterances.into_iter().flat_map(|said| said.segments).collect();
        let words: Vec<&str> = segments.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(words.join(" "), texts.join(" "), "{name}");
        let mut before = 0;
        for word in &segments {
            assert!(before <= word.start_ms && word.start_ms < word.end_ms, "{name}: {word:?} after {before}");
            assert!((0.0..=1.0).contains(&word.confidence), "{name}: {word:?}");
            before = word.end_ms;
        }
        // The last frame of the network may reach a little past the last sample.
        assert!(before <= length_ms + 60, "{name}: ends at {before} of {length_ms} ms");
    }
}

#[tokio::test]
async fn telephone_sound_is_understood_after_resampling() {
    for name in ["digits", "lights", "fox"] {
        let samples: Vec<f32> = clip(name).into_iter().map(|sample| f32::from(sample) / 32_768.0).collect();
        let narrow = resample(&samples, 16_000, 8_000);
        assert_eq!(narrow.len(), samples.len().div_ceil(2));
        let wide = resample(&narrow, 8_000, 16_000);
        let wide = wide.into_iter().map(evervoice_core::audio::chunk::to_i16).collect();
        let expected = transcripts().into_iter().find(|(row, _)| row == name).unwrap().1.join(" ");
        assert_eq!(transcribe(&engine(), request(), wide).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn the_same_model_from_its_directory_hears_the_same() {
    let source = ModelSource::Directory(repository("models/asr-en"));
    let from_disk = RecognizerEngine::load(&source, engine().settings()).unwrap();
    for name in ["hello", "meeting"] {
        let builtin = engine().transcribe(request(), clip(name)).await.unwrap();
        let other = from_disk.transcribe(request(), clip(name)).await.unwrap();
        assert_eq!(builtin, other);
        assert!(!text(&other).is_empty());
    }
}

fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    let (mut out, mut resampler) = (vec![], StreamResampler::new(from, to));
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    out
}
