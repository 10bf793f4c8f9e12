//! The program `evervoice-asr`.

use std::process::ExitCode;

fn main() -> ExitCode {
    evervoice_core::service::cli::main::<evervoice_asr::Asr>()
}
