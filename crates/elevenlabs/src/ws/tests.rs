//! A socket against a far end in memory, with time that is set ahead.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use evervoice_core::{
    pool::{Capacity, Connection, Connector, Pool, PoolConfig, Slot},
    tts::ProviderFailure,
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::DuplexStream,
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use super::{
    connection::{Options, WsConnection},
    context::{Context, Sound},
    socket::Lost,
};
use crate::{config::WsEndpoint, error::ElevenLabsError, events::Events, protocol::ClientMessage};

pub(super) type Far = WebSocketStream<DuplexStream>;

/// Opens sockets to the other end of a channel.
struct InMemory {
    far: mpsc::Sender<Far>,
    endpoint: WsEndpoint,
}

/// Longer than anything here takes: time that nobody needs is not waited for.
const HOUR: Duration = Duration::from_secs(3600);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_IDLE: Duration = Duration::from_secs(16);
/// Room in the queue of an utterance.
const ROOM: usize = 16 << 20;

#[async_trait]
impl Connector for InMemory {
    type Key = ();
    type Connection = WsConnection;
    type Error = ElevenLabsError;

    async fn connect(&self, (): &()) -> Result<WsConnection, ElevenLabsError> {
        let (near, far) = tokio::io::duplex(64 << 10);
        let far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
        self.far.send(far).await.expect("the test listens");
        let options = Options {
            number: 1,
            endpoint: self.endpoint,
            key: "secret".into(),
            close_timeout: CLOSE_TIMEOUT,
            longest_idle: LONGEST_IDLE,
            room: ROOM,
            events: Events::unregistered(),
        };
        Ok(WsConnection::start(near, options).await)
    }

    async fn warm(&self, _: &WsConnection, _: Slot) -> Result<(), ElevenLabsError> {
        Ok(())
    }
}

pub(super) struct Bench {
    pool: Pool<InMemory>,
    far: mpsc::Receiver<Far>,
}

impl Bench {
    pub fn new(endpoint: WsEndpoint) -> Self {
        let (sender, far) = mpsc::channel(8);
        let config = PoolConfig { ready: 0, max_idle: Duration::from_secs(3600), ..PoolConfig::default() };
        Self { pool: Pool::start(InMemory { far: sender, endpoint }, config, Arc::new(())), far }
    }

    async fn open(&self) -> (Arc<WsConnection>, Context) {
        self.open_with("Hi. ").await
    }

    /// Begins an utterance with `text` as its only message.
    pub async fn open_with(&self, text: &str) -> (Arc<WsConnection>, Context) {
        let (connection, slot) = self.pool.acquire(&()).await.unwrap().into_parts();
        let message = ClientMessage::Text { text, try_trigger_generation: false, flush: true };
        let context = connection.open(slot, |context| vec![context.encode(message)]).await.unwrap();
        (connection, context)
    }

    /// The far end, when it has got the first words of so many utterances: before that it has nothing to say to them.
    pub async fn far(&mut self, utterances: usize) -> Far {
        let mut far = self.far.recv().await.unwrap();
        for _ in 0..utterances {
            said(&mut far).await.unwrap();
        }
        far
    }

    fn in_use(&self) -> usize {
        self.pool.status()[0].in_use
    }
}

/// The next message of the client that is text; `None` when it closes.
pub(super) async fn said(far: &mut Far) -> Option<Value> {
    let said = async {
        while let Some(Ok(message)) = far.next().await {
            if let Message::Text(text) = message {
                return Some(serde_json::from_str(&text).unwrap());
            }
        }
        None
    };
    timeout(HOUR, said).await.expect("it never says anything")
}

/// What an utterance gets next.
async fn heard(context: &mut Context) -> Sound {
    timeout(HOUR, context.next()).await.expect("nothing ever comes").unwrap()
}

pub(super) fn sound(context: &str, bytes: &[u8]) -> Message {
    Message::text(json!({"contextId": context, "audio": STANDARD.encode(bytes), "isFinal": null}).to_string())
}

pub(super) fn last(context: &str) -> Message {
    Message::text(json!({"contextId": context, "audio": null, "isFinal": true}).to_string())
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_listen_holds_up_nobody_and_loses_nothing() {
    let mut bench = Bench::new(WsEndpoint::Multi);
    let (_, mut slow) = bench.open().await;
    let (_, mut other) = bench.open().await;
    let mut far = bench.far(2).await;
    const PIECES: u8 = 15;
    for piece in 0..PIECES {
        far.send(sound("1", &vec![piece; 1 << 20])).await.unwrap();
    }
    far.send(last("1")).await.unwrap();
    far.send(sound("2", &[1, 2])).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(1), heard(&mut other)).await.unwrap().bytes, [1, 2]);
    for piece in 0..PIECES {
        assert_eq!(heard(&mut slow).await.bytes, vec![piece; 1 << 20]);
    }
    assert!(heard(&mut slow).await.last);
}

