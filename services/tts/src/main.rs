//! The text-to-speech service as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    evervoice_core::service::cli::main::<evervoice_tts::Tts>()
}
