//! An utterance that goes on when its provider fails in the middle, or stalls: the next one speaks the rest.
//!
//! A cut is best between two words. Sound that ends inside a word is therefore held back while nobody needs it yet: the
//! service makes sound faster than it is heard. When the provider fails meanwhile, the next one begins with that word.

use std::{collections::VecDeque, pin::pin, sync::Arc, time::Duration};

use evervoice_core::{
    audio::{AudioChunk, AudioStream},
    fault::Retry,
    tts::{ProviderFailure, SpeechRequest, TtsError, speakable},
};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use super::{
    chain::{Begun, Chain},
    join::Joiner,
    level::Level,
    listener::Listener,
    parts::{Part, Speaking},
    rate::AtRate,
};

/// How long before a listener needs it, held sound leaves: enough for the network and a timer's grain.
const MARGIN: Duration = Duration::from_millis(40);

/// The longest sound that is held back is a second divided by this. Words are shorter.
const HELD_PER_SECOND: usize = 2;

/// So much of a voice is held back to tell how loud it is: a second divided by this.
const LISTENED_PER_SECOND: usize = 5;

/// Speaks a text, by whoever can, to its end. What its `listener` does not need yet is waited for.
///
/// # Errors
/// Those of [`Chain::begin`]; later ones are items of the stream.
pub async fn speak(chain: &Arc<Chain>, request: SpeechRequest, listener: Listener) -> Result<Speaking, TtsError> {
    let (chain, mut asked) = (Arc::clone(chain), Vec::new());
    let Begun { link, stream } = chain.begin(&request, &listener, &mut asked).await?;
    let (provider, sample_rate) = (stream.provider, stream.sample_rate);
    let state = Continued {
        length: request.text().len(),
        chain,
        request,
        link,
        asked,
        voice: Voice::new(stream, sample_rate),
        sample_rate,
        held: None,
        spoken: Some(0),
        switched_from: None,
        joiner: Joiner::new(sample_rate),
        ready: VecDeque::new(),
        listener,
        waiting_since: None,
        alone: false,
        over: false,
        failed: None,
    };
    let parts = stream::try_unfold(state, |mut state| async move { Ok(state.next().await?.map(|part| (part, state))) });
    Ok(Speaking { provider, sample_rate, at_hand: false, parts: Box::pin(parts) })
}

struct Continued {
    chain: Arc<Chain>,
    /// Length of the whole text, in bytes.
    length: usize,
    /// What the provider of now was asked for: the whole text, or an end of it.
    request: SpeechRequest,
    link: usize,
    /// The providers that have had their turn.
    asked: Vec<usize>,
    voice: Voice,
    /// Of the stream that leaves, in Hz.
    sample_rate: u32,
    /// Sound that has not left: it ends inside a word, or is listened to.
    held: Option<AudioChunk>,
    /// Where in the text of `request` the sound that left ends; `None` when nobody can tell.
    spoken: Option<usize>,
    /// Who was heard last, until the provider of now is heard.
    switched_from: Option<&'static str>,
    joiner: Joiner,
    /// Parts that leave before anything else happens.
    ready: VecDeque<Part>,
    listener: Listener,
    /// Since when more sound is wanted.
    waiting_since: Option<Instant>,
    /// Nobody else could go on when the provider of now stalled; it is waited for.
    alone: bool,
    /// Nothing comes any more, but for what is `ready`.
    over: bool,
    /// Why not every word was said.
    failed: Option<TtsError>,
}

/// What happens while sound is waited for.
enum Event {
    Sound(AudioChunk),
    Ended,
    Failed(TtsError),
    /// The listener needs what is held.
    Due,
    Stalled,
}

impl From<Result<Option<AudioChunk>, TtsError>> for Event {
    fn from(next: Result<Option<AudioChunk>, TtsError>) -> Self {
        match next {
            Ok(Some(chunk)) => Self::Sound(chunk),
            Ok(None) => Self::Ended,
            Err(error) => Self::Failed(error),
        }
    }
}

impl Continued {
    async fn next(&mut self) -> Result<Option<Part>, TtsError> {
        while self.ready.is_empty() && !self.over {
            let done = match self.wait().await {
                Event::Stalled => self.stalled().await,
                event => self.take(event).await,
            };
            if let Err(error) = done {
                self.ready.extend(self.joiner.finish().map(Part::Audio));
                (self.over, self.failed) = (true, Some(error));
            }
        }
        match self.ready.pop_front() {
            Some(part) => Ok(Some(part)),
            None => self.failed.take().map_or(Ok(None), Err),
        }
    }

