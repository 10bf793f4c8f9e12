//! The kind of voice that Silero publishes, `silero-1`: the contract of its model `v5_cis_base`.
//!
//! Input: ids of the symbols of a sentence between a start and an end symbol, `i64[1, T]`, and the id of a speaker,
//! `i64[1]`. Output: the whole sentence, `f32` at 48 kHz. The graph is not causal, so a sentence is the smallest step.
//! `training/silero_to_onnx.py` makes a package of the file that Silero publishes.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result, ensure};
use evervoice_core::tts::TtsError;
use serde::Deserialize;
use tract_onnx::prelude::tvec;
use unicode_normalization::UnicodeNormalization;

use crate::{
    engine::{Speaking, VoiceEngine},
    error::LoadError,
    graph::{Graph, floats, tensor},
    package::version,
};

/// `voice.json` of a `silero-1`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Manifest {
    name: String,
    languages: Vec<String>,
    /// Hz.
    sample_rate: u32,
    /// File of the graph.
    graph: String,
    start_id: i64,
    end_id: i64,
    /// Every character that the model reads.
    symbols: BTreeMap<char, i64>,
    speakers: BTreeMap<String, i64>,
    default_speaker: String,
    /// Whether the model reads lower-case letters only.
    #[serde(default)]
    lowercase: bool,
    /// Of all files of the package.
    #[serde(skip)]
    version: String,
}

pub(crate) struct SileroVoice {
    manifest: Manifest,
    graph: Arc<Graph>,
}

/// A run of so many characters is cut at the next space, and one of twice as many where it stands: it goes into the graph
/// at once, and nobody can cancel that.
const LONGEST_SENTENCE: usize = 400;

/// Characters that are neither letters nor digits but are read aloud.
const SPOKEN_SYMBOLS: &str = "%№$€£¥₽+=&@#°§<>×÷±";

impl SileroVoice {
    pub fn load(mut manifest: Manifest, read: impl Fn(&str) -> Result<Vec<u8>, LoadError>) -> Result<Self, LoadError> {
        if !manifest.speakers.contains_key(&manifest.default_speaker) {
            let what = format!("default_speaker {:?} is not among the speakers", manifest.default_speaker);
            return Err(LoadError::Unsupported(what));
        }
        if !(8_000..=48_000).contains(&manifest.sample_rate) {
            return Err(LoadError::Unsupported(format!("sample_rate is {} Hz", manifest.sample_rate)));
        }
        let graph = read(&manifest.graph)?;
        manifest.version = version(&[format!("{manifest:?}").as_bytes(), &graph]);
        let graph =
            Graph::load(&graph, &[&[Some(1), None], &[Some(1)]], &[]).with_context(|| manifest.graph.clone())?;
        Ok(Self { manifest, graph: Arc::new(graph) })
    }

    /// The ids of each sentence of a text.
    fn sentences(&self, text: &str) -> Result<Vec<Vec<i64>>, TtsError> {
        let mut sentences = vec![Vec::new()];
        let mut speakable = false;
        // A letter and its mark are one character of the table, also where they were typed as two.
        let composed: String = text.nfc().collect();
        let folded = if self.manifest.lowercase { composed.to_lowercase() } else { composed };
        let mut characters = folded.chars().peekable();
        while let Some(character) = characters.next() {
            let current = sentences.last().map_or(0, Vec::len);
            match self.manifest.symbols.get(&character) {
                Some(id) => {
                    speakable |= character.is_alphanumeric();
                    sentences.last_mut().into_iter().for_each(|ids| ids.push(*id));
                }
                // A word that is left out is sound that is lost.
                None if character.is_alphanumeric() || SPOKEN_SYMBOLS.contains(character) => {
                    return Err(TtsError::UnspeakableCharacter { character, voice: self.manifest.name.clone() });
                }
                None => {
                    let space = self.manifest.symbols.get(&' ').copied();
                    sentences.last_mut().into_iter().for_each(|ids| ids.extend(space));
                }
            }
            let ends =
                matches!(character, '.' | '!' | '?' | '…') && characters.peek().is_none_or(|c| c.is_whitespace());
            let long = current >= LONGEST_SENTENCE && character.is_whitespace();
            if ends || long || current >= 2 * LONGEST_SENTENCE {
                sentences.push(Vec::new());
            }
        }
        if !speakable {
            return Err(TtsError::NothingToSpeak);
        }
        let blank = self.manifest.symbols.get(&' ').copied();
        sentences.retain(|ids| ids.iter().any(|id| Some(*id) != blank));
        Ok(sentences)
    }
}

impl VoiceEngine for SileroVoice {
    fn names(&self) -> Vec<String> {
        // `v5` speaks with its default speaker, `v5/kseniya` with another.
        let named = self.manifest.speakers.keys().map(|speaker| format!("{}/{speaker}", self.manifest.name));
        [self.manifest.name.clone()].into_iter().chain(named).collect()
    }

    fn languages(&self) -> &[String] {
        &self.manifest.languages
    }

    fn sample_rate(&self) -> u32 {
        self.manifest.sample_rate
    }

    fn version(&self) -> &str {
        &self.manifest.version
    }

    fn begin(&self, text: &str, name: &str, speed: f32) -> Result<Box<dyn Speaking>, TtsError> {
        // The contract has no input for pace. To speak at another one than asked for would be a lie.
        if speed != 1.0 {
            return Err(TtsError::SpeedNotSupported { voice: self.manifest.name.clone(), lowest: 1.0, highest: 1.0 });
        }
        let speaker = name.split_once('/').map_or(self.manifest.default_speaker.as_str(), |(_, speaker)| speaker);
        let speaker = self.manifest.speakers.get(speaker).copied();
        let speaker = speaker.ok_or_else(|| TtsError::UnknownVoice { wanted: name.to_owned(), known: self.names() })?;
        Ok(Box::new(WholeSentences {
            graph: Arc::clone(&self.graph),
            sentences: self.sentences(text)?.into_iter(),
            frame: (self.manifest.start_id, self.manifest.end_id),
            speaker,
        }))
    }
}

struct WholeSentences {
    graph: Arc<Graph>,
    sentences: std::vec::IntoIter<Vec<i64>>,
    /// Start and end symbol.
    frame: (i64, i64),
    speaker: i64,
}

impl WholeSentences {
    fn speak(&self, sentence: &[i64]) -> Result<Vec<f32>> {
        let ids: Vec<i64> = [self.frame.0].iter().chain(sentence).chain(&[self.frame.1]).copied().collect();
        let inputs = tvec!(tensor(&[1, ids.len()], &ids)?, tensor(&[1], &[self.speaker])?);
        let outputs = self.graph.run(ids.len(), inputs)?;
        let samples = floats(outputs.first().context("the graph has no output")?)?;
        ensure!(samples.iter().all(|sample| sample.is_finite()), "the graph gave samples that are no numbers");
        Ok(samples.to_vec())
    }
}

impl Speaking for WholeSentences {
    fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, TtsError> {
        let Some(sentence) = self.sentences.next() else { return Ok(None) };
        let samples = self.speak(&sentence).map_err(|error| TtsError::Engine(error.into()))?;
        if samples.is_empty() {
            let nothing = anyhow::anyhow!("the graph gave no samples for a sentence of {} symbols", sentence.len());
            return Err(TtsError::Engine(nothing.into()));
        }
        Ok(Some(samples))
    }
}
