//! Slow clients, many clients, clients that go away, and work that takes too long.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{io::AsyncWriteExt, time::sleep};

use crate::support::{Answer, TestService, pcm};

const DIGITS: &str = "one two three four five";

#[tokio::test]
async fn a_byte_at_a_time_is_too_slow() {
    let service = TestService::with(|config| config.server.body_timeout = 1.0).await;
    let mut stream = service.begin("", "", 82_000).await;
    let began = Instant::now();
    let (reader, mut writer) = stream.split();
    let slow = async {
        while writer.write_all(&[0]).await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = slow => {}
        () = async { reader.readable().await.unwrap() } => {}
    }
    let answer = Answer::read(stream).await;
    assert_eq!(answer.problem(), (408, "body_timeout".into()));
    assert!(answer.detail().contains("1 s"), "{}", answer.detail());
    assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_length_that_is_too_long_is_refused_before_the_body() {
    let service = TestService::start().await;
    let mut stream = service.begin("Expect: 100-continue\r\n", "", 500_000_000).await;
    // Nothing of the body is sent: the answer must not wait for it.
    stream.flush().await.unwrap();
    assert_eq!(Answer::read(stream).await.problem(), (413, "audio_too_long".into()));
}

#[tokio::test]
async fn a_refused_client_may_send_on_and_then_reads_why() {
    let service = TestService::start().await;
    let mut stream = service.begin("", "", 800_000).await;
    // After 480,000 bytes it is certain that this is too long. Many clients give up at the first write that fails.
    stream.write_all(&vec![0; 650_000]).await.unwrap();
    for _ in 0..3 {
        sleep(Duration::from_millis(50)).await;
        stream.write_all(&[0; 50_000]).await.expect("the service reads on for a moment");
    }
    assert_eq!(Answer::read(stream).await.problem(), (413, "audio_too_long".into()));
}

#[tokio::test]
async fn two_hundred_at_once_are_right_or_told_to_come_back() {
    let service = Arc::new(TestService::with(|config| config.recognition.queue = 4).await);
    let sound: Arc<Vec<u8>> = pcm("digits").into();
    let all = (0..200).map(|_| {
        let (service, sound) = (Arc::clone(&service), Arc::clone(&sound));
        tokio::spawn(async move { service.post("", &sound).await })
    });
    let (mut right, mut refused) = (0, 0);
    for answer in all.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        if answer.status == 200 {
            assert_eq!(answer.words(), DIGITS);
            right += 1;
        } else {
            assert_eq!(answer.problem(), (503, "overloaded".into()));
            assert_eq!(answer.headers["retry-after"], "1");
            refused += 1;
        }
    }
    assert!(right >= 6 && refused > 0, "{right} right, {refused} refused");
    assert_eq!(service.post("", &sound).await.words(), DIGITS);
}

#[tokio::test]
async fn with_room_for_all_all_are_right() {
    let service = Arc::new(TestService::with(|config| config.recognition.queue = 200).await);
    let all = (0..60).map(|_| {
        let service = Arc::clone(&service);
        tokio::spawn(async move { service.post("", &pcm("lights")).await.words() })
    });
    for words in all.collect::<Vec<_>>() {
        assert_eq!(words.await.unwrap(), "turn on the light in the kitchen please");
    }
}

#[tokio::test]
async fn clients_that_hang_up_leave_nothing_behind() {
    let service = TestService::start().await;
    let sound = pcm("digits");
    for _ in 0..40 {
        let mut stream = service.begin("", "", sound.len()).await;
        stream.write_all(&sound[..40_000]).await.unwrap();
        drop(stream);
        let mut stream = service.begin("", "", sound.len()).await;
        stream.write_all(&sound).await.unwrap();
        drop(stream);
    }
    let free = async {
        while service.get("/health").await.json()["parts"]["recognizer"]["free_request_places"] != 34 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), free).await.expect("every place comes back");
    assert_eq!(service.post("", &sound).await.words(), DIGITS);
}

#[tokio::test]
async fn work_that_takes_too_long_is_given_up() {
    let service = TestService::with(|config| config.recognition.request_timeout = 0.001).await;
    assert_eq!(service.post("", &pcm("hello")).await.problem(), (504, "request_timeout".into()));
}

#[tokio::test]
async fn places_are_counted_by_kind() {
    let service = TestService::with(|config| {
        config.recognition.queue = 0;
        config.stream.max_streams = 3;
    })
    .await;
    let part = service.get("/health").await.json()["parts"]["recognizer"].clone();
    assert_eq!((&part["free_request_places"], &part["free_stream_places"]), (&2.into(), &3.into()));
}
