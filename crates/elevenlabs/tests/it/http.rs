//! What the tests of HTTP share.

use elevenlabs_emulator::{Emulator, Event};
use evervoice_core::{
    audio::{AudioChunk, AudioStream},
    tts::TtsError,
};
use evervoice_elevenlabs::{
    ElevenLabsError, ElevenLabsSettings, Events, HttpClient, HttpProvider, OutputFormat,
    decode::Decoder,
    http::{HttpRequest, SpeechBody},
    voice::Casting,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use crate::support;

pub const KEY: &str = "test-key";
pub const TEXT: &str = "Hello world, this is number 42. Ещё раз!";

/// An emulator, and settings that lead to it.
pub async fn emulator() -> (Emulator, ElevenLabsSettings) {
    let emulator = support::emulator().await;
    let settings = support::settings(&emulator);
    (emulator, settings)
}

pub fn client(settings: &ElevenLabsSettings) -> HttpClient {
    HttpClient::new(settings, Events::unregistered()).unwrap()
}

pub fn provider(settings: &ElevenLabsSettings) -> HttpProvider {
    HttpProvider::new(settings.clone(), Events::unregistered()).unwrap()
}

/// A request for the client.
pub fn wanted(settings: &ElevenLabsSettings, text: &str) -> HttpRequest {
    HttpRequest::new(settings, Casting::new(None, None, 1.0, settings).unwrap(), text)
}

/// The whole sound of a body, decoded; and the error that it ended with, if any.
pub async fn listen(mut body: SpeechBody, format: OutputFormat) -> (Vec<i16>, Option<ElevenLabsError>) {
    let (mut decoder, mut samples) = (Decoder::new(format).unwrap(), Vec::new());
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => samples.extend(decoder.push(&piece.audio).unwrap()),
            Err(error) => return (samples, Some(error)),
        }
    }
    samples.extend(decoder.finish().unwrap());
    (samples, None)
}

/// The chunks of a stream, and the error that it ended with, if any.
pub async fn collect(stream: AudioStream) -> (Vec<AudioChunk>, Option<TtsError>) {
    let heard = support::listen(stream).await;
    (heard.chunks, heard.error)
}

pub fn samples(chunks: &[AudioChunk]) -> Vec<i16> {
    chunks.iter().flat_map(|chunk| chunk.samples.iter().copied()).collect()
}

/// The requests that the emulator got: path, query and headers as JSON, and body.
pub fn requests(emulator: &Emulator) -> Vec<(String, Value, Value, Value)> {
    let log = emulator.log().into_iter().filter_map(|received| match received.event {
        Event::Request { path, query, headers, body, .. } => {
            Some((path, serde_json::to_value(query).unwrap(), serde_json::to_value(headers).unwrap(), body))
        }
        _ => None,
    });
    log.collect()
}

/// Answers every request with `answer`. Returns its address.
pub async fn server(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 65_536];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}")
}

/// Answers one request well, with the body that it is fed. Returns its address.
pub async fn fed() -> (String, mpsc::Sender<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (feed, mut body) = mpsc::channel::<String>(1);
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut vec![0; 65_536]).await;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
        let mut sent = socket.write_all(head.as_bytes()).await;
        while let (Ok(()), Some(piece)) = (sent, body.recv().await) {
            sent = socket.write_all(piece.as_bytes()).await;
        }
    });
    (format!("http://{address}"), feed)
}
