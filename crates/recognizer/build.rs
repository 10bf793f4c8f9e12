//! Finds libvosk.so and tells the linker and the run-time loader where it is.
//!
//! Looked for in `VOSK_LIB_DIR`, then in `vendor/libvosk/<arch>-<os>/` of the workspace (filled by `cargo xtask
//! libvosk`), then where the system keeps libraries. Link arguments do not travel to dependent packages, so the run-time
//! paths are published as metadata: a package with a binary prints them again from `DEP_VOSK_RPATH` (see
//! `services/asr/build.rs`).

use std::{
    env,
    path::{Path, PathBuf},
};

const LIBRARY: &str = "libvosk.so";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=VOSK_LIB_DIR");
    let target = format!("{}-{}", variable("CARGO_CFG_TARGET_ARCH"), variable("CARGO_CFG_TARGET_OS"));
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let workspace = package.ancestors().nth(2).unwrap_or(&package);
    let vendored = workspace.join("vendor/libvosk").join(&target);
    // A file that does not exist makes cargo run this again next time, so a library fetched later is found.
    println!("cargo::rerun-if-changed={}", vendored.join(LIBRARY).display());

    match find(vendored) {
        Ok(found) => publish(found),
        Err(wanted) => println!(
            "cargo::error={LIBRARY} for {target} was not found in {wanted}. Fetch it with: cargo xtask libvosk (or set \
             VOSK_LIB_DIR to the directory that holds it)"
        ),
    }
}

/// The directory to link against; `None` when the linker finds the library by itself. Or the places that were tried.
fn find(vendored: PathBuf) -> Result<Option<PathBuf>, String> {
    if let Some(given) = env::var_os("VOSK_LIB_DIR").map(PathBuf::from) {
        // Given by hand: no silent second choice.
        return if given.join(LIBRARY).exists() { Ok(Some(given)) } else { Err(given.display().to_string()) };
    }
    if vendored.join(LIBRARY).exists() {
        return Ok(Some(vendored));
    }
    let multiarch = format!("/usr/lib/{}-linux-gnu", variable("CARGO_CFG_TARGET_ARCH"));
    let system = ["/usr/local/lib", "/usr/lib", "/usr/lib64", &multiarch];
    let native = variable("HOST") == variable("TARGET");
    if native && system.iter().any(|directory| Path::new(directory).join(LIBRARY).exists()) {
        return Ok(None);
    }
    Err(format!("{} or {}", vendored.display(), system.join(", ")))
}

fn publish(directory: Option<PathBuf>) {
    // An installed program looks beside itself and in ../lib; a developer's build in the directory it was linked with.
    let mut rpath = vec!["$ORIGIN".to_owned(), "$ORIGIN/../lib".to_owned()];
    if let Some(directory) = directory {
        println!("cargo::rustc-link-search=native={}", directory.display());
        rpath.insert(0, directory.display().to_string());
    }
    let rpath = rpath.join(":");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{rpath}");
    println!("cargo::metadata=RPATH={rpath}");
}

/// A variable that cargo always sets for build scripts.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
