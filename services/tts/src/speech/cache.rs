//! The sound of texts that were spoken before, in memory.
//!
//! It is kept as the provider made it, at the provider's rate: one entry serves every output format. A text that is kept is
//! spoken even when its provider is down.

use std::sync::Arc;

use evervoice_core::tts::{SpeechRequest, TtsError};
use futures_util::{StreamExt, stream};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter, sync};

use super::{
    parts::{Part, Speaking},
    sound::Sound,
};
use crate::events::Events;

/// What decides a sound. What was said before it is not part of it: a voice may fit its melody to that, but a sound at hand is
/// worth more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    text: String,
    language: Option<String>,
    /// The bits of the pace.
    speed: u32,
    /// [`TtsProvider::rendering`](evervoice_core::tts::TtsProvider::rendering): the voice is in it.
    rendering: String,
}

impl Key {
    pub fn new(request: &SpeechRequest, rendering: String) -> Self {
        let (text, language) = (request.text().to_owned(), request.language().map(str::to_owned));
        Self { text, language, speed: request.speed().to_bits(), rendering }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.rendering.len() + self.language.as_ref().map_or(0, String::len)
    }
}

type Sounds = sync::Cache<Key, Arc<Sound>, Bytes>;

/// Weighs an entry, in bytes.
#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<Sound>> for Bytes {
    fn weight(&self, key: &Key, sound: &Arc<Sound>) -> u64 {
        (key.bytes() + sound.bytes()) as u64
    }
}

/// Sounds by what decides them, no more than a number of bytes.
#[derive(Clone)]
pub(super) struct Cache {
    sounds: Arc<Sounds>,
    /// A larger sound would push out too much else, in bytes.
    largest: usize,
    events: Events,
}

/// Length that a sound has on average, for the tables of the cache: two seconds at 16 kHz.
const USUAL_BYTES: u64 = 64_000;

impl Cache {
    /// A cache of so many bytes; `None` for 0 bytes.
    pub fn new(bytes: u64, events: Events) -> Option<Self> {
        // One shard: each has its part of the room, and a large sound has to fit into one.
        let items = (bytes / USUAL_BYTES).max(32) as usize;
        let options = OptionsBuilder::new().shards(1).weight_capacity(bytes).estimated_items_capacity(items).build();
        let options = options.ok().filter(|_| bytes > 0)?;
        let sounds =
            Sounds::with_options(options, Bytes, DefaultHashBuilder::default(), sync::DefaultLifecycle::default());
        Some(Self { sounds: Arc::new(sounds), largest: (bytes / 8) as usize, events })
    }

    /// The sound of a text that is kept.
    pub fn get(&self, key: &Key) -> Option<Arc<Sound>> {
        let sound = self.sounds.get(key);
        self.events.cached(sound.is_some());
        sound
    }

    /// Lets the parts of an utterance through, and keeps its sound once it is whole, if `provider` made all of it.
    pub fn keep(&self, key: Key, provider: &'static str, speaking: Speaking) -> Speaking {
        if speaking.provider != provider {
            return speaking;
        }
        let Speaking { sample_rate, parts, .. } = speaking;
        let sound = Some(Sound::new(provider, sample_rate));
        let keeping = Keeping { cache: self.clone(), key, sound, bytes: 0 };
        let parts = stream::unfold((parts, Some(keeping)), |(mut parts, mut keeping)| async move {
            let Some(part) = parts.next().await else {
                keeping.take().into_iter().for_each(Keeping::whole);
                return None;
            };
            if let Some(keeping) = &mut keeping {
                keeping.hear(&part);
            }
            Some((part, (parts, keeping)))
        });
        Speaking { provider, sample_rate, at_hand: false, parts: Box::pin(parts) }
    }
}

/// A sound on its way into the cache. Dropped before it is whole, it leaves nothing.
struct Keeping {
    cache: Cache,
    key: Key,
    /// `None` when it is not worth keeping.
    sound: Option<Sound>,
    /// Of its samples.
    bytes: usize,
}

