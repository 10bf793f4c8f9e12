//! The provider: which voice speaks, and what comes out.

use evervoice_core::{
    audio::AudioStream,
    tts::{SpeechLimits, SpeechRequest, TtsError, TtsProvider},
};
use evervoice_voice::{LocalVoices, LocalVoicesConfig, load_built_in, load_directory};
use futures_util::TryStreamExt;

use crate::silero_graph::{self, SAMPLES_PER_SYMBOL, level};

fn request(text: &str, voice: Option<&str>, language: Option<&str>) -> SpeechRequest {
    let own = |text: Option<&str>| text.map(ToOwned::to_owned);
    SpeechRequest::new(text.into(), own(voice), own(language), None, SpeechLimits { max_chars: 1_000 }).unwrap()
}

/// The built-in English voice, and a tiny Russian one of Silero's kind.
fn provider() -> LocalVoices {
    let directory = tempfile::tempdir().unwrap();
    silero_graph::write(directory.path());
    let voices = vec![load_built_in().unwrap(), load_directory(directory.path()).unwrap()];
    LocalVoices::new(voices, &LocalVoicesConfig { threads: 2, queue: 8, default_voice: None }).unwrap()
}

async fn samples(stream: AudioStream) -> Vec<i16> {
    let chunks: Vec<_> = stream.chunks.try_collect().await.unwrap();
    chunks.into_iter().flat_map(|chunk| chunk.samples).collect()
}

/// The levels of the sound, one a symbol.
fn levels(samples: &[i16]) -> Vec<i16> {
    assert_eq!(samples.len() % SAMPLES_PER_SYMBOL, 0);
    samples
        .chunks(SAMPLES_PER_SYMBOL)
        .map(|chunk| {
            assert!(chunk.iter().all(|sample| *sample == chunk[0]), "a symbol is torn");
            chunk[0]
        })
        .collect()
}

fn expected(ids: &[i64], speaker: i64) -> Vec<i16> {
    ids.iter().map(|id| (level(*id, speaker) * 32_768.0).round().min(32_767.0) as i16).collect()
}

#[tokio::test]
async fn the_silero_contract_is_kept() {
    let provider = provider();
    // Ids of the manifest: the alphabet " абвгд…" begins at 3; start is 2, end is 1.
    let stream = provider.speak(request("Аб в.", Some("tiny-ru"), None)).await.unwrap();
    assert_eq!(stream.sample_rate, 48_000);
    let period = 3 + " абвгдеёжзийклмнопрстуфхцчшщъыьэюя".chars().count() as i64;
    assert_eq!(levels(&samples(stream).await), expected(&[2, 4, 5, 3, 6, period, 1], 0));
    let stream = provider.speak(request("а", Some("tiny-ru/boris"), None)).await.unwrap();
    assert_eq!(levels(&samples(stream).await), expected(&[2, 4, 1], 1));
}

/// "й" as one character and as "и" with a breve sound the same.
#[tokio::test]
async fn a_letter_typed_with_its_mark_apart_is_that_letter() {
    let provider = provider();
    let [composed, apart] = ["мой", "мои\u{306}"].map(|text| provider.speak(request(text, Some("tiny-ru"), None)));
    let (composed, apart) = (samples(composed.await.unwrap()).await, samples(apart.await.unwrap()).await);
    assert!(composed == apart);
}

#[tokio::test]
async fn a_text_without_a_space_is_cut_all_the_same() {
    let stream = provider().speak(request(&"а".repeat(900), Some("tiny-ru"), None)).await.unwrap();
    let chunks: Vec<_> = stream.chunks.try_collect().await.unwrap();
    let symbols: usize = chunks.iter().map(|chunk| chunk.samples.len() / SAMPLES_PER_SYMBOL - 2).sum();
    assert_eq!((chunks.len(), symbols), (2, 900));
}

#[tokio::test]
async fn sentences_go_in_one_by_one() {
    let stream = provider().speak(request("а! б", Some("tiny-ru"), None)).await.unwrap();
    let chunks: Vec<_> = stream.chunks.try_collect().await.unwrap();
    assert_eq!(chunks.len(), 2);
}

#[tokio::test]
async fn a_text_goes_to_a_voice_that_can_read_it() {
    let provider = provider();
    assert_eq!(provider.speak(request("Hello.", None, None)).await.unwrap().sample_rate, 16_000);
    assert_eq!(provider.speak(request("Привет.", None, None)).await.unwrap().sample_rate, 48_000);
    assert_eq!(provider.speak(request("Да.", None, Some("ru-RU"))).await.unwrap().sample_rate, 48_000);
}

#[tokio::test]
async fn what_cannot_be_spoken_is_refused_by_name() {
    let provider = provider();
    let refused = async |text, voice, language| provider.speak(request(text, voice, language)).await.err().unwrap();
    let supported = |error: TtsError| match error {
        TtsError::LanguageNotSupported { supported, .. } => supported,
        other => panic!("{other:?}"),
    };
    assert_eq!(supported(refused("Hola", None, Some("es")).await), ["en", "ru"]);
    assert_eq!(supported(refused("你好", None, None).await), ["en", "ru"]);
    assert_eq!(supported(refused("Привет", Some("en-us-slt-distilled"), None).await), ["en", "ru"]);
    assert!(
        matches!(refused("x", Some("nobody"), None).await, TtsError::UnknownVoice { known, .. } if known.len() == 4)
    );
    // A digit has no symbol, and leaving it out would lose a word.
    let error = refused("Кабинет 405", Some("tiny-ru"), None).await;
    assert!(matches!(error, TtsError::UnspeakableCharacter { character: '4', .. }), "{error:?}");
    let error = refused("сто%", Some("tiny-ru"), None).await;
    assert!(matches!(error, TtsError::UnspeakableCharacter { character: '%', .. }), "{error:?}");
    assert!(matches!(refused("...", Some("tiny-ru"), None).await, TtsError::NothingToSpeak));
}

#[tokio::test]
async fn two_utterances_at_once_are_those_spoken_alone() {
    let provider = provider();
    let texts = ["The first sentence is here.", "Another one, a little longer than the first, is here as well."];
    let mut alone = vec![];
    for text in texts {
        alone.push(samples(provider.speak(request(text, None, None)).await.unwrap()).await);
    }
    let [a, b] = texts.map(|text| async { samples(provider.speak(request(text, None, None)).await.unwrap()).await });
    let (a, b) = tokio::join!(a, b);
    assert!(a == alone[0] && b == alone[1]);
}

#[test]
fn voices_of_one_name_are_refused() {
    let voices = vec![load_built_in().unwrap(), load_built_in().unwrap()];
    let config = LocalVoicesConfig { threads: 1, queue: 1, default_voice: None };
    assert!(LocalVoices::new(voices, &config).err().unwrap().to_string().contains("two voices"));
    let config = LocalVoicesConfig { default_voice: Some("x".into()), ..config };
    assert!(LocalVoices::new(vec![load_built_in().unwrap()], &config).is_err());
}
