//! `cargo xtask bench`: the services against their targets.

use crate::{libvosk, steps};

/// Runs the benchmark `targets` of the package `evervoice`; `arguments` go to it.
pub fn bench(arguments: &[String]) -> anyhow::Result<()> {
    libvosk::install(std::env::consts::ARCH)?;
    let mut command = steps::cargo(["bench", "--locked", "--package", "evervoice", "--bench", "targets", "--"]);
    steps::run(command.args(arguments)).map(|_| ())
}
