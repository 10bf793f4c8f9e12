//! Who is slow to begin gets company.

use super::*;

const BUDGET: Duration = Duration::from_millis(500);

fn hedging(providers: &[&Arc<Scripted>]) -> Arc<Chain> {
    chain_with(providers, Some(BUDGET))
}

/// Who spoke, and after how long.
async fn first_sound(chain: &Arc<Chain>, voice: Option<&str>) -> (Speaking, Duration) {
    let began = tokio::time::Instant::now();
    let speaking = speak(chain, request("Hello my world.", voice)).await.unwrap();
    (speaking, began.elapsed())
}

fn asked(provider: &Scripted) -> usize {
    provider.asked.lock().unwrap().len()
}

fn failures(chain: &Chain, name: &str) -> u64 {
    chain.parts()[name].detail.get("failures_in_a_row").map_or(0, |failures| failures.as_u64().unwrap())
}

#[tokio::test(start_paused = true)]
async fn one_in_time_speaks_alone() {
    let (first, second) = (provider("first", &[Act::SpeakAfter(499 * MS)]), provider("second", &[]));
    let (speaking, after) = first_sound(&hedging(&[&first, &second]), None).await;
    assert_eq!((speaking.provider, after, asked(&second)), ("first", 499 * MS, 0));
}

#[tokio::test(start_paused = true)]
async fn the_first_one_wins_in_spite_of_company() {
    let first = provider("first", &[Act::SpeakAfter(600 * MS)]);
    let second = provider("second", &[Act::SpeakAfter(300 * MS)]);
    let chain = hedging(&[&first, &second]);
    let (speaking, after) = first_sound(&chain, None).await;
    assert_eq!((speaking.provider, after, asked(&second)), ("first", 600 * MS, 1));
    assert_eq!((first.active(), second.active()), (1, 0), "the other one was stopped");
    assert_eq!(failures(&chain, "second"), 0, "it had 100 ms");
    assert_eq!(listen(speaking).await.0, "Hello my world.");
}

#[tokio::test(start_paused = true)]
async fn the_second_one_wins_and_the_first_one_has_failed() {
    let slow = Act::SpeakAfter(900 * MS);
    let (first, second) = (provider("first", &[slow; 5]), provider("second", &[Act::SpeakAfter(100 * MS)]));
    let chain = hedging(&[&first, &second]);
    let (speaking, after) = first_sound(&chain, None).await;
    assert_eq!((speaking.provider, after), ("second", 600 * MS));
    assert_eq!((first.active(), second.active()), (0, 1));
    assert_eq!(failures(&chain, "first"), 1);
    assert_eq!(chain.parts()["first"].detail["last_failure"], "timeout");
    assert_eq!(first_sound(&chain, None).await.1, BUDGET);
    // Two failures open its breaker: nobody waits for it any more.
    assert_eq!(first_sound(&chain, None).await.1, Duration::ZERO);
    assert_eq!(asked(&first), 2);
}