    async fn wait(&mut self) -> Event {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let stall = self.chain.stall(self.link).filter(|_| !self.alone);
        loop {
            let changed = self.listener.changed();
            let due = self.held.is_some().then(|| self.listener.before_dry(MARGIN));
            let stalled = stall.map(|stall| (since + stall).max(self.listener.reserve()));
            let wake = [due, stalled].into_iter().flatten().min();
            tokio::select! {
                biased;
                next = self.voice.next() => return next.into(),
                () = changed, if wake.is_some() => {}
                () = sleep_until(wake.unwrap_or(since)), if wake.is_some() => {}
            }
            // Meanwhile he may have got more to hear, and needs this later.
            let now = Instant::now();
            if self.held.is_some() && self.listener.dry() <= now + MARGIN {
                return Event::Due;
            }
            if stall.is_some_and(|stall| since + stall <= now) && self.listener.reserve() <= now {
                return Event::Stalled;
            }
        }
    }

    async fn take(&mut self, event: Event) -> Result<(), TtsError> {
        match event {
            Event::Sound(chunk) => self.hear(chunk),
            Event::Ended => {
                self.chain.succeeded(self.link);
                self.end();
            }
            Event::Failed(error) if self.all_said() => {
                self.chain.failed_within(self.link, self.request.id(), &error);
                self.end();
            }
            Event::Failed(error) => self.go_on_elsewhere(error).await?,
            // Word or not.
            Event::Due | Event::Stalled => self.let_held_leave(),
        }
        Ok(())
    }

    fn hear(&mut self, chunk: AudioChunk) {
        (self.waiting_since, self.alone) = (None, false);
        let chunk = match self.held.take() {
            Some(held) => append(held, chunk),
            None => chunk,
        };
        let longer = |per_second| chunk.samples.len() > self.sample_rate as usize / per_second;
        let listened = self.switched_from.is_some() && self.known_level().is_none() && !longer(LISTENED_PER_SECOND);
        let inside_word = self.inside_word(chunk.text_end) && !longer(HELD_PER_SECOND);
        self.held = Some(chunk);
        if !listened && !inside_word {
            self.let_held_leave();
        }
    }

    fn known_level(&self) -> Option<Level> {
        self.chain.level(self.link, &self.request)
    }

    /// Whether nothing is left to say: a provider that fails now has failed at its goodbye.
    fn all_said(&self) -> bool {
        let end = self.held.as_ref().map_or(self.spoken, |held| held.text_end);
        end.and_then(|end| self.request.text().get(end..)).is_some_and(|rest| !speakable(rest))
    }

    fn let_held_leave(&mut self) {
        let Some(AudioChunk { samples, text_end }) = self.held.take() else { return };
        if let Some(from) = self.switched_from.take() {
            self.ready.push_back(Part::Provider { from, to: self.chain.name(self.link) });
            let known = self.known_level();
            self.joiner.switch(known);
        }
        self.spoken = text_end;
        let sound = Duration::from_secs_f64(samples.len() as f64 / f64::from(self.sample_rate));
        self.listener.sent(sound);
        self.chain.events().audio(self.chain.name(self.link), sound);
        // Places are told in the whole text.
        let text_end = text_end.map(|end| self.length - self.request.text().len() + end);
        self.ready.extend(self.joiner.push(AudioChunk { samples, text_end }).map(Part::Audio));
    }

    fn inside_word(&self, text_end: Option<usize>) -> bool {
        let Some((before, after)) = text_end.and_then(|end| self.request.text().split_at_checked(end)) else {
            return false;
        };
        before.chars().next_back().is_some_and(of_word) && after.chars().next().is_some_and(of_word)
    }

    /// Nothing more comes: what was held back leaves.
    fn end(&mut self) {
        self.let_held_leave();
        self.remember_level();
        self.ready.extend(self.joiner.finish().map(Part::Audio));
        self.over = true;
    }

    fn remember_level(&mut self) {
        // Of one that was not heard the joiner knows nothing.
        if self.switched_from.is_none()
            && let Some(level) = self.joiner.level()
        {
            self.chain.heard_level(self.link, &self.request, level);
        }
    }

