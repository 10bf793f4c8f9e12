//! What a warm socket saves, and what pool and client add: time from a request to its first sound, against the emulator over
//! TLS with a simulated round trip.
//!
//! Side by side in each round: a socket out of the pool, a cold start (no socket, no TLS session), and a raw socket, already
//! open and without TLS, that gets the same two messages by hand. Then the same after ten minutes without a request, on
//! clocks that are set ahead.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use elevenlabs_emulator::{Clock, Config, Emulator};
use evervoice_core::tts::{SpeechLimits, SpeechRequest, TtsProvider};
use evervoice_elevenlabs::{ElevenLabsSettings, Events, WebSocketProvider};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use crate::measure::{block_on, percentile};

const RTT: Duration = Duration::from_millis(50);
/// The time that a fast model takes, by the service's documentation.
const GENERATION: Duration = Duration::from_millis(75);
const TEXT: &str = "The meeting is on Friday at ten thirty in the office.";
const ROUNDS: usize = 60;

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

async fn emulator(clock: Clock) -> Emulator {
    let config = Config { tls: true, rtt: RTT, first_byte: GENERATION, clock, ..Config::default() };
    Emulator::start(config).await.unwrap()
}

fn provider(emulator: &Emulator, pool_size: usize) -> WebSocketProvider {
    let settings = ElevenLabsSettings {
        api_key: "test-key".into(),
        voice_id: "voice-a".into(),
        model_id: "eleven_flash_v2_5".into(),
        ws_base_url: emulator.wss_url(),
        trusted_pem: emulator.certificate_pem().to_owned(),
        rewarm_after_idle_sec: None,
        pool_size,
        ..Default::default()
    };
    WebSocketProvider::start(Arc::new(settings), Events::unregistered()).unwrap()
}

/// From the request to the first sound; then the rest is heard, so that the place on the socket is free.
async fn first_sound(provider: &WebSocketProvider) -> f64 {
    let limits = SpeechLimits { max_chars: 1_000 };
    let request = SpeechRequest::new(TEXT.into(), None, None, None, limits).unwrap();
    let began = Instant::now();
    let mut stream = provider.speak(request).await.unwrap();
    let took = ms(began.elapsed());
    while let Some(chunk) = stream.chunks.next().await {
        chunk.unwrap();
    }
    took
}

/// A socket that is open, without TLS and without any of our code.
struct Raw(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Raw {
    async fn open(emulator: &Emulator) -> Self {
        let query = "model_id=eleven_flash_v2_5&output_format=pcm_16000&auto_mode=true&authorization=test-key";
        let url = format!("{}/v1/text-to-speech/voice-a/multi-stream-input?{query}", emulator.ws_url());
        let mut request = tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(url).unwrap();
        request.headers_mut().insert("xi-api-key", "test-key".parse().unwrap());
        Self(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    async fn first_sound(&mut self, context: usize) -> f64 {
        let context = context.to_string();
        let began = Instant::now();
        for message in [
            json!({"text": " ", "context_id": context}),
            json!({"text": format!("{TEXT} "), "context_id": context, "flush": true}),
        ] {
            self.0.send(Message::text(message.to_string())).await.unwrap();
        }
        let mut took = None;
        loop {
            let Message::Text(text) = self.0.next().await.unwrap().unwrap() else { continue };
            let frame: Value = serde_json::from_str(&text).unwrap();
            if took.is_none() && frame["audio"].is_string() {
                took = Some(ms(began.elapsed()));
                let close = json!({"context_id": context, "close_context": true});
                self.0.send(Message::text(close.to_string())).await.unwrap();
            }
            if frame["isFinal"] == true {
                return took.unwrap();
            }
        }
    }
}

/// Waits until the pool has what it wants.
async fn ready(provider: &WebSocketProvider, sockets: usize) {
    while provider.pool_status().iter().map(|key| key.ready).sum::<usize>() < sockets {
        // Real time, also where the clock stands still.
        tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1))).await.unwrap();
    }
}

pub fn run() {
    block_on(side_by_side());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(after_ten_minutes());
}

async fn side_by_side() {
    let emulator = emulator(Clock::system()).await;
    let warm = provider(&emulator, 2);
    ready(&warm, 2).await;
    let mut raw_socket = Raw::open(&emulator).await;
    let (mut pooled, mut cold, mut raw) = (vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        ready(&warm, 2).await;
        pooled.push(first_sound(&warm).await);
        raw.push(raw_socket.first_sound(round).await);
        let fresh = provider(&emulator, 0);
        cold.push(first_sound(&fresh).await);
        fresh.close(Duration::ZERO).await;
    }
    let saved = pooled.iter().zip(&cold).map(|(warm, cold)| cold - warm).fold(f64::INFINITY, f64::min);
    let floor = ms(GENERATION + RTT);
    let [pooled, cold, raw] = [&mut pooled, &mut cold, &mut raw].map(|times| percentile(times, 0.5));
    println!("round trip {RTT:?}, generation {GENERATION:?}, {ROUNDS} rounds, medians to the first sound:");
    println!("out of the pool {pooled:.2} ms: {:.2} ms more than generation and one round trip", pooled - floor);
    println!("a raw open socket {raw:.2} ms: {:.2} ms more", raw - floor);
    println!("cold {cold:.2} ms; saved at least {saved:.1} ms = {:.2} round trips, every time", saved / ms(RTT));
}

/// Both clocks are set ahead, a second at a time; the network takes its real time.
async fn after_ten_minutes() {
    let emulator = emulator(Clock::manual()).await;
    let warm = provider(&emulator, 2);
    ready(&warm, 2).await;
    let sockets = emulator.open_sockets();
    // A clock that is paused runs ahead when nothing happens, unless a thread is at work.
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(1);
    let working = tokio::task::spawn_blocking(move || stopped.recv());
    tokio::time::pause();
    for _ in 0..600 {
        tokio::time::advance(Duration::from_secs(1)).await;
        emulator.clock().advance(Duration::from_secs(1));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        ready(&warm, 2).await;
    }
    let took = first_sound(&warm).await;
    let opened = emulator.log().iter().filter(|entry| is_upgrade(&entry.event)).count();
    tokio::time::resume();
    drop(stop);
    let _ = working.await;
    let fresh = provider(&emulator, 0);
    let cold = first_sound(&fresh).await;
    let saved = (cold - took) / ms(RTT);
    println!("after 600 s without a request ({sockets} sockets kept, {opened} opened meanwhile):");
    println!("out of the pool {took:.2} ms, cold {cold:.2} ms: {saved:.2} round trips saved");
}

fn is_upgrade(event: &elevenlabs_emulator::Event) -> bool {
    matches!(event, elevenlabs_emulator::Event::Upgrade { .. })
}
