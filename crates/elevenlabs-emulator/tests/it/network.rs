//! The simulated round trip, TLS, the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use elevenlabs_emulator::{Config, Emulator};
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{Got, Socket, emulator_with, heard, speak};

const RTT: Duration = Duration::from_millis(100);

/// Something takes so many round trips: never less, and on a box that is not too busy for once less than one more.
async fn takes(trips: u32, something: impl AsyncFn()) {
    crate::support::soon(async {
        loop {
            let start = Instant::now();
            something().await;
            let elapsed = start.elapsed();
            assert!(elapsed >= RTT * trips, "{elapsed:?} is less than {trips} round trips");
            if elapsed < RTT * (trips + 1) {
                return;
            }
        }
    })
    .await;
}

const PATH: &str = "multi-stream-input?output_format=pcm_16000";

#[tokio::test]
async fn plain_connections_take_round_trips() {
    let emulator = emulator_with(Config { rtt: RTT, ..Config::default() }).await;
    takes(2, async || drop(Socket::open(&emulator, PATH).await)).await;
    let socket = tokio::sync::Mutex::new(Socket::open(&emulator, PATH).await);
    takes(1, async || {
        let mut socket = socket.lock().await;
        socket.send(json!({"text": "one trip", "context_id": "a", "flush": true})).await;
        socket.frame().await;
    })
    .await;
    takes(2, async || {
        let answer = speak(&emulator, "/stream?output_format=pcm_16000", json!({"text": "x".repeat(50)})).await;
        assert_eq!(answer.expect("an answer").text(16_000), "x".repeat(50));
    })
    .await;
}

async fn secure_socket(emulator: &Emulator, name: &str) {
    let certificate = CertificateDer::from_pem_slice(emulator.certificate_pem().as_bytes()).expect("PEM");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(emulator.tls_address().expect("TLS")).await.expect("it listens");
    tcp.set_nodelay(true).expect("a socket");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let tls = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("a trusted server");
    let url = format!("{}/v1/text-to-speech/voice-a/stream-input?output_format=pcm_16000", emulator.wss_url());
    let mut request = url.into_client_request().expect("a URL");
    request.headers_mut().insert("xi-api-key", "test-key".parse().expect("a header"));
    let (mut socket, _) = client_async(request, tls).await.expect("an upgrade");
    for text in ["secret ", ""] {
        socket.send(Message::text(json!({"text": text}).to_string())).await.expect("it is open");
    }
    let mut frames = Vec::new();
    while heard(&frames) != "secret " {
        let message = socket.next().await.expect("a message").expect("a message");
        frames.push(serde_json::from_str(message.into_text().expect("text").as_str()).expect("JSON"));
    }
}

#[tokio::test]
async fn tls_is_trusted_by_its_authority_under_all_its_names() {
    let emulator = emulator_with(Config { tls: true, ..Config::default() }).await;
    for name in ["localhost", "127.0.0.1"] {
        crate::support::soon(secure_socket(&emulator, name)).await;
    }
}

#[tokio::test]
async fn tls_takes_one_round_trip_more() {
    let emulator = emulator_with(Config { tls: true, rtt: RTT, ..Config::default() }).await;
    // TCP, TLS 1.3, the upgrade, the utterance.
    takes(4, async || secure_socket(&emulator, "localhost").await).await;
}

#[tokio::test]
async fn first_sound_and_pace() {
    let config = Config { first_byte: Duration::from_millis(100), pace: 10.0, ..Config::default() };
    let emulator = emulator_with(config).await;
    let mut socket = Socket::open(&emulator, "stream-input?output_format=pcm_16000").await;
    let start = Instant::now();
    socket.send(json!({"text": "z".repeat(120)})).await;
    socket.frame().await;
    assert!(start.elapsed() >= Duration::from_millis(100));
    for _ in 1..10 {
        socket.frame().await;
    }
    // The last of ten frames begins after 9 × 240 ms of sound, at ten times real time.
    assert!(start.elapsed() >= Duration::from_millis(100 + 216));
}

#[tokio::test]
async fn stopping_ends_everything() {
    let emulator = emulator_with(Config { rtt: Duration::from_millis(1), ..Config::default() }).await;
    let mut socket = Socket::open(&emulator, "stream-input").await;
    let address = emulator.address();
    crate::support::soon(emulator.stop()).await;
    assert_eq!(socket.next().await, Got::Gone);
    assert!(TcpStream::connect(address).await.is_err());
}
