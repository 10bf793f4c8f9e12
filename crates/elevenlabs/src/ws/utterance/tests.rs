//! Utterances on a socket to a far end in memory, with time that is set ahead.

use evervoice_core::pool::{Connection, Pool, PoolConfig};
use futures_util::SinkExt;
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::json;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::{
    aligned::Aligned,
    config::{ElevenLabsSettings, WsEndpoint},
    events::Events,
    format::OutputFormat,
    ws::{
        WsConnection,
        connector::{Key, WsConnector},
        tests::{Bench, Far, last, said, sound},
    },
};

const FORMAT: OutputFormat = OutputFormat::PCM_16000;

/// An utterance whose first text has arrived.
struct Scene {
    utterance: Utterance,
    connection: Arc<WsConnection>,
    far: Far,
    metrics: Registry,
    _bench: Bench,
}

impl Scene {
    /// Text in pieces, of which `text` is the first.
    async fn pieces(endpoint: WsEndpoint, text: &str, trusted: bool) -> Self {
        let mut metrics = Registry::default();
        let events = Events::register(&mut metrics);
        let settings = Arc::new(ElevenLabsSettings { ws_auto_mode: true, ..ElevenLabsSettings::default() });
        let connector = WsConnector::new(Arc::clone(&settings), events.clone()).unwrap();
        // Never asked: the socket is that of the bench.
        let pool = Pool::start(connector, PoolConfig { ready: 0, ..PoolConfig::default() }, Arc::new(()));
        let line = Arc::new(Line { settings, pool, events });
        let key = Key { voice_id: "v".into(), model_id: "m".into(), format: FORMAT, language: None };
        let order = Order { key, speed: 1.0, request_id: "r1".into() };
        let mut bench = Bench::new(endpoint);
        let (connection, context) = bench.open_with(text).await;
        let decoder = Decoder::new(FORMAT).unwrap();
        let aligned = Aligned::new(text, decoder.sample_rate(), trusted);
        let place = Place { context, waited: false, alive: None, decoder, aligned };
        let utterance = Utterance::on(line, order, place, text, false);
        let far = bench.far(1).await;
        Self { utterance, connection, far, metrics, _bench: bench }
    }

    async fn send(&mut self, message: Message) {
        self.far.send(message).await.unwrap();
    }

    /// How many samples are heard next.
    async fn heard(&mut self) -> usize {
        self.next().await.unwrap().unwrap().samples.len()
    }

    async fn next(&mut self) -> Option<Result<AudioChunk, ElevenLabsError>> {
        timeout(Duration::from_secs(600), self.utterance.next()).await.expect("nothing ever comes")
    }

    /// Whether the far end is told something while so much time passes.
    async fn told_within(&mut self, time: Duration) -> bool {
        let (_, told) = tokio::join!(timeout(time, self.utterance.next()), timeout(time, said(&mut self.far)));
        told.is_ok()
    }
}

/// Sound with an alignment.
fn aligned_sound(text: &str, bytes: &[u8]) -> Message {
    let Message::Text(plain) = sound("1", bytes) else { unreachable!("sound is text") };
    let mut json: serde_json::Value = serde_json::from_str(&plain).unwrap();
    let chars: Vec<String> = text.chars().map(String::from).collect();
    json["alignment"] =
        json!({"charStartTimesMs": vec![0; chars.len()], "charDurationsMs": vec![1; chars.len()], "chars": chars});
    Message::text(json.to_string())
}

fn close() -> serde_json::Value {
    json!({"context_id": "1", "close_context": true})
}