#[tokio::test(start_paused = true)]
async fn the_third_one_starts_after_half_the_time() {
    let (first, second, third) =
        (provider("first", &[Act::Hang]), provider("second", &[Act::Hang]), provider("third", &[]));
    let chain = hedging(&[&first, &second, &third]);
    let (speaking, after) = first_sound(&chain, None).await;
    assert_eq!((speaking.provider, after), ("third", 750 * MS));
    assert_eq!((first.active(), second.active()), (0, 0));
    assert_eq!((failures(&chain, "first"), failures(&chain, "second")), (1, 0), "the second one had 250 ms");
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_is_followed_at_once() {
    let first = provider("first", &[Act::Hang]);
    let second = provider("second", &[Act::RefuseAfter(50 * MS)]);
    let third = provider("third", &[]);
    let (speaking, after) = first_sound(&hedging(&[&first, &second, &third]), None).await;
    assert_eq!((speaking.provider, after), ("third", 550 * MS));
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_first_ones_failure_is_told() {
    let first = provider("first", &[Act::Hang]);
    let second = provider("second", &[Act::Refuse]);
    let began = tokio::time::Instant::now();
    let error = speak(&hedging(&[&first, &second]), request("Hello.", None)).await.err().unwrap();
    assert_eq!((error.code(), began.elapsed()), ("provider_timeout", SECOND), "though it failed last");
    assert_eq!((first.active(), second.active()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_stops_all_and_blames_nobody() {
    let (first, second) = (provider("first", &[Act::Hang]), provider("second", &[Act::Hang]));
    let chain = hedging(&[&first, &second]);
    let gone = tokio::time::timeout(700 * MS, speak(&chain, request("Hello.", None))).await;
    assert!(gone.is_err());
    assert_eq!((asked(&first), asked(&second)), (1, 1));
    assert_eq!((first.active(), second.active()), (0, 0));
    assert_eq!((failures(&chain, "first"), failures(&chain, "second")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_named_voice_gets_no_company_by_another_voice() {
    let (first, second) = (provider("first", &[Act::SpeakAfter(800 * MS), Act::Refuse]), provider("second", &[]));
    let chain = hedging(&[&first, &second]);
    assert_eq!(first_sound(&chain, Some("first")).await.0.provider, "first");
    assert_eq!(asked(&second), 0);
    assert_eq!(first_sound(&chain, Some("first")).await.0.provider, "second", "an outage is another matter");
}

#[tokio::test(start_paused = true)]
async fn one_that_was_only_slower_may_go_on() {
    let (first, second) = (provider("first", &[Act::Hang]), provider("second", &[Act::FailAfter(6)]));
    let (speaking, _) = first_sound(&hedging(&[&first, &second]), None).await;
    assert_eq!(speaking.provider, "second");
    assert_eq!(listen(speaking).await.0, "Hello my world.");
    assert_eq!(first.asked.lock().unwrap().last().unwrap(), "my world.");
}

#[tokio::test(start_paused = true)]
async fn the_local_voice_has_no_time_limit() {
    let local = |acts: &[Act]| Arc::new(Scripted::new("local", "local", acts).local());
    let slow = local(&[Act::SpeakAfter(10 * SECOND)]);
    let (speaking, after) = first_sound(&hedging(&[&slow]), None).await;
    assert_eq!((speaking.provider, after), ("local", 10 * SECOND));
    // In front it gets company as any other, and is never left alone.
    let (slow, second) = (local(&[Act::Hang; 9]), provider("second", &[]));
    let chain = hedging(&[&slow, &second]);
    for _ in 0..5 {
        assert_eq!(first_sound(&chain, None).await.1, BUDGET);
    }
    assert_eq!(slow.asked.lock().unwrap().len(), 5);
    assert_eq!(slow.active(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_one_that_loses_is_seen() {
    let (first, second) = (provider("first", &[Act::Hang]), provider("second", &[]));
    let mut registry = Registry::default();
    let chain = chain_of(&[&first, &second], Some(BUDGET), Events::register(&mut registry));
    assert_eq!(first_sound(&chain, None).await.0.provider, "second");
    assert_eq!(metric(&registry, "tts_provider_first_audio_ms_sum{provider=\"first\"}"), 500.0);
}

#[tokio::test(start_paused = true)]
async fn one_whose_connections_succeed_again_is_asked_at_once() {
    let (first, second) = (provider("first", &[Act::Hang; 3]), provider("second", &[]));
    let providers = [&first, &second].map(|provider| Arc::clone(provider) as Arc<dyn TtsProvider>);
    let breaker = BreakerSettings { failures: 2, open: 60 * SECOND, longest: 600 * SECOND };
    let settings =
        ChainSettings { breaker, first_audio_timeout: SECOND, first_audio_budget: Some(BUDGET), stall: 700 * MS };
    let mut registry = Registry::default();
    let chain = Arc::new(Chain::new(providers.into(), settings, Events::register(&mut registry)));
    let breaker = || chain.parts()["first"].detail["breaker"].clone();
    for wait in [BUDGET, BUDGET, Duration::ZERO] {
        assert_eq!(first_sound(&chain, None).await.1, wait);
    }
    assert_eq!(breaker(), "open");
    tokio::time::advance(MS).await;
    let come_back = || *first.recovered.lock().unwrap() = Some(tokio::time::Instant::now());
    come_back();
    assert_eq!((breaker(), metric(&registry, "tts_breaker{provider=\"first\"}")), ("half_open".into(), 0.5));
    tokio::time::advance(MS).await;
    // It is still silent: that costs one request its patience, and not every one.
    for wait in [BUDGET, Duration::ZERO] {
        assert_eq!(first_sound(&chain, None).await.1, wait);
    }
    assert_eq!((breaker(), asked(&first)), ("open".into(), 3));
    come_back();
    let (speaking, after) = first_sound(&chain, None).await;
    assert_eq!((speaking.provider, after), ("first", Duration::ZERO));
}
