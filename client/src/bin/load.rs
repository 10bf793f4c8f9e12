//! Loads a gateway with dialogues on `/ws/tts`, and writes what its callers heard.

use std::process::ExitCode;

use clap::Parser;
use evervoice_client::load;
use evervoice_client::load::options::{EXIT_CODES, Options};

#[derive(Parser)]
#[command(
    version,
    about = "Нагружает шлюз диалогами по /ws/tts, пишет отчёт о том, что слышали абоненты",
    after_help = EXIT_CODES
)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    evervoice_client::run(load::run(Arguments::parse().options))
}
