//! Sound as it is spoken, over a WebSocket.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message},
};

use crate::support::{PATIENCE, TestService, bytes, pcm, samples};

/// A client of `/ws/stt`.
pub struct Stream {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Stream {
    /// Opens a stream and waits until it is ready.
    pub async fn open(service: &TestService, query: &str) -> Self {
        let mut stream = Self::try_open(service, query).await.expect("an upgrade");
        let ready = stream.next().await.expect("a message");
        assert_eq!((&ready["type"], &ready["language"]), (&"ready".into(), &"en".into()));
        assert!(!ready["request_id"].as_str().unwrap().is_empty());
        stream
    }

    pub async fn try_open(service: &TestService, query: &str) -> Result<Self, tungstenite::Error> {
        let (socket, _) = connect_async(format!("ws://{}/ws/stt{query}", service.address)).await?;
        Ok(Self { socket })
    }

    /// Sends sound in pieces of 20 ms of s16le at 16 kHz. A service that has closed is no error here.
    pub async fn send(&mut self, sound: &[u8]) {
        for piece in sound.chunks(640) {
            let _ = self.socket.send(Message::Binary(piece.to_vec().into())).await;
        }
    }

    pub async fn say(&mut self, text: &str) {
        self.socket.send(Message::Text(text.into())).await.unwrap();
    }

    /// The next text message; `None` when the service closes.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("a message in time")?.ok()? {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Reads until a message is as wanted.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next().await.expect("the message before the end");
            if wanted(&message) {
                return message;
            }
        }
    }

    /// Every message up to the closing, and its code.
    pub async fn rest(mut self) -> (Vec<Value>, u16) {
        let mut messages = vec![];
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => messages.push(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return (messages, frame.expect("a close frame").code.into()),
                Some(Ok(_)) => {}
                other => panic!("{other:?} instead of a closing, after {messages:?}"),
            }
        }
    }

    /// Sends `end` and gives the rest.
    pub async fn end(mut self) -> (Vec<Value>, u16) {
        self.say(r#"{"type":"end"}"#).await;
        self.rest().await
    }
}

