//! What who listens to a text of several phrases gets, and when.

use tokio::time::{Instant, sleep_until};

use super::*;

/// What happened, in order: phrases by their text, their ends as `/`.
struct Listened {
    parts: Vec<String>,
    samples: Vec<i16>,
    error: Option<TtsError>,
}

/// Listens in real time, 400 ms ahead.
async fn in_real_time(mut speaking: Speaking) -> Listened {
    let mut listened = Listened { parts: vec![], samples: vec![], error: None };
    let began = Instant::now();
    while let Some(part) = speaking.parts.next().await {
        match part {
            Ok(Part::Audio(chunk)) => {
                listened.samples.extend(chunk.samples);
                let played = Duration::from_secs_f64(listened.samples.len() as f64 / 16_000.0);
                sleep_until(began + played.saturating_sub(400 * MS)).await;
            }
            Ok(Part::Phrase(phrase)) => listened.parts.push(phrase.text),
            Ok(Part::PhraseEnd) => listened.parts.push("/".into()),
            Ok(Part::Provider { .. }) => {}
            Err(error) => listened.error = Some(error),
        }
    }
    listened
}

fn local_voice() -> Arc<Chain> {
    let config = evervoice_voice::LocalVoicesConfig { threads: 1, queue: 16, default_voice: None };
    let voices = vec![evervoice_voice::load_built_in().unwrap()];
    let local: Arc<dyn TtsProvider> = Arc::new(evervoice_voice::LocalVoices::new(voices, &config).unwrap());
    let breaker = BreakerSettings { failures: 2, open: SECOND, longest: SECOND };
    let settings = ChainSettings { breaker, first_audio_timeout: SECOND, first_audio_budget: None, stall: 700 * MS };
    Arc::new(Chain::new(vec![local], settings, Events::register(&mut Registry::default())))
}

#[tokio::test]
async fn a_phrase_that_nobody_can_say_ends_nothing() {
    let chain = local_voice();
    for (pieces, expected) in [
        (["==========", "All is well."], "==========/All is well./"),
        (["Ok.", "‰"], "Ok./‰/"),
        (["The sum is five.", "+"], "The sum is five./+/"),
    ] {
        let (mut writer, phrases) = phrases();
        for piece in pieces {
            writer.push(piece).unwrap();
            writer.flush().unwrap();
        }
        writer.end().unwrap();
        let mut speaking = stream(phrases, &chain).await.unwrap();
        let (mut parts, mut samples) = (vec![], 0);
        while let Some(part) = speaking.parts.next().await {
            match part.unwrap() {
                Part::Phrase(phrase) => parts.push(phrase.text),
                Part::PhraseEnd => parts.push("/".into()),
                part => samples += sound(&part),
            }
        }
        assert_eq!(parts.concat(), expected);
        assert!(samples > 4_000, "{pieces:?}: {samples}");
    }
    let (mut writer, phrases) = phrases();
    writer.push("=====").unwrap();
    writer.end().unwrap();
    assert_eq!(stream(phrases, &chain).await.err().unwrap().code(), "nothing_to_speak");
}

/// A line of signs is not asked for, so an outage of the first provider does not end the text with it.
#[tokio::test(start_paused = true)]
async fn signs_alone_are_not_asked_for() {
    let first = provider("first", &[]);
    let (mut writer, phrases) = phrases();
    for piece in ["One.", "=====", "Two."] {
        writer.push(piece).unwrap();
        writer.flush().unwrap();
    }
    writer.end().unwrap();
    let listened = in_real_time(stream(phrases, &chain(&[&first])).await.unwrap()).await;
    assert_eq!(listened.parts, ["One.", "/", "=====", "/", "Two.", "/"]);
    assert_eq!(*first.asked.lock().unwrap(), ["One.", "Two."]);
}

#[tokio::test(start_paused = true)]
async fn a_phrase_that_comes_late_is_a_gap() {
    let first = provider("first", &[Act::Speak, Act::SpeakAfter(900 * MS)]);
    let mut registry = Registry::default();
    let breaker = BreakerSettings { failures: 2, open: SECOND, longest: SECOND };
    let settings = ChainSettings { breaker, first_audio_timeout: SECOND, first_audio_budget: None, stall: 700 * MS };
    let chain = Arc::new(Chain::new(vec![first as Arc<dyn TtsProvider>], settings, Events::register(&mut registry)));
    let (mut writer, phrases) = phrases();
    writer.push("One two.|Three four.").unwrap();
    writer.end().unwrap();
    let listened = in_real_time(stream(phrases, &chain).await.unwrap()).await;
    assert_eq!(heard(&listened.samples), "One two.Three four.");
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let sum = text.lines().find_map(|line| line.strip_prefix("tts_gap_ms_sum ")).unwrap();
    // "One two." is heard for 160 ms.
    assert_eq!(sum.parse::<f64>().unwrap().round(), 740.0);
}

#[tokio::test(start_paused = true)]
async fn all_that_came_is_said_before_a_text_is_given_up() {
    let first = provider("first", &[]);
    let text: String = (0..33).map(|n| format!("This is sentence number {n}. ")).collect();
    let (mut writer, phrases) = phrases();
    writer.push(&text).unwrap();
    let listened = in_real_time(stream(phrases, &chain(&[&first])).await.unwrap()).await;
    assert_eq!(heard(&listened.samples).replace(' ', ""), text.replace(' ', ""));
    assert_eq!(listened.error.unwrap().code(), "text_timeout");
    drop(writer);
}

#[tokio::test(start_paused = true)]
async fn all_sound_before_a_failure_is_heard() {
    let first = provider("first", &[Act::FailAfter(9)]);
    let (mut writer, phrases) = phrases();
    writer.push("One two three four.").unwrap();
    writer.end().unwrap();
    let listened = in_real_time(stream(phrases, &chain(&[&first])).await.unwrap()).await;
    assert_eq!(listened.error.unwrap().code(), "provider_unreachable");
    assert_eq!((listened.samples.len(), heard(&listened.samples).as_str()), (3 * 320, "One"));
}

#[tokio::test(start_paused = true)]
async fn the_first_phrase_does_not_set_the_rate() {
    let first = Arc::new(Scripted::new("first", "first", &[Act::Speak, Act::Refuse]).at_rate(8_000));
    let second = provider("second", &[]);
    let (mut writer, phrases) = phrases();
    writer.push("One.|Two three.").unwrap();
    writer.end().unwrap();
    let speaking = stream(phrases, &chain(&[&first, &second])).await.unwrap();
    assert_eq!(speaking.sample_rate, 16_000);
    let listened = in_real_time(speaking).await;
    assert_eq!(listened.samples.len(), "One.Two three.".len() * 320, "{:?}", listened.parts);
}
