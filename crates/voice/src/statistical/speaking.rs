//! One utterance: sentence by sentence, window by window.

use std::sync::Arc;

use evervoice_core::tts::TtsError;
use evervoice_text::Phrase;

use super::{
    Shared,
    networks::Encoded,
    regulate::Layout,
    vocoder::{Frame, HOP, Vocoder},
};
use crate::engine::Speaking;

/// Silence between sentences, in frames of 5 ms, on top of the 120 ms that end one and the 40 ms that begin the next.
/// Together 280 ms, a calm reader's pause; without it sentences run into each other.
const BETWEEN_SENTENCES: usize = 24;

pub(super) struct SentenceBySentence {
    voice: Arc<Shared>,
    phrases: std::vec::IntoIter<Phrase>,
    speed: f64,
    current: Option<Sentence>,
    vocoder: Vocoder,
    spoken: bool,
}

/// A sentence that has been encoded and is being decoded.
struct Sentence {
    hidden: Vec<f32>,
    layout: Layout,
    /// Rows already decoded.
    done: usize,
}

impl SentenceBySentence {
    pub fn new(voice: Arc<Shared>, phrases: Vec<Phrase>, speed: f64) -> Self {
        let manifest = &voice.manifest;
        let vocoder = Vocoder::new(manifest.gain, manifest.noise_mod, manifest.noise_seed);
        Self { phrases: phrases.into_iter(), speed, current: None, vocoder, spoken: false, voice }
    }

    fn begin_sentence(&self, phrase: &Phrase) -> anyhow::Result<Sentence> {
        let Encoded { hidden, log_durations } = self.voice.networks.encode(&phrase.ids, &phrase.feats)?;
        let durations = self.durations(&log_durations);
        Ok(Sentence { hidden, layout: Layout::new(durations), done: 0 })
    }

    /// In frames of 5 ms: at least one each; the silence around a sentence does not depend on the network.
    fn durations(&self, log_durations: &[f32]) -> Vec<f64> {
        let manifest = &self.voice.manifest;
        let last = log_durations.len() - 1;
        let one = |(index, log): (usize, &f32)| match index {
            0 => manifest.lead_frames,
            _ if index == last => manifest.trail_frames,
            _ => (f64::from(*log).exp() / self.speed).clamp(1.0, LONGEST_SYMBOL.max(manifest.max_pause_frames)),
        };
        log_durations.iter().enumerate().map(one).collect()
    }

    fn window(&mut self, sentence: &mut Sentence) -> anyhow::Result<Vec<f32>> {
        let width = self.voice.manifest.hidden;
        let fill = |from, to| sentence.layout.fill(&sentence.hidden, width, from, to);
        let decoded = self.voice.networks.decode(sentence.done, sentence.layout.rows(), fill)?;
        let mut samples = Vec::with_capacity((decoded.to - sentence.done) * 2 * HOP);
        decoded.frames(|pitch, harmonic, noise, phase| {
            self.vocoder.frame(&Frame { pitch, harmonic, noise, phase }, &mut samples);
        })?;
        sentence.done = decoded.to;
        Ok(samples)
    }
}

/// No phone of speech is longer than this at half speed: 2 s in frames of 5 ms. A network that says so is broken, and
/// must not fill the memory.
const LONGEST_SYMBOL: f64 = 400.0;

impl Speaking for SentenceBySentence {
    fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, TtsError> {
        let engine = |error: anyhow::Error| TtsError::Engine(error.into());
        let mut samples = Vec::new();
        let mut sentence = match self.current.take() {
            Some(sentence) => sentence,
            None => {
                let Some(phrase) = self.phrases.next() else { return Ok(None) };
                if self.spoken {
                    self.vocoder.silence(BETWEEN_SENTENCES, &mut samples);
                }
                self.spoken = true;
                self.begin_sentence(&phrase).map_err(engine)?
            }
        };
        samples.extend(self.window(&mut sentence).map_err(engine)?);
        if sentence.done < sentence.layout.rows() {
            self.current = Some(sentence);
        }
        Ok(Some(samples))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;
    use crate::statistical::{Manifest, StatisticalFiles, StatisticalVoice, networks::Networks};

    fn files() -> StatisticalFiles<'static> {
        StatisticalFiles {
            encoder: include_bytes!("../../../../voices/en-us-slt/encoder.onnx").as_slice().into(),
            decoder: include_bytes!("../../../../voices/en-us-slt/decoder.onnx").as_slice().into(),
            overrides: include_str!("../../../../voices/en-us-slt/overrides.json").into(),
        }
    }

