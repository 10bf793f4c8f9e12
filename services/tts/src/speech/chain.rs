//! Who speaks: the providers in order, each behind a circuit breaker.
//!
//! Before the first sound, a provider that fails or is slow is followed by the next one within the same request: `hedge`.
//! After it, the next one speaks what has not been spoken: `continued`.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use evervoice_core::{
    audio::AudioStream,
    fault::Retry,
    service::{Part, ops::Status},
    tts::{ProviderFailure, SpeechRequest, TtsError, TtsProvider, VoiceInfo},
};
use tokio::time::{Instant, timeout};

use super::{
    breaker::{Breaker, BreakerSettings, Pass, State},
    hedge::{Candidate, Race},
    level::Level,
    listener::Listener,
};
use crate::events::Events;

/// The providers in order.
pub struct Chain {
    links: Vec<Link>,
    settings: ChainSettings,
    events: Events,
}

/// How long providers are waited for. No limit of these holds for the local voice, but that it may get company.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChainSettings {
    /// When a provider is left alone, and for how long.
    pub breaker: BreakerSettings,
    /// How long a provider has for its first sound.
    pub first_audio_timeout: Duration,
    /// After how long without a first sound the next provider starts beside it; `None` for never.
    pub first_audio_budget: Option<Duration>,
    /// How long a provider may pause in the middle of an utterance while the listener runs out of sound.
    pub stall: Duration,
}

struct Link {
    provider: Arc<dyn TtsProvider>,
    breaker: Breaker,
    /// How loud it spoke last, and with which voice.
    level: Mutex<Option<(VoiceKey, Level)>>,
}

/// Name and language of a voice, as asked for.
type VoiceKey = (Option<String>, Option<String>);

/// A provider that has begun to speak.
pub(super) struct Begun {
    /// Its place in the chain.
    pub link: usize,
    pub stream: AudioStream,
}

/// A provider that has been asked. Dropped without a verdict, it has not failed.
pub(super) struct Started<'a> {
    /// Its place in the chain.
    pub link: usize,
    /// When it was asked.
    pub since: Instant,
    /// It was asked for a voice by name.
    pub named: bool,
    /// Its sound, with the first of it. It ends in time.
    pub sound: Pin<Box<dyn Future<Output = Result<AudioStream, TtsError>> + Send + 'a>>,
    /// The local one has none.
    pass: Option<Pass<'a>>,
}

impl Chain {
    /// A chain of these providers, the preferred one first.
    pub fn new(providers: Vec<Arc<dyn TtsProvider>>, settings: ChainSettings, events: Events) -> Self {
        let link = |provider| Link { provider, breaker: Breaker::new(settings.breaker), level: Mutex::default() };
        Self { links: providers.into_iter().map(link).collect(), settings, events }
    }