#[tokio::test(start_paused = true)]
async fn too_much_sound_fails_its_own_utterance_openly() {
    let mut bench = Bench::new(WsEndpoint::Multi);
    let (connection, mut slow) = bench.open().await;
    let (_, mut other) = bench.open().await;
    let mut far = bench.far(2).await;
    for _ in 0..20 {
        far.send(sound("1", &vec![7; 1 << 20])).await.unwrap();
    }
    far.send(sound("2", &[1, 2])).await.unwrap();
    assert_eq!(heard(&mut other).await.bytes, [1, 2]);
    assert_eq!(said(&mut far).await.unwrap(), json!({"context_id": "1", "close_context": true}), "as if it had left");
    for _ in 0..15 {
        assert_eq!(heard(&mut slow).await.bytes, vec![7; 1 << 20], "what waited is heard");
    }
    let error = slow.next().await.unwrap_err();
    assert_eq!(error.failure(), ProviderFailure::Broken);
    assert_eq!(bench.in_use(), 2);
    far.send(last("1")).await.unwrap();
    far.send(last("2")).await.unwrap();
    assert!(heard(&mut other).await.last);
    assert_eq!(bench.in_use(), 0);
    assert!(connection.closed().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_place_is_taken_until_the_service_is_done_or_silent_for_too_long() {
    let mut bench = Bench::new(WsEndpoint::Multi);
    let (_, context) = bench.open().await;
    let mut far = bench.far(1).await;
    drop(context);
    assert_eq!(said(&mut far).await.unwrap(), json!({"context_id": "1", "close_context": true}));
    // It says something now and then: it is still at it.
    for _ in 0..5 {
        sleep(CLOSE_TIMEOUT * 9 / 10).await;
        far.send(sound("1", &[0; 10])).await.unwrap();
        assert_eq!(bench.in_use(), 1);
    }
    let silent = Instant::now();
    assert_eq!(said(&mut far).await, Some(json!({"close_socket": true})), "a spoilt socket is closed");
    assert_eq!(silent.elapsed().as_secs(), CLOSE_TIMEOUT.as_secs());
    assert_eq!(bench.in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn nonsense_ends_every_utterance_and_bad_sound_only_its_own() {
    let mut bench = Bench::new(WsEndpoint::Multi);
    let (_, mut first) = bench.open().await;
    let (_, mut second) = bench.open().await;
    let (_, mut third) = bench.open().await;
    let mut far = bench.far(3).await;
    far.send(Message::text(r#"{"contextId":"1","audio":"???"}"#)).await.unwrap();
    assert!(matches!(first.next().await, Err(ElevenLabsError::Protocol(_))));
    far.send(sound("2", &[1])).await.unwrap();
    assert_eq!(heard(&mut second).await.bytes, [1]);
    far.send(Message::text("{")).await.unwrap();
    for context in [&mut second, &mut third] {
        assert!(matches!(context.next().await, Err(ElevenLabsError::Protocol(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_context_is_its_own_and_without_one_is_everyones() {
    let mut bench = Bench::new(WsEndpoint::Multi);
    let (connection, mut first) = bench.open().await;
    let (_, mut second) = bench.open().await;
    let mut far = bench.far(2).await;
    far.send(Message::text(r#"{"contextId":"1","error":"internal_error","message":"no"}"#)).await.unwrap();
    assert!(matches!(first.next().await, Err(ElevenLabsError::Frame { .. })));
    far.send(Message::text(r#"{"error":"invalid_api_key","message":"secret is not a key","code":1008}"#))
        .await
        .unwrap();
    let error = second.next().await.unwrap_err().to_string();
    assert!(error.contains("*** is not a key"), "{error}");
    let closed = connection.closed().await;
    assert!(closed.hopeless && !closed.reason.contains("secret"), "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_an_utterance_that_is_over_is_nobodys() {
    let mut bench = Bench::new(WsEndpoint::Multi);
    let (_, mut first) = bench.open().await;
    let (_, mut second) = bench.open().await;
    let mut far = bench.far(2).await;
    far.send(last("1")).await.unwrap();
    assert!(heard(&mut first).await.last);
    far.send(Message::text(r#"{"contextId":"1","error":"internal_error","message":"no"}"#)).await.unwrap();
    far.send(sound("2", &[1])).await.unwrap();
    assert_eq!(heard(&mut second).await.bytes, [1]);
}

#[tokio::test(start_paused = true)]
async fn who_asks_a_lost_socket_is_told_before_it_is_closed() {
    let mut bench = Bench::new(WsEndpoint::Multi);
    let (connection, context) = bench.open().await;
    let mut far = bench.far(1).await;
    far.send(Message::text("{")).await.unwrap();
    connection.closed().await;
    // The far end takes no part in the closing handshake.
    let lost = Instant::now();
    context.send(vec![context.encode(ClientMessage::Flush)]).await;
    assert!(connection.ping().await.is_err());
    assert_eq!(lost.elapsed(), Duration::ZERO);
    connection.close().await;
    assert!(lost.elapsed() > Duration::ZERO, "closed is when the handshake is over");
}

#[test]
fn no_reason_holds_the_key() {
    let lost = Lost::Nonsense("expected value, got secret".into()).without(&"secret".into());
    assert_eq!(lost.to_string(), "it sent nonsense: expected value, got ***");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_to_a_context_that_is_over() {
    let mut bench = Bench::new(WsEndpoint::Multi);
    let (_, mut context) = bench.open().await;
    let mut far = bench.far(1).await;
    far.send(last("1")).await.unwrap();
    assert!(heard(&mut context).await.last);
    context.send(vec![context.encode(ClientMessage::Flush)]).await;
    drop(context);
    let next = timeout(Duration::from_secs(1), said(&mut far)).await;
    assert!(next.is_err(), "{next:?}: it would open the context again");
}

#[tokio::test(start_paused = true)]
async fn a_socket_without_text_is_given_up_before_the_service_does() {
    let mut bench = Bench::new(WsEndpoint::Multi);
    let (connection, mut context) = bench.open().await;
    let mut far = bench.far(1).await;
    let began = Instant::now();
    sleep(LONGEST_IDLE * 2).await;
    far.send(last("1")).await.unwrap();
    assert!(heard(&mut context).await.last, "not while it speaks");
    connection.closed().await;
    assert_eq!(began.elapsed().as_secs(), (LONGEST_IDLE * 2).as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_socket_for_one_utterance_is_closed_when_its_listener_leaves() {
    let mut bench = Bench::new(WsEndpoint::Single);
    let (connection, context) = bench.open().await;
    assert_eq!(connection.capacity(), Capacity::Once);
    let mut far = bench.far.recv().await.unwrap();
    assert_eq!(said(&mut far).await.unwrap(), json!({"text": "Hi. ", "flush": true}));
    drop(context);
    assert_eq!(said(&mut far).await, None, "no more words, just the end");
    assert_eq!(bench.in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_far_end_that_does_not_read_does_not_stop_the_sound() {
    let mut bench = Bench::new(WsEndpoint::Multi);
    let (_, mut context) = bench.open().await;
    let mut far = bench.far(1).await;
    // More text than the network takes, then sound the other way.
    let text = "word ".repeat(100_000);
    let message = ClientMessage::Text { text: &text, try_trigger_generation: false, flush: false };
    context.send(vec![context.encode(message)]).await;
    sleep(Duration::from_secs(1)).await;
    far.send(sound("1", &[7; 100_000])).await.unwrap();
    assert_eq!(heard(&mut context).await.bytes.len(), 100_000);
}

#[tokio::test(start_paused = true)]
async fn four_share_a_socket() {
    let mut bench = Bench::new(WsEndpoint::Multi);
    let mut open = vec![];
    for _ in 0..5 {
        open.push(bench.open().await);
    }
    assert_eq!(open[0].0.capacity(), Capacity::Shared(NonZeroUsize::new(4).unwrap()));
    assert!(open[1..4].iter().all(|(connection, _)| Arc::ptr_eq(connection, &open[0].0)));
    assert!(!Arc::ptr_eq(&open[4].0, &open[0].0));
    // The other end of each is kept by the channel; both are open.
    let (mut first, mut second) = (bench.far.recv().await.unwrap(), bench.far.recv().await.unwrap());
    assert_eq!(said(&mut first).await.unwrap()["context_id"], "1");
    assert_eq!(said(&mut second).await.unwrap()["context_id"], "1");
}