/// Texts of the final utterances.
pub fn finals(messages: &[Value]) -> Vec<&str> {
    let finals = messages.iter().filter(|message| message["type"] == "final");
    finals.map(|message| message["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn words_come_while_they_are_spoken_and_utterances_when_they_end() {
    let service = TestService::start().await;
    let mut stream = Stream::open(&service, "?sr=16000&ch=1&fmt=s16le&lang=en").await;
    stream.send(&pcm("two_parts")).await;
    let (messages, code) = stream.end().await;
    assert_eq!(code, 1000);
    assert_eq!(finals(&messages), ["good morning how are you today", "please open the door"]);
    let seconds = samples("two_parts").len() as f64 / 16_000.0;
    assert_eq!(messages.last().unwrap(), &json!({"type": "end", "duration_seconds": seconds}));

    let partials: Vec<&str> =
        messages.iter().filter(|message| message["type"] == "partial").map(|m| m["text"].as_str().unwrap()).collect();
    assert!(partials.contains(&"good morning"), "{partials:?}");
    assert!(partials.windows(2).all(|pair| pair[0] != pair[1]), "only what has changed: {partials:?}");

    let words = messages.iter().filter(|m| m["type"] == "final").flat_map(|m| m["segments"].as_array().unwrap());
    let mut before = 0;
    for word in words {
        let (start, end) = (word["start_ms"].as_u64().unwrap(), word["end_ms"].as_u64().unwrap());
        assert!(before <= start && start < end, "times go on over the pause: {word} after {before}");
        before = end;
    }
}

#[tokio::test]
async fn any_split_gives_the_same_messages() {
    let service = TestService::start().await;
    let sound = pcm("hello");
    let whole = messages_of_pieces(&service, &sound, 640).await;
    assert_eq!(finals(&whole).join(" "), service.post("", &sound).await.words());
    for size in [3_201, 100_000, 1_000_000] {
        assert_eq!(messages_of_pieces(&service, &sound, size).await, whole, "{size}");
    }
    // A byte a message is slow to send: a part of the clip will do.
    let start = &sound[..20_000];
    let expected = messages_of_pieces(&service, start, 640).await;
    assert_eq!(finals(&expected).len(), 1);
    for size in [1, 3] {
        assert_eq!(messages_of_pieces(&service, start, size).await, expected, "{size}");
    }
}

async fn messages_of_pieces(service: &TestService, sound: &[u8], size: usize) -> Vec<Value> {
    let mut stream = Stream::open(service, "").await;
    for piece in sound.chunks(size) {
        stream.socket.feed(Message::Binary(piece.to_vec().into())).await.unwrap();
    }
    stream.socket.flush().await.unwrap();
    stream.end().await.0
}

#[tokio::test]
async fn the_last_fraction_of_a_step_is_heard_too() {
    let service = TestService::start().await;
    let sound = pcm("fox");
    // Cut inside the words, 90 ms after a step of 100 ms.
    for steps in [7, 10, 13, 16, 19, 22] {
        let cut = &sound[..steps * 3_200 + 2_880];
        let whole = service.post("", cut).await.json();
        let messages = messages_of_pieces(&service, cut, 640).await;
        let last = messages.iter().find(|message| message["type"] == "final").expect("words");
        assert_eq!((&last["text"], &last["segments"]), (&whole["text"], &whole["segments"]), "{steps}");
    }
}

#[tokio::test]
async fn other_formats_and_grammars_are_taken() {
    let service = TestService::start().await;
    let stereo = bytes(samples("lights").into_iter().flat_map(|sample| [sample, sample]));
    let grammar = "%5B%22turn+on+the+light+in+the+kitchen+please%22%2C%22%5Bunk%5D%22%5D";
    let mut stream = Stream::open(&service, &format!("?ch=2&grammar={grammar}")).await;
    stream.send(&stereo).await;
    assert_eq!(finals(&stream.end().await.0), ["turn on the light in the kitchen please"]);

    let floats: Vec<u8> = samples("digits").iter().flat_map(|&s| (f32::from(s) / 32_768.0).to_le_bytes()).collect();
    let mut stream = Stream::open(&service, "?fmt=float32").await;
    stream.send(&floats).await;
    assert_eq!(finals(&stream.end().await.0), ["one two three four five"]);
}

#[tokio::test]
async fn a_stream_without_sound_ends_well() {
    let service = TestService::start().await;
    let (messages, code) = Stream::open(&service, "").await.end().await;
    assert_eq!((messages, code), (vec![json!({"type": "end", "duration_seconds": 0.0})], 1000));
}

#[tokio::test]
async fn sound_of_another_rate_is_heard_to_its_last_word() {
    let service = TestService::start().await;
    let mut resampler = evervoice_core::audio::StreamResampler::new(16_000, 44_100);
    let (mono, mut out) = (samples("digits"), vec![]);
    resampler.push(&mono.iter().map(|&s| f32::from(s) / 32_768.0).collect::<Vec<_>>(), &mut out);
    resampler.finish(&mut out);
    let mut stream = Stream::open(&service, "?sr=44100").await;
    stream.send(&bytes(out.into_iter().map(evervoice_core::audio::chunk::to_i16))).await;
    assert_eq!(finals(&stream.end().await.0), ["one two three four five"]);
}

#[tokio::test]
async fn streams_do_not_disturb_each_other() {
    let service = TestService::start().await;
    let mut streams = vec![];
    for _ in 0..10 {
        streams.push(Stream::open(&service, "").await);
    }
    let sounds = [pcm("digits"), pcm("lights")];
    for at in (0..100_000).step_by(6_400) {
        for (index, stream) in streams.iter_mut().enumerate() {
            let sound = &sounds[index % 2];
            stream.send(&sound[at.min(sound.len())..(at + 6_400).min(sound.len())]).await;
        }
    }
    for (index, stream) in streams.into_iter().enumerate() {
        let expected = ["one two three four five", "turn on the light in the kitchen please"][index % 2];
        assert_eq!(finals(&stream.end().await.0), [expected]);
    }
}
