//! Where texts are cut, and when.

use proptest::prelude::*;

use super::{golden::GOLDEN, *};

const SETTINGS: PlannerSettings =
    PlannerSettings { first_phrase: Duration::from_millis(250), max_chars: 250, idle: Duration::from_millis(500) };

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The listener has enough to hear.
fn far(now: Instant) -> Playback {
    Playback { dry: Some(now + ms(600_000)), latency: ms(200), real_time_factor: 0.4 }
}

fn dry_in(now: Instant, in_ms: u64) -> Playback {
    Playback { dry: Some(now + ms(in_ms)), ..far(now) }
}

/// All phrases that there are now.
fn all(planner: &mut Planner, now: Instant, playback: Playback) -> Vec<Phrase> {
    std::iter::from_fn(|| planner.next(now, playback)).collect()
}

fn texts(phrases: &[Phrase]) -> Vec<&str> {
    phrases.iter().map(|phrase| phrase.text.as_str()).collect()
}

fn reasons(phrases: &[Phrase]) -> Vec<&str> {
    phrases.iter().map(|phrase| phrase.reason).collect()
}

pub(super) fn letters(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|_| true)
}

#[test]
fn a_text_is_cut_alike_however_it_comes_while_there_is_time() {
    let text = GOLDEN.map(|golden| golden.replace('¦', "")).join(" ");
    let now = Instant::now();
    let (mut whole, mut letter) = (Planner::new(SETTINGS, None), Planner::new(SETTINGS, None));
    whole.push(&text, now);
    whole.end();
    let at_once = all(&mut whole, now, far(now));
    let mut in_letters = vec![];
    for piece in letters(&text) {
        letter.push(piece, now);
        in_letters.extend(all(&mut letter, now, far(now)));
    }
    letter.end();
    in_letters.extend(all(&mut letter, now, far(now)));
    assert_eq!(at_once, in_letters);
    assert!(whole.is_done() && letter.is_done());
    assert!(at_once.iter().all(|phrase| phrase.text.chars().count() <= SETTINGS.max_chars));
    assert!(at_once.iter().any(|phrase| phrase.text.chars().count() > 150), "phrases grow");
}

#[test]
fn the_first_sentence_leaves_as_soon_as_it_is_certain() {
    let now = Instant::now();
    let mut planner = Planner::new(SETTINGS, None);
    planner.push("It is 3.", now);
    assert_eq!(planner.next(now, far(now)), None, "it may go on as 3.5");
    planner.push("5 km. ", now);
    assert_eq!(planner.next(now, far(now)), None);
    planner.push("W", now);
    let phrase = planner.next(now, far(now)).unwrap();
    assert_eq!((phrase.index, phrase.lead.as_str(), phrase.text.as_str()), (0, "", "It is 3.5 km."));
    assert_eq!(phrase.reason, "sentence");
    assert_eq!(planner.next(now, far(now)), None);
}

#[test]
fn the_first_phrase_leaves_in_time_at_a_clause_or_word() {
    let now = Instant::now();
    let cases = [
        ("Well, this is a long be", "Well, this is a long", "word"),
        ("Well my friend, this is a long be", "Well my friend,", "clause"),
        ("Ask Dr. Smith for 5 km of ro", "Ask Dr. Smith for 5 km of", "word"),
        ("Call Dr. Smi", "Call", "word"),
        ("all right then. how can i he", "all right then.", "clause"),
        ("ask for prof. smi", "ask for", "word"),
        ("Ну что ж — это дол", "Ну что ж —", "clause"),
        ("(Oh no) come ba", "(Oh no)", "clause"),
        ("你好我", "你好", "word"),
    ];
    for (text, expected, reason) in cases {
        let mut planner = Planner::new(SETTINGS, None);
        planner.push(" \n", now - ms(1_000));
        planner.push(text, now);
        let nobody = Playback { dry: None, ..far(now) };
        assert_eq!(planner.next(now, nobody), None);
        assert_eq!(planner.wake(nobody), Some(now + ms(250)), "not by the white space before: {text:?}");
        assert_eq!(planner.next(now + ms(249), nobody), None);
        let phrase = planner.next(now + ms(250), nobody).unwrap();
        assert_eq!((phrase.lead.as_str(), phrase.text.as_str(), phrase.reason), (" \n", expected, reason));
    }
    let mut planner = Planner::new(SETTINGS, None);
    planner.push("Unbelieva", now);
    assert_eq!(planner.next(now + ms(300), far(now)), None, "there is no place yet");
    planner.push("ble n", now + ms(300));
    assert_eq!(planner.next(now + ms(300), far(now)).unwrap().text, "Unbelievable");
}

