//! Speech without a server, as another program would use it.

use evervoice_core::{
    audio::OutputFormat,
    service::{Lifecycle, Shell},
    tts::SpeechRequest,
};
use evervoice_tts::{
    TtsSettings,
    config::ProviderChoice,
    speech::{PlayClock, Step},
    start_speech,
};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn a_text_that_is_still_written_is_spoken() {
    let mut settings = TtsSettings { provider: ProviderChoice::Local, ..TtsSettings::default() };
    settings.stock.enabled = false;
    let lifecycle = Lifecycle::new();
    let shell = Shell::new(&lifecycle);
    let speech = start_speech(&settings, &shell).await.unwrap();

    // Its text says how to speak; what is said is written later.
    let how = SpeechRequest::new("-".into(), None, Some("en".into()), None, speech.limits()).unwrap();
    let (mut writer, phrases) = speech.phrases(how);
    for token in ["Good", " morning. How", " are you"] {
        writer.push(token).unwrap();
    }
    let mut utterance = speech.speak_phrases(phrases, OutputFormat::Pcm16000, "call-1").await.unwrap();
    writer.push(" today?").unwrap();
    writer.end().unwrap();

    let (mut clock, mut bytes, mut texts) = (PlayClock::default(), 0, vec![]);
    while let Some(step) = utterance.step().await {
        match step.unwrap() {
            Step::Audio(sound) => {
                bytes += sound.len();
                clock.sent(Duration::from_secs_f64(sound.len() as f64 / 32_000.0), Instant::now());
            }
            Step::Phrase(phrase) => texts.push(phrase.text),
            _ => {}
        }
    }
    assert_eq!(texts, ["Good morning.", "How are you today?"]);
    assert!(bytes > 32_000, "more than a second: {bytes} bytes");
    // A listener who has heard all of it has heard all of the text.
    assert_eq!(utterance.ledger().heard(Duration::from_secs(60)), "Good morning. How are you today?");
    assert_eq!(clock.ahead(Instant::now() + Duration::from_secs(60)), Duration::ZERO);
    drop(utterance);
    assert_eq!(speech.load().0, 0, "its place is free");
    shell.goodbye().await;
}
