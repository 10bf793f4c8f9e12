//! Renders what the stock lacks, in the background, one phrase at a time.
//!
//! A phrase is best by the provider in front. While that one is down, the next one gives it a sound, and the front is asked
//! again later, with growing pauses. What was kept on disk is heard meanwhile, whichever voice spoke it.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use evervoice_core::{
    fault::Fault,
    tts::{ProviderFailure, SpeechLimits, SpeechRequest, TtsError},
};

use super::{
    Item, Stock,
    recording::Recording,
    store::{Kept, Store},
};
use crate::{events::Events, speech::Chain};

/// Before the provider in front is asked again, the first time; each time twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause: a provider that comes back is asked within so long, and one that never does costs little.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Phrases that may be rendered before they are saved: rendering may cost money.
const UNSAVED: usize = 16;

/// Keeps a stock filled.
pub(crate) struct Keeper {
    stock: Arc<Stock>,
    chain: Arc<Chain>,
    /// `None` for memory alone.
    store: Option<Store>,
    events: Events,
    limits: SpeechLimits,
    /// Languages of which it was said that nobody speaks them.
    unspoken: BTreeSet<String>,
    unsaved: usize,
}

impl Keeper {
    /// A keeper of this stock, which is rendered by these providers and kept in `dir`.
    pub fn new(
        stock: Arc<Stock>,
        chain: Arc<Chain>,
        dir: Option<PathBuf>,
        limits: SpeechLimits,
        events: Events,
    ) -> Self {
        let store = dir.map(|dir| Store::new(dir, stock.formats.clone()));
        Self { stock, chain, store, events, limits, unspoken: BTreeSet::new(), unsaved: 0 }
    }

    /// Works until every phrase has the sound that it should have, as far as anybody can make it.
    pub async fn run(mut self) {
        if self.stock.items.is_empty() {
            return;
        }
        let mut waiting = self.load().await;
        let mut pause = FIRST_PAUSE;
        loop {
            waiting = self.render(waiting).await;
            self.save().await;
            if waiting.is_empty() {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Takes what is kept on disk. Gives the places of the phrases that are to be rendered.
    async fn load(&mut self) -> Vec<usize> {
        let stock = Arc::clone(&self.stock);
        let all = (0..stock.items.len()).collect();
        let Some(mut store) = self.store.take() else { return all };
        let wanted: Vec<_> = stock.items.iter().map(|item| (item.language.clone(), item.text.clone())).collect();
        let providers = self.chain.names();
        let loading = tokio::task::spawn_blocking(move || {
            let loaded = store.load(&wanted, &providers);
            (store, loaded)
        });
        let Ok((store, (loaded, wrong))) = loading.await else { return all };
        self.store = Some(store);
        for error in wrong {
            self.events.stock_dir(&error);
        }
        let mut waiting = Vec::new();
        for (at, (item, recording)) in stock.items.iter().zip(loaded).enumerate() {
            let fits = recording.as_ref().is_some_and(|recording| self.fits(item, recording));
            if let Some(recording) = recording {
                self.events.stock("loaded", &item.language, &item.text, None);
                item.record(recording);
            }
            if !fits {
                waiting.push(at);
            }
        }
        waiting
    }

    /// Whether a recording is what the provider in front would make.
    fn fits(&self, item: &Item, recording: &Recording) -> bool {
        let request = self.request(item);
        request.is_some_and(|request| {
            let front = self.chain.renderings(&request).next();
            front.is_some_and(|(_, rendering)| rendering == recording.rendering)
        })
    }

    fn request(&self, item: &Item) -> Option<SpeechRequest> {
        let (text, language) = (item.text.clone(), Some(item.language.clone()));
        let request = SpeechRequest::new(text, None, language, None, self.limits);
        let request = request.inspect_err(|error| self.failed(item, &error.to_string()));
        Some(request.ok()?.with_id("stock"))
    }

    fn failed(&self, item: &Item, error: &str) {
        self.events.stock("failed", &item.language, &item.text, Some(error));
    }

    /// Renders these phrases. Gives those for which the provider in front is to be asked again.
    async fn render(&mut self, waiting: Vec<usize>) -> Vec<usize> {
        let stock = Arc::clone(&self.stock);
        let (mut down, mut again) = (BTreeSet::new(), Vec::new());
        for at in waiting {
            let item = &stock.items[at];
            let Some(request) = self.request(item) else { continue };
            if self.render_one(item, &request, &mut down).await {
                again.push(at);
            }
            if self.unsaved >= UNSAVED {
                self.save().await;
            }
        }
        again
    }

    /// Renders a phrase, by the first who can. Whether a better voice is to be asked again; those that fail are `down`.
    async fn render_one(&mut self, item: &Item, request: &SpeechRequest, down: &mut BTreeSet<usize>) -> bool {
        let (mut failed, mut refusal) = (false, None);
        let renderings: Vec<(usize, String)> = self.chain.renderings(request).collect();
        for (link, rendering) in renderings {
            if down.contains(&link) {
                failed = true;
                continue;
            }
            let there = item.recording();
            // Another voice is better than silence, and not better than what there is.
            if there.is_some_and(|there| failed || there.rendering == rendering) {
                return failed;
            }
            match self.chain.render(link, request).await {
                Ok(sound) => {
                    item.record(Recording::new(rendering, sound, &self.stock.formats));
                    self.events.stock("rendered", &item.language, &item.text, None);
                    self.unsaved += 1;
                    return failed;
                }
                // It would be refused again; of other texts that says nothing.
                Err(error) if refuses_text(&error) => refusal = Some(error),
                Err(error) => {
                    self.failed(item, &error.to_string());
                    down.insert(link);
                    failed = true;
                }
            }
        }
        if !failed && item.recording().is_none() && self.unspoken.insert(item.language.clone()) {
            let why = refusal.map(|error| error.to_string());
            self.events.stock_unspoken(&item.language, &item.text, why.as_deref());
        }
        failed
    }

    /// Writes what there is to disk.
    async fn save(&mut self) {
        self.unsaved = 0;
        let Some(mut store) = self.store.take() else { return };
        let stock = Arc::clone(&self.stock);
        let saving = tokio::task::spawn_blocking(move || {
            let recordings: Vec<_> = stock.items.iter().map(|item| (item, item.recording())).collect();
            let kept = recordings.iter().filter_map(|(item, recording)| {
                Some(Kept { language: &item.language, text: &item.text, recording: recording.as_deref()? })
            });
            let saved = store.save(&kept.collect::<Vec<_>>());
            (store, saved)
        });
        match saving.await {
            Ok((store, Ok(()))) => self.store = Some(store),
            // A directory that cannot be written now is left alone until the next start: memory does as well.
            Ok((_, Err(error))) => self.events.stock_dir(&error.to_string()),
            Err(error) => self.events.stock_dir(&error.to_string()),
        }
    }
}

/// Whether a provider does not speak this text, whenever it is asked.
fn refuses_text(error: &TtsError) -> bool {
    let rejected = matches!(error, TtsError::Provider { failure: ProviderFailure::Rejected, .. });
    rejected || error.fault() == Fault::Caller
}