    fn manifest() -> Manifest {
        serde_json::from_str(include_str!("../../../../voices/en-us-slt/voice.json")).unwrap()
    }

    fn voice() -> &'static StatisticalVoice {
        static VOICE: OnceLock<StatisticalVoice> = OnceLock::new();
        VOICE.get_or_init(|| StatisticalVoice::load(manifest(), &files()).unwrap())
    }

    fn chunks(shared: Arc<Shared>, text: &str) -> Vec<Vec<f32>> {
        let phrases = voice().front_end.phrases(text).unwrap();
        let mut speaking = SentenceBySentence::new(shared, phrases, 1.0);
        std::iter::from_fn(|| speaking.next_chunk().unwrap()).collect()
    }

    const TEXTS: [&str; 4] = [
        "No.",
        "Hello there.",
        "The quick brown fox jumps over the lazy dog, and then it sleeps until the evening.",
        "Good morning. Is the meeting on Friday at ten thirty? Please call me back.",
    ];

    /// The windows change how the work is cut, not what comes out.
    #[test]
    fn chunked_output_equals_whole_output() {
        let whole = Networks::load(&manifest(), &files(), &[]).unwrap();
        let whole = Arc::new(Shared { manifest: manifest(), networks: whole });
        for text in TEXTS {
            let expected = chunks(Arc::clone(&whole), text).concat();
            let pieces = chunks(Arc::clone(&voice().shared), text);
            let chunked = pieces.concat();
            assert_eq!(chunked.len(), expected.len(), "{text}");
            let power = |of: &mut dyn Iterator<Item = f32>| of.map(|sample| f64::from(sample).powi(2)).sum::<f64>();
            let difference = power(&mut chunked.iter().zip(&expected).map(|(a, b)| a - b));
            let below = 10.0 * (power(&mut expected.iter().copied()) / difference).log10();
            // Kernels for known and unknown lengths add in another order, and other processors have other kernels: 93 dB and more lie
            // between them. A single row of context that is missing leaves 54 dB at best.
            assert!(below > 80.0, "{text}: the difference of chunked and whole is only {below:.1} dB below the sound");
            assert!(expected.iter().any(|sample| sample.abs() > 0.1), "{text}: silence");
        }
    }

    /// The first chunk is small, so that it is there soon; the others are not, so that there are few.
    #[test]
    fn a_sentence_comes_in_several_chunks_the_first_one_short() {
        let pieces = chunks(Arc::clone(&voice().shared), TEXTS[2]);
        assert!(pieces.len() > 3);
        assert_eq!(pieces[0].len(), 21 * 160);
        assert!(pieces.iter().all(|piece| !piece.is_empty()));
    }

    /// A click is a jump that the sound around it does not have. So the steps between samples at joins are held
    /// against the steps elsewhere near by.
    #[test]
    fn no_click_at_a_join() {
        for text in TEXTS {
            let pieces = chunks(Arc::clone(&voice().shared), text);
            let sound = pieces.concat();
            let steps: Vec<f32> = sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
            let mut join = 0;
            for piece in &pieces[..pieces.len() - 1] {
                join += piece.len();
                let around = join.saturating_sub(400)..(join + 400).min(steps.len());
                let usual = around.filter(|at| *at != join - 1).map(|at| steps[at]).fold(0.0, f32::max);
                assert!(steps[join - 1] <= usual * 1.5 + 1e-3, "{text}: a jump of {} at {join}", steps[join - 1]);
            }
        }
    }

    /// The end is silent, so nothing is cut off with the state of the vocoder.
    #[test]
    fn an_utterance_begins_and_ends_in_silence() {
        for text in TEXTS {
            let sound = chunks(Arc::clone(&voice().shared), text).concat();
            let peak = |samples: &[f32]| samples.iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs()));
            assert!(peak(&sound[..80]) < 0.02, "{text}: begins at {}", peak(&sound[..80]));
            assert!(peak(&sound[sound.len() - 160..]) < 0.02, "{text}: ends at {}", peak(&sound[sound.len() - 160..]));
        }
    }

    #[test]
    fn the_same_text_sounds_the_same_every_time() {
        let once = chunks(Arc::clone(&voice().shared), TEXTS[1]).concat();
        assert!(once == chunks(Arc::clone(&voice().shared), TEXTS[1]).concat());
    }
}
