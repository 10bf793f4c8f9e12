//! What an emulator is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::Clock;
use crate::faults::Faults;

/// What an emulator is started with. The default is as fast as it can be, without TLS and without faults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where plain HTTP and WebSocket are served. Port 0: any.
    pub listen: SocketAddr,
    /// Whether TLS is served too, with a certificate made at the start.
    pub tls: bool,
    /// Where.
    pub tls_listen: SocketAddr,
    /// The keys that are right.
    pub api_keys: Vec<String>,
    /// The ids of the voices that exist.
    pub voices: Vec<String>,
    /// The simulated round trip: bytes take half of it in each direction, and a TCP connection takes one more at first.
    pub rtt: Duration,
    /// From a text to its first sound.
    pub first_byte: Duration,
    /// How fast sound comes after the first, in multiples of real time. 0: at once.
    pub pace: f64,
    /// The length of a character at speed 1, in ms, at least 12.
    pub tone_ms: u32,
    /// The sound in one WebSocket frame, in ms (whole characters).
    pub frame_ms: u32,
    /// Whether HTTP bodies are cut into pieces of odd sizes, as the real ones are.
    pub chunking: bool,
    /// For the sizes of those pieces.
    pub seed: u64,
    /// For inactivity and late closes. Everything else takes real time.
    pub clock: Clock,
    /// From the final frame of `/stream-input` to the close, on the clock.
    pub close_delay: Duration,
    /// From an error frame to the close, on the clock.
    pub error_close_delay: Duration,
    /// How many requests and sockets may generate at once.
    pub max_concurrent: usize,
    /// The faults to begin with.
    pub faults: Faults,
}

impl Default for Config {
    fn default() -> Self {
        let any_port = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            listen: any_port,
            tls: false,
            tls_listen: any_port,
            api_keys: vec!["test-key".into()],
            voices: ["JBFqnCBsd6RMkjVDRZzb", "voice-a", "voice-b"].map(String::from).to_vec(),
            rtt: Duration::ZERO,
            first_byte: Duration::ZERO,
            pace: 0.0,
            tone_ms: 20,
            frame_ms: 240,
            chunking: true,
            seed: 1,
            clock: Clock::system(),
            close_delay: Duration::from_millis(750),
            error_close_delay: Duration::from_millis(800),
            max_concurrent: 100_000,
            faults: Faults::default(),
        }
    }
}