impl Keeping {
    fn hear(&mut self, part: &Result<Part, TtsError>) {
        let Ok(Part::Audio(chunk)) = part else {
            // Somebody else goes on, or nobody.
            self.sound = None;
            return;
        };
        self.bytes += size_of_val(&chunk.samples[..]);
        self.sound = self.sound.take().filter(|_| self.bytes <= self.cache.largest);
        if let Some(sound) = &mut self.sound {
            sound.push(chunk);
        }
    }

    fn whole(self) {
        let Self { cache, key, sound, .. } = self;
        let Some(sound) = sound.filter(|sound| !sound.chunks.is_empty() && said_all(sound, &key.text)) else { return };
        if key.bytes() + sound.bytes() <= cache.largest {
            cache.sounds.insert(key, Arc::new(sound));
            cache.events.cache_bytes(cache.sounds.weight());
        }
    }
}

/// Whether a sound reaches the end of its text. A provider that fails at its last mark has not lost a word, but its sound may
/// end early: good enough once, not for ever.
fn said_all(sound: &Sound, text: &str) -> bool {
    let end = sound.chunks.iter().rev().find_map(|chunk| chunk.text_end);
    end.is_none_or(|end| end >= text.trim_end().len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use evervoice_core::tts::{SpeechLimits, TtsProvider};
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;
    use crate::speech::{
        Chain, ChainSettings, Listener, Speaker,
        breaker::BreakerSettings,
        scripted::{Act, Scripted, heard},
    };

    const KIB: u64 = 1 << 10;

    struct Stage {
        speaker: Speaker,
        registry: Registry,
    }

    /// Providers behind a cache of so many bytes.
    fn stage(bytes: u64, providers: &[&Arc<Scripted>]) -> Stage {
        let mut registry = Registry::default();
        let events = Events::register(&mut registry);
        let second = Duration::from_secs(1);
        let breaker = BreakerSettings { failures: 100, open: second, longest: second };
        let settings =
            ChainSettings { breaker, first_audio_timeout: second, first_audio_budget: None, stall: 60 * second };
        let providers = providers.iter().map(|provider| Arc::clone(*provider) as Arc<dyn TtsProvider>).collect();
        let chain = Arc::new(Chain::new(providers, settings, events.clone()));
        Stage { speaker: Speaker { cache: Cache::new(bytes, events), ..Speaker::of(chain) }, registry }
    }

    fn provider(name: &'static str, acts: &[Act]) -> Arc<Scripted> {
        Arc::new(Scripted::new(name, name, acts))
    }

    fn request(text: &str) -> SpeechRequest {
        let limits = SpeechLimits { max_chars: 1_000_000 };
        SpeechRequest::new(text.into(), None, None, None, limits).unwrap()
    }

    impl Stage {
        /// Who spoke first, and what was heard.
        async fn say(&self, request: SpeechRequest) -> Result<(&'static str, String), TtsError> {
            let Speaking { provider, mut parts, .. } = self.speaker.speak(request, Listener::default()).await?;
            let mut samples = Vec::new();
            while let Some(part) = parts.next().await {
                if let Part::Audio(chunk) = part? {
                    samples.extend(chunk.samples);
                }
            }
            Ok((provider, heard(&samples)))
        }

        fn metric(&self, sample: &str) -> u64 {
            let mut text = String::new();
            encode(&mut text, &self.registry).unwrap();
            let line = text.lines().find(|line| line.starts_with(sample));
            line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
        }
    }

    fn asked(provider: &Scripted) -> usize {
        provider.asked.lock().unwrap().len()
    }

    #[tokio::test]
    async fn a_text_is_made_once_and_spoken_while_its_provider_is_down() {
        let first = provider("first", &[Act::Speak, Act::Refuse]);
        let stage = stage(1_024 * KIB, &[&first]);
        for _ in 0..3 {
            assert_eq!(stage.say(request("Hello there.")).await.unwrap(), ("first", "Hello there.".to_owned()));
        }
        assert_eq!(asked(&first), 1);
        assert_eq!(
            (stage.metric("tts_cache_total{result=\"hit\"}"), stage.metric("tts_cache_total{result=\"miss\"}")),
            (2, 1)
        );
        assert!(stage.metric("tts_cache_bytes") > 0);
        assert!(stage.say(request("Something else.")).await.is_err(), "it is down");
        assert_eq!(stage.say(request("Hello there.")).await.unwrap().1, "Hello there.");
    }

    #[tokio::test]
    async fn another_request_is_another_sound() {
        let first = provider("first", &[]);
        let stage = stage(1_024 * KIB, &[&first]);
        let limits = SpeechLimits { max_chars: 100 };
        let of = |text: &str, voice: Option<&str>, language: Option<&str>, speed| {
            SpeechRequest::new(text.into(), voice.map(Into::into), language.map(Into::into), speed, limits).unwrap()
        };
        let different = || {
            [
                of("Hello.", None, None, None),
                of("Hello!", None, None, None),
                of("Hello.", Some("first"), None, None),
                of("Hello.", None, Some("en"), None),
                of("Hello.", None, None, Some(1.5)),
            ]
        };
        for request in different() {
            stage.say(request).await.unwrap();
        }
        assert_eq!(asked(&first), 5);
        for request in different() {
            stage.say(request).await.unwrap();
        }
        assert_eq!(asked(&first), 5);
    }

    #[tokio::test]
    async fn only_a_whole_sound_of_the_front_is_kept() {
        // Another one speaks; another one goes on; it fails at its goodbye.
        for (act, who) in [(Act::Refuse, "second"), (Act::FailAfter(6), "first"), (Act::FailAfter(11), "first")] {
            let (first, second) = (provider("first", &[act]), provider("second", &[]));
            let stage = stage(1_024 * KIB, &[&first, &second]);
            let (provider, text) = stage.say(request("Hello world.")).await.unwrap();
            assert_eq!((provider, text.trim_end_matches('.')), (who, "Hello world"), "{act:?}");
            let before = asked(&first) + asked(&second);
            stage.say(request("Hello world.")).await.unwrap();
            assert_eq!(asked(&first) + asked(&second), before + 1, "{act:?}: made anew");
        }
    }

    #[tokio::test]
    async fn who_hangs_up_leaves_nothing() {
        let first = provider("first", &[]);
        let stage = stage(1_024 * KIB, &[&first]);
        let mut speaking = stage.speaker.speak(request("Hello my world."), Listener::default()).await.unwrap();
        assert!(speaking.parts.next().await.is_some());
        drop(speaking);
        stage.say(request("Hello my world.")).await.unwrap();
        assert_eq!((asked(&first), stage.metric("tts_cache_total{result=\"hit\"}")), (2, 0));
    }

    #[tokio::test]
    async fn there_is_room_for_so_much_and_no_more() {
        let first = provider("first", &[]);
        let stage = stage(256 * KIB, &[&first]);
        let large = "a".repeat(200);
        for _ in 0..2 {
            stage.say(request(&large)).await.unwrap();
        }
        assert_eq!(asked(&first), 2, "more than an eighth of the room is not kept");
        for number in 0..100 {
            let text = format!("{number} {}.", "word ".repeat(4));
            stage.say(request(&text)).await.unwrap();
            assert!(stage.metric("tts_cache_bytes") <= 256 * KIB);
        }
        assert!(stage.metric("tts_cache_bytes") > 128 * KIB);
        let first_again = asked(&first);
        stage.say(request(&format!("99 {}.", "word ".repeat(4)))).await.unwrap();
        stage.say(request(&format!("99 {}.", "word ".repeat(4)))).await.unwrap();
        assert!(asked(&first) <= first_again + 1, "the last one is kept, or is when it comes again");
    }

    #[tokio::test]
    async fn without_room_nothing_is_looked_for() {
        let first = provider("first", &[]);
        let stage = stage(0, &[&first]);
        for _ in 0..2 {
            stage.say(request("Hello.")).await.unwrap();
        }
        assert_eq!((asked(&first), stage.metric("tts_cache_total")), (2, 0));
    }
}
