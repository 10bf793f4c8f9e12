//! `cargo xtask up`: from a clean checkout to running services.

use std::process::Command;

use anyhow::Context;

use crate::{libvosk, steps};

/// Installs, builds, and becomes the services; returns only if something failed.
pub fn up(arguments: &[String]) -> anyhow::Result<()> {
    steps::say(1, 3, "the speech recogniser's library");
    libvosk::install(std::env::consts::ARCH)?;
    steps::say(2, 3, "building the services (the first time takes minutes)");
    let took = steps::run(&mut steps::cargo(["build", "--release", "--locked", "--package", "evervoice"]))?;
    steps::say(3, 3, &format!("starting the services (built in {:.0} s); Ctrl-C stops them", took.as_secs_f64()));
    let directory = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), std::path::PathBuf::from);
    let program = steps::root().join(directory).join("release/evervoice");
    let mut command = Command::new(&program);
    command.args(arguments).current_dir(steps::root());
    replace(&mut command).with_context(|| format!("cannot start {}", program.display()))
}

/// This process becomes the services, so Ctrl-C and SIGTERM reach them with nothing in between.
#[cfg(unix)]
fn replace(command: &mut Command) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec().into())
}

#[cfg(not(unix))]
fn replace(command: &mut Command) -> anyhow::Result<()> {
    steps::run(command).map(|_| ())
}
