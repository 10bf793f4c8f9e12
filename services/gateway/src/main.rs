//! The gateway as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    evervoice_core::service::cli::main::<evervoice_gateway::Gateway>()
}
