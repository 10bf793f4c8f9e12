//! Who speaks: the providers in order, each behind a circuit breaker.
//!
//! Before the first sound, a provider that fails is followed by the next one within the same request: here. After it, the
//! next one speaks what has not been spoken: `continued`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use evervoice_core::{
    audio::AudioStream,
    fault::{Fault, Retry},
    service::{Part, ops::Status},
    tts::{ProviderFailure, SpeechRequest, TtsError, TtsProvider, VoiceInfo},
};
use tokio::time::timeout;

use super::breaker::{Breaker, BreakerSettings, State};
use crate::events::Events;

/// The providers in order.
pub struct Chain {
    links: Vec<Link>,
    /// How long a provider has for its first sound, unless it is the local one.
    first_audio_timeout: Duration,
    events: Events,
}

struct Link {
    provider: Arc<dyn TtsProvider>,
    breaker: Breaker,
}

/// A provider that has begun to speak.
pub(super) struct Begun {
    /// Its place in the chain.
    pub link: usize,
    pub stream: AudioStream,
}

impl Chain {
    /// A chain of these providers, the preferred one first.
    pub fn new(
        providers: Vec<Arc<dyn TtsProvider>>,
        breaker: BreakerSettings,
        first_audio_timeout: Duration,
        events: Events,
    ) -> Self {
        let link = |provider| Link { provider, breaker: Breaker::new(breaker) };
        Self { links: providers.into_iter().map(link).collect(), first_audio_timeout, events }
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

    /// The first provider that makes a sound, of those that have not been `asked` yet; it adds those that it asks.
    ///
    /// # Errors
    /// [`TtsError`] when nobody could make the first sound: what the first provider failed at that should have spoken, or
    /// what is wrong with the request.
    pub(super) async fn begin(&self, request: &SpeechRequest, asked: &mut Vec<usize>) -> Result<Begun, TtsError> {
        // An outage is told rather than what another provider says about the request.
        let (mut outage, mut refusal) = (None, None);
        for (link, request) in self.candidates(request)? {
            if asked.contains(&link) {
                continue;
            }
            asked.push(link);
            let named = request.voice().is_some();
            match self.ask(link, request).await {
                Ok(stream) => return Ok(Begun { link, stream }),
                Err(error) if error.fault() == Fault::Caller => {
                    refusal = Some(error);
                    // Who asks for a voice gets no other one because that voice cannot read the text.
                    if named {
                        break;
                    }
                }
                Err(error) => outage = outage.or(Some(error)),
            }
        }
        Err(outage.or(refusal).unwrap_or(TtsError::NothingToSpeak))
    }

    /// Who may speak, in order, and what to ask them. Those that have the voice come first; the others speak with their
    /// own voice, which is better than silence.
    fn candidates(&self, request: &SpeechRequest) -> Result<Vec<(usize, SpeechRequest)>, TtsError> {
        let links = 0..self.links.len();
        let Some(name) = request.voice() else {
            return Ok(links.map(|link| (link, request.clone())).collect());
        };
        let (having, others): (Vec<_>, Vec<_>) = links.partition(|at| self.links[*at].provider.has_voice(name));
        if having.is_empty() {
            let known = self.voices().into_iter().map(|voice| voice.name).collect();
            return Err(TtsError::UnknownVoice { wanted: name.to_owned(), known });
        }
        let other = others.into_iter().map(|link| (link, request.clone().with_voice(None)));
        Ok(having.into_iter().map(|link| (link, request.clone())).chain(other).collect())
    }

    async fn ask(&self, at: usize, request: SpeechRequest) -> Result<AudioStream, TtsError> {
        let Link { provider, breaker } = &self.links[at];
        if provider.is_local() {
            let id = request.id().to_owned();
            let spoken = provider.speak(request).await;
            return spoken.inspect_err(|error| {
                self.told(at, &id, error, "before");
            });
        }
        let name = provider.name();
        let pass = breaker.pass().map_err(|(left, failure)| TtsError::Provider {
            provider: name,
            failure,
            retry: Retry::After(left),
            source: "it failed before and is left alone for a while".into(),
        })?;
        let id = request.id().to_owned();
        let asked = timeout(self.first_audio_timeout, provider.speak(request)).await.unwrap_or_else(|_| {
            let source = format!("no sound within {} ms", self.first_audio_timeout.as_millis()).into();
            Err(TtsError::Provider { provider: name, failure: ProviderFailure::Timeout, retry: Retry::Fresh, source })
        });
        match &asked {
            Ok(_) => pass.began(),
            Err(error) => {
                if let Some(failure) = self.told(at, &id, error, "before") {
                    pass.failed(failure, error.retry());
                }
            }
        }
        self.events.breaker(name, breaker.state());
        asked
    }

    /// Takes note that a provider has spoken to the end.
    pub(super) fn succeeded(&self, at: usize) {
        let Link { provider, breaker } = &self.links[at];
        breaker.succeeded();
        self.events.breaker(provider.name(), breaker.state());
    }

    /// Takes note that a provider has failed in the middle of an utterance.
    pub(super) fn failed_within(&self, at: usize, request_id: &str, error: &TtsError) {
        let Link { provider, breaker } = &self.links[at];
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
        let states: Vec<State> = self.links.iter().map(|link| link.breaker.state()).collect();
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