#[test]
fn phrases_grow_while_there_is_time() {
    let now = Instant::now();
    let mut planner = Planner::new(SETTINGS, None);
    let sentence = "Ten chars. ";
    planner.push(&sentence.repeat(40), now);
    planner.end();
    let phrases = all(&mut planner, now, far(now));
    let sentences: Vec<usize> = phrases.iter().map(|phrase| phrase.text.matches('.').count()).collect();
    // 10 characters, then twice as many, as the voice needs 0.4 of the time.
    assert_eq!(sentences, [1, 2, 4, 8, 16, 9]);
    assert!(planner.is_done());
}

#[test]
fn what_there_is_leaves_before_the_listener_runs_dry() {
    let now = Instant::now();
    // Latency 200 ms: 450 ms before.
    let cases = [
        ("Yes. And then we went to the", "Yes.", "sentence"),
        ("And then, as we we", "And then,", "clause"),
        ("And then as we we", "And then as we", "word"),
    ];
    for (text, expected, reason) in cases {
        let mut planner = Planner::new(SETTINGS, None);
        planner.push("This is how it begins. ", now);
        planner.push(text, now);
        planner.next(now, far(now)).unwrap();
        assert_eq!(planner.next(now, dry_in(now, 480)), None);
        assert_eq!(planner.wake(dry_in(now, 480)), Some(now + ms(30)));
        let phrase = planner.next(now + ms(30), dry_in(now, 480)).unwrap();
        assert_eq!((phrase.text.as_str(), phrase.reason), (expected, reason));
    }
    let mut planner = Planner::new(SETTINGS, None);
    planner.push("This is how it begins. The e", now);
    planner.next(now, far(now)).unwrap();
    assert_eq!(planner.next(now, dry_in(now, 0)), None, "one short word");
    assert_eq!(planner.wake(dry_in(now, 0)), Some(now + ms(250)));
    assert_eq!(planner.next(now + ms(250), dry_in(now, 0)).unwrap().text, "The");
}

#[test]
fn after_a_pause_what_has_come_leaves() {
    let now = Instant::now();
    for (text, at, expected) in [
        ("Wait for me.", 500, "Wait for me."),
        ("Wait for me, ", 500, "Wait for me,"),
        ("Wait for \"me?\"", 500, "Wait for \"me?\""),
        ("Wait for m", 500, "Wait for"),
        ("Wait", 2_000, "Wait"),
    ] {
        let mut planner = Planner::new(SETTINGS, None);
        planner.push("Hello there. ", now);
        planner.push(text, now);
        planner.next(now, far(now)).unwrap();
        let mut woken = now;
        let phrase = loop {
            if let Some(phrase) = planner.next(woken, far(now)) {
                break phrase;
            }
            let wake = planner.wake(far(now)).unwrap();
            assert!(wake > woken);
            woken = wake;
        };
        assert_eq!((woken - now, phrase.text.as_str(), phrase.reason), (ms(at), expected, "idle"));
    }
}

#[test]
fn bars_and_flushes_cut() {
    let now = Instant::now();
    let mut planner = Planner::new(SETTINGS, None);
    planner.push("||One| |two... | ... |🙂|Dr. |Sm", now);
    let phrases = all(&mut planner, now, far(now));
    assert_eq!(texts(&phrases), ["One", "two...", "Dr."]);
    assert_eq!(reasons(&phrases), ["bar", "bar", "bar"]);
    assert_eq!(phrases[2].lead, " | ... |🙂|");
    planner.flush();
    planner.push("ith went. Home it is", now);
    let phrases = all(&mut planner, now, far(now));
    assert_eq!((texts(&phrases), reasons(&phrases)), (vec!["Sm", "ith went."], vec!["flush", "sentence"]));
    planner.end();
    let phrases = all(&mut planner, now, far(now));
    assert_eq!((texts(&phrases), reasons(&phrases)), (vec!["Home it is"], vec!["end"]));
    assert!(planner.is_done());
}

#[test]
fn what_nobody_says_is_no_phrase() {
    let now = Instant::now();
    let mut planner = Planner::new(SETTINGS, None);
    planner.push(" ... 🙂 | ", now);
    planner.flush();
    assert_eq!((planner.next(now + ms(9_000), far(now)), planner.wake(far(now))), (None, None));
    planner.push("- Hello. 🙂 |", now);
    planner.end();
    let phrases = all(&mut planner, now, far(now));
    assert_eq!((phrases[0].lead.as_str(), texts(&phrases)), (" ... 🙂 | - ", vec!["Hello."]));
    assert!(planner.is_done());
}

#[test]
fn long_texts_without_marks_are_cut() {
    let now = Instant::now();
    let settings = PlannerSettings { max_chars: 40, ..SETTINGS };
    let words = "word ".repeat(30);
    for (text, longest) in
        [(words.as_str(), 39), (&"x".repeat(100), 40), (&"5 ".repeat(60), 39), (&"word, ".repeat(20), 35)]
    {
        let mut planner = Planner::new(settings, None);
        planner.push(text, now);
        let phrases = all(&mut planner, now, far(now));
        assert!(phrases.len() >= 2, "{text:?}");
        assert!(phrases.iter().all(|phrase| phrase.text.chars().count() == longest), "{phrases:?}");
    }
}

