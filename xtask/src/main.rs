//! The project's chores, so that a clean checkout needs no shell script and nothing but cargo:
//! `cargo xtask up`, `test`, `ci`, `bench`, `conformance`, `libvosk`.
//!
//! This package must not depend on anything that links libvosk: it is what installs that library.

mod alerts;
mod bench;
mod ci;
mod conformance;
mod libvosk;
mod steps;
mod test;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "The project's chores")]
struct Options {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install libvosk if it is missing, build the services and run them; Ctrl-C stops them.
    Up {
        /// Arguments for `evervoice`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Install libvosk if it is missing and run all tests, those in the documentation included.
    Test {
        /// Arguments for `cargo test`, for example `-p evervoice-asr` or a test's name.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Everything that must hold before a change goes in; without an argument all of it, in this order.
    Ci {
        /// Only these parts.
        parts: Vec<ci::Part>,
    },
    /// Measure the services against their targets.
    Bench {
        /// Arguments for the benchmark.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run clients of ElevenLabs that nobody here wrote against the emulator; they come from PyPI.
    Conformance,
    /// Install libvosk if it is missing.
    Libvosk {
        /// x86_64 or aarch64; without it, this machine's.
        #[arg(long, default_value = std::env::consts::ARCH)]
        arch: String,
    },
}

fn main() -> ExitCode {
    let result = match Options::parse().chore {
        Chore::Up { arguments } => up::up(&arguments),
        Chore::Test { arguments } => test::test(&arguments),
        Chore::Ci { parts } => ci::ci(&parts),
        Chore::Bench { arguments } => bench::bench(&arguments),
        Chore::Conformance => conformance::conformance(),
        Chore::Libvosk { arch } => libvosk::install(&arch).map(|found| println!("{}", found.display())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
