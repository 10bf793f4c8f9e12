//! `cargo xtask test`: every test of the workspace.

use crate::{libvosk, steps};

/// Installs what the tests link, then runs `cargo test` with `arguments` added.
pub fn test(arguments: &[String]) -> anyhow::Result<()> {
    steps::say(1, 2, "the speech recogniser's library");
    libvosk::install(std::env::consts::ARCH)?;
    steps::say(2, 2, "the tests");
    let mut command = steps::cargo(["test", "--locked"]);
    // `-p NAME` narrows; cargo would refuse it beside --workspace.
    if !arguments.iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package")) {
        command.arg("--workspace");
    }
    let took = steps::run(command.args(arguments))?;
    eprintln!("tests passed in {:.0} s, building included", took.as_secs_f64());
    Ok(())
}
