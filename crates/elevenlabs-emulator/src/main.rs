//! The emulator as a process: prints one line of JSON with its addresses when it listens.

mod healthcheck;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use elevenlabs_emulator::{Config, Emulator, Faults, StartError};

/// A pretend ElevenLabs. Controls: GET log and state, GET and PUT faults, POST reset, decode and advance, under
/// /__emulator/.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask a running emulator for its state; exit code 0 if it answers within 3 s
    Healthcheck {
        /// Where it serves plain HTTP
        #[arg(long, value_name = "ADDR")]
        listen: SocketAddr,
    },
}

#[derive(Debug, Args)]
struct Options {
    /// Where plain HTTP and WebSocket are served; port 0: any
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where TLS is served too; port 0: any
    #[arg(long, value_name = "ADDR")]
    tls_listen: Option<SocketAddr>,
    /// Where to write the authority (PEM) that clients have to trust, as with SSL_CERT_FILE
    #[arg(long, value_name = "FILE", requires = "tls_listen")]
    cert_out: Option<PathBuf>,
    /// The share of requests, upgrades and utterances (0 to 1) with a fault drawn by chance
    #[arg(long, value_name = "R", default_value_t = 0.0)]
    fault_rate: f64,
    /// The same seed draws the same faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    fault_seed: u64,
    /// The simulated round trip, in ms
    #[arg(long, value_name = "N", default_value_t = 0.0)]
    rtt_ms: f64,
    /// From a text to its first sound, in ms
    #[arg(long, value_name = "N", default_value_t = 75.0)]
    first_byte_ms: f64,
    /// How fast sound comes, in multiples of real time; 0: at once
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    pace: f64,
    /// The length of a character, in ms, at least 12
    #[arg(long, value_name = "N", default_value_t = 20)]
    tone_ms: u32,
    /// The sound in one WebSocket frame, in ms
    #[arg(long, value_name = "N", default_value_t = 240)]
    frame_ms: u32,
    /// How many requests and sockets may generate at once
    #[arg(long, value_name = "N")]
    max_concurrent: Option<usize>,
    /// A key that is right; may be given more than once [default: test-key]
    #[arg(long, value_name = "KEY")]
    api_key: Vec<String>,
    /// The id of a voice that exists; may be given more than once [default: JBFqnCBsd6RMkjVDRZzb, voice-a, voice-b]
    #[arg(long, value_name = "ID")]
    voice: Vec<String>,
}

impl Options {
    fn config(self) -> Config {
        let milliseconds = |ms: f64| Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default();
        let default = Config::default();
        let or = |given: Vec<String>, default| if given.is_empty() { default } else { given };
        Config {
            listen: self.listen,
            tls: self.tls_listen.is_some(),
            tls_listen: self.tls_listen.unwrap_or(default.tls_listen),
            api_keys: or(self.api_key, default.api_keys),
            voices: or(self.voice, default.voices),
            rtt: milliseconds(self.rtt_ms),
            first_byte: milliseconds(self.first_byte_ms),
            pace: self.pace.max(0.0),
            tone_ms: self.tone_ms,
            frame_ms: self.frame_ms,
            max_concurrent: self.max_concurrent.unwrap_or(default.max_concurrent),
            faults: Faults { rate: self.fault_rate, seed: self.fault_seed, ..Faults::default() },
            ..Config::default()
        }
    }
}

/// Why the process failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot write {}", path.display())]
    Certificate { path: PathBuf, source: std::io::Error },
    #[error("cannot wait for signals")]
    Signals(#[source] std::io::Error),
    #[error("{0} does not answer as an emulator does")]
    Unhealthy(SocketAddr, #[source] std::io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command, options } = Cli::parse();
    let done = match command {
        Some(Command::Healthcheck { listen }) => {
            healthcheck::ask(listen).await.map_err(|error| Failure::Unhealthy(listen, error))
        }
        None => run(options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut reasons = failure.to_string();
            let mut cause = std::error::Error::source(&failure);
            while let Some(error) = cause {
                reasons.push_str(&format!(": {error}"));
                cause = error.source();
            }
            eprintln!("{reasons}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Signals)?;
    let cert_out = options.cert_out.clone();
    let emulator = Emulator::start(options.config()).await?;
    if let Some(path) = &cert_out {
        let written = std::fs::write(path, emulator.certificate_pem());
        written.map_err(|source| Failure::Certificate { path: path.clone(), source })?;
    }
    let mut addresses = serde_json::json!({"http": emulator.http_url(), "ws": emulator.ws_url()});
    if emulator.tls_address().is_some() {
        addresses["https"] = emulator.https_url().into();
        addresses["wss"] = emulator.wss_url().into();
    }
    println!("{addresses}");
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result.map_err(Failure::Signals)?,
    }
    emulator.stop().await;
    Ok(())
}