#[tokio::test(start_paused = true)]
async fn sound_of_an_earlier_text_does_not_let_the_end_overtake_the_last() {
    let mut scene = Scene::pieces(WsEndpoint::Multi, "One. ", false).await;
    scene.send(sound("1", &[1; 4])).await;
    assert_eq!(scene.heard().await, 2);
    scene.utterance.push_text("Two.", true).await;
    scene.utterance.finish().await;
    assert_eq!(said(&mut scene.far).await.unwrap()["text"], "Two. ");
    assert_eq!(said(&mut scene.far).await.unwrap()["flush"], true);
    // Still of the first text.
    scene.send(sound("1", &[1; 6])).await;
    assert_eq!(scene.heard().await, 3);
    assert!(!scene.told_within(GRACE * 9 / 10).await, "the last text is not heard yet");
    scene.send(sound("1", &[2; 8])).await;
    assert_eq!(scene.heard().await, 4);
    assert_eq!(said(&mut scene.far).await, Some(close()));
    scene.send(last("1")).await;
    assert!(scene.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn silence_closes_where_nobody_can_tell_what_was_heard() {
    let mut scene = Scene::pieces(WsEndpoint::Multi, "One. ", false).await;
    scene.send(sound("1", &[1; 4])).await;
    assert_eq!(scene.heard().await, 2);
    scene.utterance.finish().await;
    assert_eq!(said(&mut scene.far).await.unwrap()["flush"], true);
    assert!(!scene.told_within(GRACE * 9 / 10).await);
    assert!(scene.told_within(GRACE).await);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_comes_before_that_of_the_text_is_a_failure() {
    for trusted in [true, false] {
        let mut scene = Scene::pieces(WsEndpoint::Multi, "One. ", trusted).await;
        scene.send(aligned_sound("One. ", &[1; 4])).await;
        scene.send(last("1")).await;
        assert_eq!(scene.heard().await, 2);
        let error = scene.next().await.unwrap().unwrap_err();
        let ElevenLabsError::Incomplete { text_end } = error else { panic!("{error}") };
        assert_eq!(text_end, trusted.then_some(5));
        assert!(scene.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn sound_that_came_before_the_socket_was_lost_is_heard() {
    let mut scene = Scene::pieces(WsEndpoint::Multi, "One. ", true).await;
    scene.send(aligned_sound("One. ", &[1; 4])).await;
    assert_eq!(scene.heard().await, 2);
    scene.send(sound("1", &[1; 6])).await;
    scene.send(sound("1", &[1; 8])).await;
    scene.send(Message::Close(None)).await;
    scene.connection.closed().await;
    scene.utterance.push_text("Two. ", false).await;
    scene.utterance.flush().await;
    scene.utterance.keep_alive().await;
    scene.utterance.finish().await;
    assert_eq!((scene.heard().await, scene.heard().await), (3, 4));
    assert!(matches!(scene.next().await, Some(Err(ElevenLabsError::Closed { .. }))));
    let mut metrics = String::new();
    encode(&mut metrics, &scene.metrics).unwrap();
    assert!(metrics.contains("elevenlabs_ws_errors_total{"), "told: {metrics}");
}

#[tokio::test(start_paused = true)]
async fn a_sign_that_an_alignment_leaves_out_is_not_waited_for_in_vain() {
    let mut scene = Scene::pieces(WsEndpoint::Multi, "5 €", true).await;
    scene.send(aligned_sound("5 ", &[1; 4])).await;
    assert_eq!(scene.heard().await, 2);
    let pause = timeout(Duration::from_secs(60), scene.utterance.next()).await;
    assert!(pause.is_err(), "more text may come: {pause:?}");
    scene.utterance.finish().await;
    assert_eq!(said(&mut scene.far).await.unwrap()["flush"], true);
    assert!(!scene.told_within(GRACE * 9 / 10).await, "it may still be said");
    scene.send(sound("1", &[1; 6])).await;
    assert_eq!(scene.heard().await, 3);
    let (ended, ()) = tokio::join!(scene.utterance.next(), async {
        assert_eq!(said(&mut scene.far).await, Some(close()));
        scene.far.send(last("1")).await.unwrap();
    });
    assert!(ended.is_none(), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_found_no_room_is_told_later() {
    let mut scene = Scene::pieces(WsEndpoint::Single, "One. ", false).await;
    // More than the network takes, and then more than may wait.
    scene.utterance.push_text(&"word ".repeat(100_000), false).await;
    sleep(Duration::from_secs(1)).await;
    while timeout(Duration::from_millis(10), scene.utterance.keep_alive()).await.is_ok() {}
    scene.utterance.finish().await;
    let Scene { mut utterance, mut far, .. } = scene;
    let told = tokio::spawn(async move {
        while said(&mut far).await.expect("it gives up before the end")["text"] != "" {}
        far.send(sound("1", &[1; 4])).await.unwrap();
        far.send(last("1")).await.unwrap();
        far
    });
    assert_eq!(utterance.next().await.unwrap().unwrap().samples.len(), 2);
    assert!(utterance.next().await.is_none());
    told.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_are_counted() {
    let mut scene = Scene::pieces(WsEndpoint::Multi, "One. ", true).await;
    scene.utterance.keep_alive().await;
    assert_eq!(said(&mut scene.far).await, Some(json!({"context_id": "1", "text": ""})));
    let mut metrics = String::new();
    encode(&mut metrics, &scene.metrics).unwrap();
    assert!(metrics.contains("elevenlabs_ws_keepalive_pings_total 1"), "{metrics}");
}
