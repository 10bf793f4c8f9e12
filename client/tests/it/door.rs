//! A server with the gateway's two public ways to speak, for as many connections as come.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::server::{chunk, end, head, read};
use crate::tone;

/// The server, and what it was asked.
pub struct Door {
    pub url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    sockets: usize,
    texts: Vec<String>,
    configs: Vec<Value>,
}

impl Door {
    /// WebSockets that were opened.
    pub fn sockets(&self) -> usize {
        self.seen.lock().unwrap().sockets
    }

    /// Messages `config`.
    pub fn configs(&self) -> Vec<Value> {
        self.seen.lock().unwrap().configs.clone()
    }

    /// Texts that were spoken, whole.
    pub fn texts(&self) -> Vec<String> {
        self.seen.lock().unwrap().texts.clone()
    }
}

/// Serves until the test ends.
pub fn open() -> Door {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Seen::default()));
    let shared = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&shared);
            std::thread::spawn(move || serve(stream, &seen));
        }
    });
    Door { url, seen }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Seen>) {
    let mut first = [0];
    stream.peek(&mut first).unwrap();
    if first == *b"G" {
        seen.lock().unwrap().sockets += 1;
        return speak(stream, seen);
    }
    let request = read(&mut stream);
    assert_eq!(request.line, "POST /api/tts HTTP/1.1");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    seen.lock().unwrap().texts.push(body["text"].as_str().unwrap().to_owned());
    for piece in [head(""), chunk(&tone(800)), chunk(&tone(900)), end()] {
        stream.write_all(&piece).unwrap();
    }
}

/// Collects the pieces of a text, and speaks when it ends; until the client says goodbye.
fn speak(stream: TcpStream, seen: &Mutex<Seen>) {
    let mut socket = tungstenite::accept(stream).unwrap();
    let mut text = String::new();
    while let Ok(message) = socket.read() {
        let Message::Text(message) = message else { continue };
        let message: Value = serde_json::from_str(&message).unwrap();
        if message["type"] == "text" {
            text += message["text"].as_str().unwrap();
            continue;
        }
        if message["type"] == "config" {
            seen.lock().unwrap().configs.push(message);
            continue;
        }
        assert_eq!(message["type"], "end", "{message}");
        let id = message["id"].as_str().unwrap_or("1");
        let start = json!({"type": "start", "id": id, "kind": "speech", "format": "pcm_16000", "encoding": "s16le",
                           "sample_rate": 16_000, "channels": 1, "provider": "elevenlabs_ws", "resume_token": "t"});
        let phrase = json!({"type": "phrase", "id": id, "index": 0, "text": text, "start_ms": 0});
        let mark = json!({"type": "mark", "id": id, "played_ms": 20, "chars": 1});
        let provider = json!({"type": "provider", "id": id, "from": "elevenlabs_ws", "to": "local", "at_ms": 50});
        let whole = json!({"type": "end", "id": id, "audio_ms": 100, "bytes": 3200});
        seen.lock().unwrap().texts.push(std::mem::take(&mut text));
        for answer in [
            Message::text(start.to_string()),
            Message::text(phrase.to_string()),
            Message::binary(tone(800)),
            Message::text(mark.to_string()),
            Message::text(provider.to_string()),
            Message::binary(tone(800)),
            Message::text(whole.to_string()),
        ] {
            socket.send(answer).unwrap();
        }
    }
}
