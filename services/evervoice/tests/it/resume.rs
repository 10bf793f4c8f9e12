//! A conversation through the gateway whose connection breaks, and goes on.

use std::time::Duration;

use evervoice::HouseSettings;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message},
};

use crate::harness::TestHouse;

/// Longer than anything takes that is waited for here.
const DEADLINE: Duration = Duration::from_secs(20);

/// Bytes of a ms of 16 kHz s16le.
const MS: usize = 32;

/// Each sentence is a phrase: one of a second, and some of several.
const STORY: [&str; 6] = [
    "This is the story.",
    "The quick brown fox jumps over the lazy dog near the river bank.",
    "Every morning seven kind birds fly under the quiet clouds to the south.",
    "Nobody has ever seen where they go, although many people have asked.",
    "In the evening they come back and sit down on the roof of the old house.",
    "That is all that there is to tell about it, and good night.",
];

async fn house(change: impl FnOnce(&mut HouseSettings)) -> TestHouse {
    TestHouse::with(|settings| {
        settings.tts.speech.max_phrase_chars = 80;
        change(settings);
    })
    .await
}

/// A client, and what it has of the utterance `story`.
struct Client {
    /// `None` while there is no connection.
    socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    phrases: Vec<String>,
    sound: Vec<u8>,
}

impl Client {
    async fn open(house: &TestHouse) -> Self {
        let mut client = Self { socket: None, phrases: vec![], sound: vec![] };
        client.connect(house, "").await;
        client
    }

    async fn connect(&mut self, house: &TestHouse, query: &str) {
        let (socket, _) = connect_async(format!("ws://{}/ws/tts{query}", house.gateway)).await.unwrap();
        self.socket = Some(socket);
    }

    /// The next message, which is sound or text.
    async fn next(&mut self) -> Message {
        let socket = self.socket.as_mut().unwrap();
        let next = tokio::time::timeout(DEADLINE, socket.next()).await.expect("there is nothing more");
        next.unwrap().unwrap()
    }

    async fn send(&mut self, message: Value) {
        let socket = self.socket.as_mut().unwrap();
        socket.send(Message::Text(message.to_string().into())).await.unwrap();
    }

