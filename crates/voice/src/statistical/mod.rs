//! The built-in kind of voice, `statvoice-1`.
//!
//! Text → phones and features (`evervoice-text`) → encoder (durations) → [`regulate`] (a row per 10 ms) → decoder, in
//! windows → [`vocoder`] → samples. Each step is causal but for the decoder's look-ahead of 110 ms, so sound leaves
//! while the rest is still to be computed, and is the same as if it had been computed at once.

mod networks;
mod regulate;
mod speaking;
mod vocoder;

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use evervoice_core::tts::TtsError;
use evervoice_text::{FrontEnd, Lexicon, TextError, VoiceTables};
use serde::Deserialize;

use self::{networks::Networks, speaking::SentenceBySentence};
use crate::{
    engine::{Speaking, VoiceEngine},
    error::LoadError,
};

/// `voice.json` of a `statvoice-1`. Fields that only the training scripts need are not read.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Manifest {
    pub name: String,
    /// Hz.
    pub sample_rate: u32,
    /// Samples of a vocoder frame (5 ms).
    pub hop: usize,
    pub n_fft: usize,
    /// Phone symbols; their places are the ids.
    pub symbols: Vec<String>,
    /// Features of a symbol.
    pub n_feats: usize,
    /// Width of the encoder's output.
    pub hidden: usize,
    /// Position features of a row.
    pub n_pos: usize,
    /// Rows that the decoder looks ahead and back.
    pub decoder_lookahead_frames: usize,
    /// Length of the first and last symbol, in frames of 5 ms.
    pub lead_frames: f64,
    pub trail_frames: f64,
    /// Longest pause between clauses, in frames of 5 ms.
    pub max_pause_frames: f64,
    /// Factor from the vocoder's scale to full scale ±1.
    pub gain: f64,
    pub noise_seed: u32,
    pub noise_mod: f64,
    pub function_words: HashSet<String>,
    pub yesno_starters: HashSet<String>,
    /// Of all files of the package.
    #[serde(skip)]
    pub version: String,
}

/// The files of a package.
pub(crate) struct StatisticalFiles<'a> {
    pub encoder: Cow<'a, [u8]>,
    pub decoder: Cow<'a, [u8]>,
    pub overrides: Cow<'a, str>,
}

pub(crate) struct StatisticalVoice {
    languages: Vec<String>,
    front_end: FrontEnd,
    shared: Arc<Shared>,
}

/// What every utterance of the voice needs.
pub(crate) struct Shared {
    manifest: Manifest,
    networks: Networks,
}

impl StatisticalVoice {
    pub fn load(manifest: Manifest, files: &StatisticalFiles) -> Result<Self, LoadError> {
        manifest.check().map_err(LoadError::Unsupported)?;
        let lexicon = Lexicon::builtin()
            .with_overrides(&files.overrides)
            .map_err(|error| LoadError::Unsupported(format!("overrides.json: {error}")))?;
        let tables = VoiceTables {
            symbols: manifest.symbols.clone(),
            function_words: manifest.function_words.clone(),
            yesno_starters: manifest.yesno_starters.clone(),
        };
        let front_end = FrontEnd::new(lexicon, tables).map_err(|error| LoadError::Unsupported(error.to_string()))?;
        let networks = Networks::load(&manifest, files, &networks::WINDOWS)?;
        Ok(Self { languages: vec!["en".to_owned()], front_end, shared: Arc::new(Shared { manifest, networks }) })
    }
}

impl Manifest {
    /// The vocoder and the regulator are written for one geometry; another one is another format.
    fn check(&self) -> Result<(), String> {
        let expected = [
            ("sample_rate", self.sample_rate as usize, 16_000),
            ("hop", self.hop, vocoder::HOP),
            ("n_fft", self.n_fft, vocoder::FFT),
            ("n_pos", self.n_pos, regulate::POSITIONS),
            ("n_feats", self.n_feats, evervoice_text::FEATURES),
        ];
        match expected.iter().find(|(_, is, must)| is != must) {
            None => Ok(()),
            Some((name, is, must)) => Err(format!("{name} is {is}; statvoice-1 has {must}")),
        }
    }
}

impl VoiceEngine for StatisticalVoice {
    fn names(&self) -> Vec<String> {
        vec![self.shared.manifest.name.clone()]
    }

    fn languages(&self) -> &[String] {
        &self.languages
    }

    fn sample_rate(&self) -> u32 {
        self.shared.manifest.sample_rate
    }

    fn version(&self) -> &str {
        &self.shared.manifest.version
    }

    fn begin(&self, text: &str, _name: &str, speed: f32) -> Result<Box<dyn Speaking>, TtsError> {
        let phrases = self.front_end.phrases(text).map_err(|error| match error {
            TextError::NothingToSpeak => TtsError::NothingToSpeak,
            TextError::UnsupportedScript { script, sample } => TtsError::LanguageNotSupported {
                what: format!("the word {sample:?} in {script} script"),
                supported: self.languages.clone(),
            },
        })?;
        Ok(Box::new(SentenceBySentence::new(Arc::clone(&self.shared), phrases, f64::from(speed))))
    }
}
