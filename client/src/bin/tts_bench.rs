//! Measures how soon speech is heard, over WebSockets and over HTTP, and writes reports.

use std::process::ExitCode;

use clap::Parser;
use evervoice_client::bench;
use evervoice_client::bench::options::{EXIT_CODES, Options};

#[derive(Parser)]
#[command(
    version,
    about = "Измеряет TTS: рукопожатие, время до первого звука и всего, по WebSocket и HTTP; пишет отчёты",
    after_help = EXIT_CODES
)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    evervoice_client::run(bench::run(Arguments::parse().options))
}