    /// Names of the providers, the preferred one first.
    pub fn names(&self) -> Vec<&'static str> {
        self.links.iter().map(|link| link.provider.name()).collect()
    }

    /// Who can speak a request, the preferred one first: their places, and what decides their sound. Those that do not have its
    /// voice are not among them.
    pub(crate) fn renderings(&self, request: &SpeechRequest) -> impl Iterator<Item = (usize, String)> {
        let has = |link: &Link| request.voice().is_none_or(|name| link.provider.has_voice(name));
        let links = self.links.iter().enumerate().filter(move |(_, link)| has(link));
        links.filter_map(move |(at, link)| Some((at, link.provider.rendering(request)?)))
    }

    /// The voices of all providers, each name once. The default is that of the first provider.
    pub fn voices(&self) -> Vec<VoiceInfo> {
        let mut voices: Vec<VoiceInfo> = Vec::new();
        for (at, link) in self.links.iter().enumerate() {
            for mut voice in link.provider.voices() {
                voice.default &= at == 0;
                if voices.iter().all(|known| known.name != voice.name) {
                    voices.push(voice);
                }
            }
        }
        voices
    }

    /// Name of the provider that should speak a request: the first one that has its voice.
    pub(super) fn preferred(&self, request: &SpeechRequest) -> &'static str {
        let front = self.candidates(request).ok().and_then(|candidates| Some(candidates.front()?.link));
        self.names().get(front.unwrap_or_default()).copied().unwrap_or_default()
    }

    /// The first provider that makes a sound, of those that have not been `asked` yet; it adds those that have failed and the
    /// one that speaks. One that is slow gets company when the `listener` needs it.
    ///
    /// # Errors
    /// [`TtsError`] when nobody could make the first sound: what the first provider failed at that should have spoken, or
    /// what is wrong with the request.
    pub(super) async fn begin(
        &self,
        request: &SpeechRequest,
        listener: &Listener,
        asked: &mut Vec<usize>,
    ) -> Result<Begun, TtsError> {
        let mut candidates = self.candidates(request)?;
        candidates.retain(|candidate| !asked.contains(&candidate.link));
        Race::new(self, request.id(), listener, self.settings.first_audio_budget, candidates).run(asked).await
    }

    /// Who may speak, in order, and what to ask them. Those that have the voice come first; the others speak with their
    /// own voice, which is better than silence.
    fn candidates(&self, request: &SpeechRequest) -> Result<VecDeque<Candidate>, TtsError> {
        let links = 0..self.links.len();
        let asked = |link| Candidate { link, request: request.clone(), instead: false };
        let Some(name) = request.voice() else { return Ok(links.map(asked).collect()) };
        let (having, others): (Vec<_>, Vec<_>) = links.partition(|at| self.links[*at].provider.has_voice(name));
        if having.is_empty() {
            let known = self.voices().into_iter().map(|voice| voice.name).collect();
            return Err(TtsError::UnknownVoice { wanted: name.to_owned(), known });
        }
        let other = |link| Candidate { link, request: request.clone().with_voice(None), instead: true };
        Ok(having.into_iter().map(asked).chain(others.into_iter().map(other)).collect())
    }

    /// Asks a provider.
    ///
    /// # Errors
    /// [`TtsError::Provider`] when it is left alone for a while.
    pub(super) fn start(&self, link: usize, request: SpeechRequest) -> Result<Started<'_>, TtsError> {
        let Link { provider, .. } = &self.links[link];
        let (since, named) = (Instant::now(), request.voice().is_some());
        if provider.is_local() {
            return Ok(Started { link, since, named, sound: provider.speak(request), pass: None });
        }
        let name = provider.name();
        let pass = self.breaker(link).pass().map_err(|(left, failure)| TtsError::Provider {
            provider: name,
            failure,
            retry: Retry::After(left),
            source: "it failed before and is left alone for a while".into(),
        })?;
        let limit = self.settings.first_audio_timeout;
        let sound = Box::pin(async move {
            timeout(limit, provider.speak(request)).await.unwrap_or_else(|_| {
                let source = format!("no sound within {} ms", limit.as_millis()).into();
                Err(TtsError::Provider {
                    provider: name,
                    failure: ProviderFailure::Timeout,
                    retry: Retry::Fresh,
                    source,
                })
            })
        });
        Ok(Started { link, since, named, sound, pass: Some(pass) })
    }

    /// The breaker of a provider, which knows of its last return.
    fn breaker(&self, at: usize) -> &Breaker {
        let Link { provider, breaker, .. } = &self.links[at];
        if provider.recovered_at().is_some_and(|at| breaker.recovered(at)) {
            self.events.breaker(provider.name(), breaker.state());
        }
        breaker
    }

    /// Takes note that a provider has made its first sound.
    pub(super) fn began(&self, started: Started<'_>) {
        self.waited(&started);
        self.verdict(started, Pass::began);
    }

    fn waited(&self, started: &Started<'_>) {
        self.events.provider_first_audio(self.name(started.link), started.since.elapsed().as_secs_f64() * 1000.0);
    }

    /// Takes note that a provider has failed before its first sound.
    pub(super) fn failed_before(&self, started: Started<'_>, request_id: &str, error: &TtsError) {
        if let Some(failure) = self.told(started.link, request_id, error, "before") {
            self.verdict(started, |pass| pass.failed(failure, error.retry()));
        }
    }

    /// Takes note that a provider was stopped because another one was faster. That it took at least so long counts as its time
    /// to the first sound: else one that always loses would look fast.
    pub(super) fn too_slow(&self, started: Started<'_>) {
        self.waited(&started);
        self.verdict(started, |pass| pass.failed(ProviderFailure::Timeout, Retry::Fresh));
    }

    fn verdict<'a>(&self, started: Started<'a>, verdict: impl FnOnce(Pass<'a>)) {
        if let Some(pass) = started.pass {
            verdict(pass);
            let Link { provider, breaker, .. } = &self.links[started.link];
            self.events.breaker(provider.name(), breaker.state());
        }
    }

    /// How long a provider may pause while the listener runs out of sound; `None` for the local one:
    /// it is late because this machine is busy, and to begin anew takes longer.
    pub(super) fn stall(&self, at: usize) -> Option<Duration> {
        (!self.links[at].provider.is_local()).then_some(self.settings.stall)
    }

    /// How loud a provider speaks with the voice of this request; `None` when the last one was another.
    pub(super) fn level(&self, at: usize, request: &SpeechRequest) -> Option<Level> {
        let level = self.links[at].level.lock().unwrap_or_else(PoisonError::into_inner);
        level.as_ref().filter(|(voice, _)| *voice == voice_key(request)).map(|(_, level)| *level)
    }

    /// Takes note of how loud a provider has spoken.
    pub(super) fn heard_level(&self, at: usize, request: &SpeechRequest, level: Level) {
        // One utterance may be a single word: a new level counts half. The highest peak counts, so that nothing clips.
        let level = self
            .level(at, request)
            .map_or(level, |known| Level { rms: (known.rms + level.rms) / 2.0, peak: known.peak.max(level.peak) });
        let heard = (voice_key(request), level);
        *self.links[at].level.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
    }

    /// Takes note that a provider has spoken to the end.
    pub(super) fn succeeded(&self, at: usize) {
        let Link { provider, breaker, .. } = &self.links[at];
        breaker.succeeded();
        self.events.breaker(provider.name(), breaker.state());
    }

    /// Takes note that a provider has failed in the middle of an utterance.
    pub(super) fn failed_within(&self, at: usize, request_id: &str, error: &TtsError) {
        let Link { provider, breaker, .. } = &self.links[at];
        if let Some(failure) = self.told(at, request_id, error, "within") {
            breaker.failed_within(failure, error.retry());
        }
        self.events.breaker(provider.name(), breaker.state());
    }

    /// Tells of a failure. `None` when it says nothing about other requests.
    fn told(&self, at: usize, request_id: &str, error: &TtsError, when: &'static str) -> Option<ProviderFailure> {
        let provider = &self.links[at].provider;
        let failure = match error {
            TtsError::Provider { failure, .. } => *failure,
            TtsError::Engine(_) => ProviderFailure::Broken,
            // The request was wrong, or we are full.
            _ => return None,
        };
        self.events.provider_failed(request_id, provider.name(), failure, when, error);
        (failure != ProviderFailure::Rejected && !provider.is_local()).then_some(failure)
    }

    /// Name of the provider at a place of the chain.
    pub(super) fn name(&self, at: usize) -> &'static str {
        self.links[at].provider.name()
    }

    pub(super) fn events(&self) -> &Events {
        &self.events
    }

    /// Each provider for `/health`. One that is left alone makes the service degraded; all of them, down.
    pub fn parts(&self) -> BTreeMap<String, Part> {
        let states: Vec<State> = (0..self.links.len()).map(|at| self.breaker(at).state()).collect();
        let down = states.iter().all(|state| matches!(state, State::Open(_)));
        let part = |(link, state): (&Link, &State)| {
            let status = match state {
                State::Closed => Status::Ok,
                _ if down => Status::Down,
                _ => Status::Degraded,
            };
            // A pause may have ended without anybody asking.
            self.events.breaker(link.provider.name(), *state);
            let (last, failures) = link.breaker.last_failure();
            let voices: Vec<String> = link.provider.voices().into_iter().map(|voice| voice.name).collect();
            let mut part = Part::new(status).with("breaker", state.name()).with("voices", voices);
            part.detail.extend(link.provider.details());
            if let State::Open(left) = state {
                part = part.with("open_ms", left.as_millis() as u64);
            }
            if let Some(last) = last {
                part = part.with("last_failure", last.name()).with("failures_in_a_row", failures);
            }
            (link.provider.name().to_owned(), part)
        };
        self.links.iter().zip(&states).map(part).collect()
    }
}

fn voice_key(request: &SpeechRequest) -> VoiceKey {
    (request.voice().map(Into::into), request.language().map(Into::into))
}