#[derive(Debug, Clone)]
enum Act {
    Push(usize),
    Wait(u64),
    Flush,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => (1usize..12).prop_map(Act::Push),
        2 => (0u64..400).prop_map(Act::Wait),
        1 => (400u64..4_000).prop_map(Act::Wait),
        1 => Just(Act::Flush),
    ];
    prop::collection::vec(act, 0..60)
}

const ALPHABET: &str = "(?s)([a-z]{1,6}|[А-Яа-я]{1,6}|[0-9]{1,4}|[0-9]\\.[0-9]|[ ]|[ ]|[.]|[.,;:!?…|\"'()«»—–-]|\n|Dr\\. |т\\. |🙂|。|你好|\u{a0}|\\. A){0,80}";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    /// Whatever comes whenever: all of it is said once, in order, and nobody is woken in vain for ever.
    #[test]
    fn all_of_a_text_is_said(text in ALPHABET, acts in acts(), max in 10usize..80, dry in 0u64..3_000, factor in 0.0..2.0) {
        let settings = PlannerSettings { max_chars: max, ..SETTINGS };
        let (began, mut now) = (Instant::now(), Instant::now());
        let mut planner = Planner::new(settings, None);
        let (mut rest, mut phrases): (&str, Vec<Phrase>) = (&text, vec![]);
        let mut forced = vec![];
        let (mut playback, mut said) = (Playback { dry: None, latency: ms(100), real_time_factor: factor }, 0);
        for act in &acts {
            match act {
                Act::Push(chars) => {
                    let at = rest.char_indices().nth(*chars).map_or(rest.len(), |(at, _)| at);
                    planner.push(&rest[..at], now);
                    rest = &rest[at..];
                }
                Act::Wait(time) => now += ms(*time),
                Act::Flush => {
                    planner.flush();
                    forced.push(text.len() - rest.len());
                }
            }
            let mut woken = 0;
            loop {
                while let Some(phrase) = planner.next(now, playback) {
                    said += phrase.lead.len() + phrase.text.len();
                    if matches!(phrase.reason, "flush" | "idle") || phrase.text.chars().count() == max {
                        forced.push(said);
                    }
                    playback.dry = Some(now + ms(dry));
                    phrases.push(phrase);
                }
                let Some(wake) = planner.wake(playback) else { break };
                prop_assert!(wake > now, "{:?} {:?}", wake - began, now - began);
                woken += 1;
                prop_assert!(woken < 20, "woken in vain");
                if !matches!(act, Act::Wait(_)) {
                    break;
                }
                now = wake;
            }
        }
        planner.push(rest, now);
        planner.end();
        phrases.extend(all(&mut planner, now, playback));
        prop_assert!(planner.is_done());
        prop_assert_eq!(planner.wake(playback), None);

        let together: String = phrases.iter().map(|phrase| format!("{}{}", phrase.lead, phrase.text)).collect();
        prop_assert!(text.starts_with(&together), "{:?} of {:?}", together, text);
        prop_assert!(!speakable(&text[together.len()..]));
        let mut at = 0;
        for (index, phrase) in phrases.iter().enumerate() {
            prop_assert_eq!(phrase.index, index as u64);
            prop_assert!(speakable(&phrase.text) && phrase.text.trim() == phrase.text && !phrase.text.contains('|'));
            prop_assert!(phrase.text.chars().count() <= max);
            at += phrase.lead.len() + phrase.text.len();
            let (before, after) = text.split_at(at);
            let (last, next) = (before.chars().next_back(), after.chars().next());
            let word = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() && super::super::continued::of_word(c));
            let number = word(last) && word(next) || after.starts_with(|c: char| c.is_numeric()) && before.ends_with('.');
            let long = phrase.text.chars().count() == max;
            prop_assert!(!number || long || forced.contains(&at), "{:?} / {:?} {:?}", before, after, phrase.reason);
        }
    }
}

#[test]
fn what_has_been_spoken_is_not_kept() {
    let now = Instant::now();
    for text in ["word ", "x", ".", "Sentence one. ", " ", "\"", "a,", "(", "- ", "5. "] {
        let mut planner = Planner::new(SETTINGS, None);
        for piece in letters(&text.repeat(20_000 / text.len())) {
            planner.push(piece, now);
            while planner.next(now, far(now)).is_some() {}
            assert!(planner.text.len() <= 4 * 250 + KEPT || !planner.ahead.word, "{text:?} is kept");
        }
    }
}