    /// Takes everything until an event of this kind, and that event.
    async fn until(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Message::Binary(bytes) => self.sound.extend_from_slice(&bytes),
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(&text).unwrap();
                    if event["type"] == "phrase" {
                        assert_eq!(event["index"], self.phrases.len(), "{event} after {:?}", self.phrases);
                        self.phrases.push(event["text"].as_str().unwrap().to_owned());
                    }
                    if event["type"] == kind {
                        return event;
                    }
                    assert!(["start", "phrase", "mark"].contains(&event["type"].as_str().unwrap()), "{event}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Takes the beginning of the next phrase.
    async fn begin_next_phrase(&mut self) {
        let begins = self.until("phrase").await["start_ms"].as_u64().unwrap() as usize * MS;
        while self.sound.len() < begins + 200 * MS {
            match self.next().await {
                Message::Binary(bytes) => self.sound.extend_from_slice(&bytes),
                Message::Text(text) => assert!(text.contains("mark"), "{text}"),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The connection breaks, without a close message, and a new one is opened. What is there of the phrase that comes again is
    /// thrown away. Returns what the service says that it has.
    async fn break_off(&mut self, house: &TestHouse, query: &str) -> Value {
        // A socket that is dropped says no goodbye.
        self.socket = None;
        self.connect(house, query).await;
        let resumed = self.until("resumed").await["utterances"][0].take();
        assert_eq!(resumed["id"], "story");
        self.phrases.truncate(resumed["next_phrase"].as_u64().unwrap() as usize);
        let have = std::mem::take(&mut self.sound);
        let start = self.until("start").await;
        assert_eq!((&start["id"], &start["kind"]), (&json!("story"), &json!("speech")));
        let again = self.until("phrase").await;
        assert_eq!((&again["index"], self.sound.len()), (&resumed["next_phrase"], 0));
        self.sound = have;
        self.sound.truncate(again["start_ms"].as_u64().unwrap() as usize * MS);
        resumed
    }
}

/// Where two phrases meet, the space between them is nobody's.
fn words(text: &str) -> String {
    text.split_whitespace().collect()
}

#[tokio::test]
async fn a_long_utterance_goes_on_through_the_gateway_with_the_phrase_that_the_client_lacks() {
    let house = house(|_| {}).await;
    let text = STORY.join(" ");
    let at_once = json!({"type": "config", "lead_ms": 600_000});
    let story = json!({"id": "story", "text": text});
    let mut whole = Client::open(&house).await;
    whole.send(at_once.clone()).await;
    whole.send(story.clone()).await;
    whole.until("end").await;

    let mut client = Client::open(&house).await;
    // More than the first phrase has been sent when the client has heard its beginning.
    client.send(json!({"type": "config", "lead_ms": 3_000})).await;
    client.send(story).await;
    let token = client.until("start").await["resume_token"].as_str().unwrap().to_owned();
    for lacks in 0..3 {
        client.begin_next_phrase().await;
        let query = format!("?resume={token}&after={}&id=story", lacks - 1);
        let resumed = client.break_off(&house, &query).await;
        let expected = json!({"id": "story", "next_phrase": lacks, "received_chars": text.len(), "complete": true});
        assert_eq!(resumed, expected);
    }
    client.send(at_once).await;
    let end = client.until("end").await;
    assert_eq!(words(&client.phrases.concat()), words(&text));
    assert_eq!(end["bytes"], client.sound.len());
    assert_eq!(client.phrases, whole.phrases);
    assert!(client.sound == whole.sound, "{} bytes, {} without a break", client.sound.len(), whole.sound.len());
}

#[tokio::test]
async fn a_text_that_is_still_being_written_goes_on_through_the_gateway() {
    let house = house(|settings| settings.tts.speech.lead_ms = 600_000).await;
    let mut client = Client::open(&house).await;
    let mut token = String::new();
    for (n, sentence) in STORY[..3].iter().enumerate() {
        client.send(json!({"type": "text", "id": "story", "text": format!("{sentence} ")})).await;
        client.send(json!({"type": "flush"})).await;
        if n == 0 {
            token = client.until("start").await["resume_token"].as_str().unwrap().to_owned();
        }
        client.begin_next_phrase().await;
    }
    // The service knows that the client has what came before a phrase that it was sent.
    let resumed = client.break_off(&house, &format!("?resume={token}")).await;
    let chars: usize = STORY[..3].iter().map(|sentence| sentence.len() + 1).sum();
    assert_eq!(resumed, json!({"id": "story", "next_phrase": 2, "received_chars": chars, "complete": false}));
    for sentence in &STORY[3..] {
        client.send(json!({"type": "text", "text": format!("{sentence} ")})).await;
    }
    client.send(json!({"type": "end"})).await;
    let end = client.until("end").await;
    assert_eq!(words(&client.phrases.concat()), words(&STORY.join(" ")));
    assert_eq!(end["bytes"], client.sound.len());
}

/// The status of an upgrade by way of the gateway, and the code of its problem.
async fn upgrade(house: &TestHouse, query: &str) -> (u16, String) {
    match connect_async(format!("ws://{}/ws/tts{query}", house.gateway)).await {
        Ok(_) => (101, String::new()),
        Err(Error::Http(answer)) => {
            let problem: Value = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
            (answer.status().as_u16(), problem["code"].as_str().unwrap().to_owned())
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_conversation_that_has_expired_is_gone_through_the_gateway_too() {
    let house = house(|settings| {
        settings.tts.speech.max_sockets = 1;
        settings.tts.speech.resume_timeout = 0.3;
    })
    .await;
    let gone = (410, "resume_expired".to_owned());
    assert_eq!(upgrade(&house, "?resume=nobody").await, gone);
    let mut client = Client::open(&house).await;
    client.send(json!({"id": "story", "text": STORY.join(" ")})).await;
    let token = client.until("start").await["resume_token"].as_str().unwrap().to_owned();
    drop(client);
    // It keeps its place until it is given up.
    let free = async {
        loop {
            match upgrade(&house, "").await {
                (101, _) => return,
                (status, _) => assert_eq!(status, 503),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, free).await.expect("its place is never free");
    assert_eq!(upgrade(&house, &format!("?resume={token}")).await, gone);
}
