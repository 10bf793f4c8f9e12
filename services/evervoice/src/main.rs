//! All three services in one process.

use std::process::ExitCode;

fn main() -> ExitCode {
    evervoice::cli::main()
}