    /// The rest of the text. Without knowing what was heard there is none: every guess would lose or repeat something.
    fn rest(&self) -> Option<SpeechRequest> {
        self.spoken.and_then(|spoken| self.request.rest(spoken))
    }

    /// The provider has failed: the next one speaks the rest.
    async fn go_on_elsewhere(&mut self, error: TtsError) -> Result<(), TtsError> {
        self.held = None;
        self.chain.failed_within(self.link, self.request.id(), &error);
        let Some(rest) = self.rest() else { return Err(error) };
        let Ok(begun) = self.chain.begin(&rest, &self.listener, &mut self.asked).await else { return Err(error) };
        self.switch(rest, begun);
        Ok(())
    }

    /// The provider makes no sound, and the listener will soon hear none: who speaks next is heard, it or the next one.
    /// When nobody else can, it is waited for as long as its own limits allow.
    async fn stalled(&mut self) -> Result<(), TtsError> {
        if self.all_said() {
            return self.take(Event::Failed(self.stall_error())).await;
        }
        let Some(rest) = self.rest() else {
            self.alone = true;
            return Ok(());
        };
        let chain = Arc::clone(&self.chain);
        // Those who are asked in vain may be asked again, should this one go on for a while.
        let mut asked = self.asked.clone();
        let (mut failed, mut event) = (None, None);
        let begun = {
            let mut begin = pin!(chain.begin(&rest, &self.listener, &mut asked));
            tokio::select! {
                biased;
                next = self.voice.next() => match next {
                    Err(error) => {
                        failed = Some(error);
                        begin.await.ok()
                    }
                    next => {
                        event = Some(next.into());
                        None
                    }
                },
                begun = &mut begin => begun.ok(),
            }
        };
        if let Some(event) = event {
            return self.take(event).await;
        }
        match (begun, failed) {
            (Some(begun), failed) => {
                let error = failed.unwrap_or_else(|| self.stall_error());
                self.chain.failed_within(self.link, self.request.id(), &error);
                (self.held, self.asked) = (None, asked);
                self.switch(rest, begun);
            }
            (None, Some(error)) => {
                self.chain.failed_within(self.link, self.request.id(), &error);
                return Err(error);
            }
            (None, None) => self.alone = true,
        }
        Ok(())
    }

    fn stall_error(&self) -> TtsError {
        TtsError::Provider {
            provider: self.chain.name(self.link),
            failure: ProviderFailure::Timeout,
            retry: Retry::Fresh,
            source: "its sound stopped, and the listener would have heard silence".into(),
        }
    }

    fn switch(&mut self, rest: SpeechRequest, Begun { link, stream }: Begun) {
        let from = self.chain.name(self.link);
        self.chain.events().provider_switched(rest.id(), from, stream.provider, rest.text().chars().count());
        self.remember_level();
        self.switched_from.get_or_insert(from);
        self.voice = Voice::new(stream, self.sample_rate);
        (self.request, self.link, self.spoken) = (rest, link, Some(0));
        (self.waiting_since, self.alone) = (None, false);
    }
}

/// Whether a character is part of a word that white space ends. Scripts that write without spaces can be cut anywhere.
pub(super) fn of_word(character: char) -> bool {
    let unspaced = matches!(character, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{2E80}'..='\u{A4CF}');
    !character.is_whitespace() && !unspaced
}

fn append(mut first: AudioChunk, second: AudioChunk) -> AudioChunk {
    first.samples.extend_from_slice(&second.samples);
    AudioChunk { samples: first.samples, text_end: second.text_end }
}

/// A provider's stream at the rate of the utterance.
struct Voice {
    stream: AudioStream,
    rate: AtRate,
}

impl Voice {
    fn new(mut stream: AudioStream, sample_rate: u32) -> Self {
        let rate = AtRate::new(stream.sample_rate, sample_rate);
        // After its end comes the resampler's tail, and then it is asked once more.
        stream.chunks = Box::pin(stream.chunks.fuse());
        Self { stream, rate }
    }

    async fn next(&mut self) -> Result<Option<AudioChunk>, TtsError> {
        loop {
            let chunk = match self.stream.chunks.next().await.transpose()? {
                Some(chunk) => self.rate.push(chunk),
                None => return Ok(self.rate.finish()),
            };
            if chunk.is_some() {
                return Ok(chunk);
            }
        }
    }
}
