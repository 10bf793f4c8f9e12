//! Speaks a text through ElevenLabs itself, without a gateway, and says how long it took.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use evervoice_client::eleven::{self, EXIT_CODES, Stream};

#[derive(Parser)]
#[command(version, about = "Говорит через ElevenLabs напрямую, без шлюза", after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sound into a file while it is made.
    #[command(about = "Записать звук в файл по мере синтеза и показать времена", after_help = EXIT_CODES)]
    Stream(Stream),
}

fn main() -> ExitCode {
    let Command::Stream(options) = Arguments::parse().command;
    evervoice_client::run(eleven::stream(options))
}
