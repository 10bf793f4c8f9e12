//! Clips, their transcripts, and an engine to try them on.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use evervoice_core::asr::{AsrError, Utterance};
use evervoice_recognizer::{EngineSettings, Grammar, ModelSource, RecognizerEngine, SessionKind, SessionOptions};

/// A directory of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Samples of a clip, mono at 16 kHz.
pub fn clip(name: &str) -> Vec<i16> {
    let path = repository("testdata/asr").join(name).with_extension("wav");
    let reader = hound::WavReader::open(path).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (1, 16_000));
    reader.into_samples().map(Result::unwrap).collect()
}

/// Name of each clip and what is said in it, one text per utterance.
pub fn transcripts() -> Vec<(String, Vec<String>)> {
    let table = fs::read_to_string(repository("testdata/asr/transcripts.tsv")).unwrap();
    let rows = table.lines().map(|line| {
        let mut columns = line.split('\t');
        let name = columns.next().unwrap().to_owned();
        let texts = columns.nth(1).unwrap_or_default().split('|').filter(|text| !text.is_empty());
        (name, texts.map(str::to_owned).collect())
    });
    rows.collect()
}

pub fn engine() -> RecognizerEngine {
    engine_with(EngineSettings { threads: 2, queue: 8, streams: 4, retry_after: Duration::from_secs(1) })
}

pub fn engine_with(settings: EngineSettings) -> RecognizerEngine {
    RecognizerEngine::load(&ModelSource::BuiltIn, settings).unwrap()
}

/// Options of a request without a grammar and with plenty of time.
pub fn request() -> SessionOptions {
    SessionOptions { kind: SessionKind::Request, grammar: None, budget: Duration::from_secs(60) }
}

pub fn limited_to(grammar: &str) -> SessionOptions {
    SessionOptions { grammar: Some(Grammar::parse(grammar).unwrap()), ..request() }
}

pub async fn transcribe(
    engine: &RecognizerEngine,
    options: SessionOptions,
    samples: Vec<i16>,
) -> Result<String, AsrError> {
    let utterances = engine.transcribe(options, samples).await?;
    Ok(text(&utterances))
}

/// All words of all utterances.
pub fn text(utterances: &[Utterance]) -> String {
    let texts: Vec<&str> = utterances.iter().map(|said| said.text.as_str()).filter(|text| !text.is_empty()).collect();
    texts.join(" ")
}
