//! The stock: phrases that are rendered before anybody asks, so that they are at hand when they are needed: what is said while
//! an answer is on its way, texts that are often spoken, and what is said when nobody can speak.
//!
//! - here: what is asked for; everything is answered from memory, at once
//! - `choose`: which filler, by language and by what the caller said
//! - `recording`: the sound of one phrase, in every format
//! - `keeper`: renders what is missing, in the background; `store`: keeps it on disk

mod choose;
mod keeper;
mod recording;
mod store;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use evervoice_core::{
    api::FillerContext,
    audio::OutputFormat,
    tts::{SpeechRequest, language_matches},
};

pub(crate) use keeper::Keeper;
use recording::{Recording, stored};

use crate::{config::StockSettings, speech::Sound};

/// A phrase of the stock, ready to be heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// What is said.
    pub text: String,
    /// Who says it.
    pub provider: &'static str,
    /// What the bytes are.
    pub format: OutputFormat,
    /// All of it. For [`OutputFormat::Wav`] its samples only: there is no header.
    pub sound: Bytes,
}

/// The phrases that settings name, and the sound of those that have one.
#[derive(Default)]
pub struct Stock {
    items: Vec<Item>,
    by_text: HashMap<String, Vec<usize>>,
    /// By language: after a question, after a request, after anything else.
    fillers: BTreeMap<String, [Vec<usize>; 3]>,
    outage: BTreeMap<String, usize>,
    /// The formats that sound is kept in; the first one is PCM, and the others are made of it.
    formats: Vec<OutputFormat>,
    /// Counts fillers, so that they take turns.
    turn: AtomicUsize,
}

/// A text in a language.
struct Item {
    language: String,
    text: String,
    recording: RwLock<Option<Arc<Recording>>>,
}

impl Item {
    fn recording(&self) -> Option<Arc<Recording>> {
        self.recording.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, recording: Recording) {
        *self.recording.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(recording));
    }
}

impl Stock {
    /// A stock of what settings name, without any sound yet: that is for a [`Keeper`].
    pub fn new(settings: &StockSettings) -> Self {
        let mut stock = Self { formats: stored(&settings.formats), ..Self::default() };
        if !settings.enabled {
            return stock;
        }
        for (language, fillers) in &settings.fillers {
            let lists = [&fillers.question, &fillers.request, &fillers.hesitation];
            let lists = lists.map(|texts| texts.iter().filter_map(|text| stock.add(language, text)).collect());
            stock.fillers.insert(language.clone(), lists);
        }
        for (language, texts) in &settings.pinned {
            for text in texts {
                stock.add(language, text);
            }
        }
        for (language, text) in &settings.outage {
            if let Some(item) = stock.add(language, text) {
                stock.outage.insert(language.clone(), item);
            }
        }
        stock
    }

    /// The place of a text, which is new or known; `None` for an empty one.
    fn add(&mut self, language: &str, text: &str) -> Option<usize> {
        let text = Some(text.trim()).filter(|text| !text.is_empty())?;
        let places = self.by_text.entry(text.to_owned()).or_default();
        if let Some(known) = places.iter().find(|at| self.items[**at].language == language) {
            return Some(*known);
        }
        places.push(self.items.len());
        let (language, text) = (language.to_owned(), text.to_owned());
        self.items.push(Item { language, text, recording: RwLock::default() });
        Some(self.items.len() - 1)
    }

    /// Something to say while an answer is on its way. Immediate.
    ///
    /// - `language`: the tag given; where there is none, a language of the script of `said`, English first. There is no filler
    ///   in another language than the caller's.
    /// - `context`: as given; where there is none, `said`, the caller's last words, tells.
    /// - `last`: the filler before this one, which is not said again unless there is no other.
    pub fn filler(
        &self,
        language: Option<&str>,
        context: Option<FillerContext>,
        said: Option<&str>,
        last: Option<&str>,
        format: OutputFormat,
    ) -> Option<Pinned> {
        let context = context.unwrap_or_else(|| said.map_or(FillerContext::Hesitation, choose::context));
        let preferred = match context {
            FillerContext::Question => 0,
            FillerContext::Request => 1,
            FillerContext::Hesitation => 2,
        };
        let ready = |item: &&usize| self.items[**item].recording().is_some();
        for tag in choose::languages(self.fillers.keys().map(String::as_str), language, said) {
            let lists = &self.fillers[tag];
            let fitting: Vec<usize> = lists[preferred].iter().filter(ready).copied().collect();
            let any: Vec<usize> = lists.iter().flatten().filter(ready).copied().collect();
            let others = |items: &[usize]| {
                let fresh = items.iter().filter(|item| last != Some(self.items[**item].text.as_str()));
                fresh.copied().collect::<Vec<usize>>()
            };
            let choice = [others(&fitting), others(&any), any].into_iter().find(|items| !items.is_empty());
            if let Some(items) = choice {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                return self.at(items[turn % items.len()], format);
            }
        }
        None
    }

    /// What is said when nobody can speak: in this language, else in English, else in any.
    pub fn outage(&self, language: Option<&str>, format: OutputFormat) -> Option<Pinned> {
        let tags = self.outage.keys().map(String::as_str);
        let mut tags: Vec<&str> = choose::languages(tags, None, None);
        tags.sort_by_key(|tag| !language.is_some_and(|wanted| language_matches(tag, wanted)));
        tags.into_iter().find_map(|tag| self.at(self.outage[tag], format))
    }

    /// A text of the stock; in any language where none is given.
    #[cfg(test)]
    pub fn pinned(&self, text: &str, language: Option<&str>, format: OutputFormat) -> Option<Pinned> {
        self.places(text, language).find_map(|at| self.at(at, format))
    }

    /// The sound that a request asks for. With a `rendering` only sound of that rendering, else any.
    pub(crate) fn sound(&self, request: &SpeechRequest, rendering: Option<&str>) -> Option<Arc<Sound>> {
        if request.speed() != 1.0 {
            return None;
        }
        let mut recordings =
            self.places(request.text(), request.language()).filter_map(|at| self.items[at].recording());
        let recording = recordings.find(|recording| rendering.is_none_or(|wanted| recording.rendering == wanted))?;
        Some(Arc::clone(&recording.sound))
    }

    fn places(&self, text: &str, language: Option<&str>) -> impl Iterator<Item = usize> {
        let places = self.by_text.get(text.trim()).into_iter().flatten().copied();
        places.filter(move |at| language.is_none_or(|wanted| language_matches(&self.items[*at].language, wanted)))
    }

    fn at(&self, at: usize, format: OutputFormat) -> Option<Pinned> {
        let item = &self.items[at];
        let recording = item.recording()?;
        let (text, provider, sound) = (item.text.clone(), recording.sound.provider, recording.encoded(format));
        Some(Pinned { text, provider, format, sound })
    }
}
