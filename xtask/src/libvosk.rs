//! libvosk.so, the speech recogniser's library, from the Python package `vosk` of the same version.
//!
//! The library is not in Linux distributions; the wheel is its one binary release for both processors. It is taken
//! with pip, so whatever index, proxy or mirror pip is set up for is used, and its SHA-256 is compared with the sum
//! of the library that this project was tested with. `VOSK_LIB_DIR` names a directory with another build of it.

use std::fs;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use crate::steps;

/// The release whose wheels are used; newer ones have no wheel.
const VERSION: &str = "0.3.45";
const FILE: &str = "libvosk.so";

/// One published build.
struct Build {
    arch: &'static str,
    /// The wheel's platform tag.
    platform: &'static str,
    /// SHA-256 of libvosk.so inside the wheel.
    sha256: &'static str,
}

const BUILDS: [Build; 2] = [
    Build {
        arch: "x86_64",
        platform: "manylinux2010_x86_64",
        sha256: "85c4654de3acdeb99abab86eeb2a6e603927d37089597c0fcc33d8638dc2ccaf",
    },
    Build {
        arch: "aarch64",
        platform: "manylinux2014_aarch64",
        sha256: "0e9df29f060a93cf3df3263a4d3635e1b75688a5fd84e86ade1599372e3c9597",
    },
];

/// Makes sure that the library for `arch` is there, and gives its path.
pub fn install(arch: &str) -> anyhow::Result<PathBuf> {
    if let Some(directory) = std::env::var_os("VOSK_LIB_DIR").filter(|value| !value.is_empty()) {
        let file = Path::new(&directory).join(FILE);
        if !file.is_file() {
            bail!("VOSK_LIB_DIR is set, and there is no {}", file.display());
        }
        eprintln!("libvosk: {} (VOSK_LIB_DIR)", file.display());
        return Ok(file);
    }
    let build =
        BUILDS.iter().find(|build| build.arch == arch && std::env::consts::OS == "linux").with_context(|| {
            format!(
                "there is no ready libvosk for {arch}-{}; build one and give its directory in VOSK_LIB_DIR",
                std::env::consts::OS
            )
        })?;
    let target = steps::root().join("vendor/libvosk").join(format!("{arch}-linux")).join(FILE);
    if fs::read(&target).is_ok_and(|bytes| sha256(&bytes) == build.sha256) {
        eprintln!("libvosk: {} is there", shown(&target));
        return Ok(target);
    }
    eprintln!("libvosk: getting version {VERSION} for {arch} (Apache-2.0, about 7 MB) with pip");
    need_pip()?;
    let scratch = target.with_file_name(".download");
    let installed = download(build, &scratch).and_then(|wheel| unpack(&wheel, build.sha256, &target));
    // Left-overs do no harm: the next run clears them first.
    let _ = fs::remove_dir_all(&scratch);
    installed?;
    eprintln!("libvosk: {} installed, its SHA-256 is the expected one", shown(&target));
    if arch == "aarch64" {
        eprintln!("libvosk: on aarch64 it needs libatomic.so.1 at run time (apt-get install libatomic1)");
    }
    Ok(target)
}

fn shown(path: &Path) -> String {
    path.strip_prefix(steps::root()).unwrap_or(path).display().to_string()
}

fn need_pip() -> anyhow::Result<()> {
    let advice = "or put libvosk.so into a directory and name it in VOSK_LIB_DIR";
    match Command::new("python3").args(["-m", "pip", "--version"]).output() {
        Err(_) => bail!("python3 is needed to get libvosk: apt-get install python3 python3-pip, {advice}"),
        Ok(output) if !output.status.success() => {
            bail!("Python's pip is needed to get libvosk: apt-get install python3-pip, {advice}")
        }
        Ok(_) => Ok(()),
    }
}

/// Downloads the wheel into an empty `scratch` directory.
fn download(build: &Build, scratch: &Path) -> anyhow::Result<PathBuf> {
    if scratch.exists() {
        fs::remove_dir_all(scratch).with_context(|| format!("cannot clear {}", scratch.display()))?;
    }
    fs::create_dir_all(scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    let spinner = steps::spinner("pip download vosk");
    let mut command = Command::new("python3");
    command
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"])
        .args(["--only-binary=:all:", "--platform", build.platform, "--dest"])
        .arg(scratch)
        .arg(format!("vosk=={VERSION}"));
    let output = command.output().context("cannot start python3");
    spinner.finish_and_clear();
    let output = output?;
    if !output.status.success() {
        bail!(
            "{} failed:\n{}\nWithout a network, take libvosk.so from another machine and name its directory in \
             VOSK_LIB_DIR",
            steps::line(&command),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let mut wheels = fs::read_dir(scratch)?.flatten().map(|entry| entry.path());
    wheels.find(|path| path.extension().is_some_and(|extension| extension == "whl")).context("pip gave no wheel")
}

/// Takes the library out of the wheel and gives it its name only if its sum is right.
fn unpack(wheel: &Path, sha256_expected: &str, target: &Path) -> anyhow::Result<()> {
    let file = fs::File::open(wheel).with_context(|| format!("cannot open {}", wheel.display()))?;
    let library = library(file).with_context(|| format!("{} is no vosk wheel", wheel.display()))?;
    let found = sha256(&library);
    if found != sha256_expected {
        bail!(
            "libvosk.so has the wrong SHA-256\n  expected {sha256_expected}\n  found    {found}\nNothing was installed"
        );
    }
    let part = target.with_extension("so.part");
    fs::write(&part, library)
        .and_then(|()| fs::rename(&part, target))
        .with_context(|| format!("cannot write {}", target.display()))
}

fn library(wheel: impl Read + Seek) -> anyhow::Result<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(wheel)?;
    let mut bytes = Vec::new();
    archive.by_name("vosk/libvosk.so")?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn scratch(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    fn wheel(directory: &Path, entry: &str) -> PathBuf {
        let path = directory.join("vosk.whl");
        let mut writer = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        writer.start_file(entry, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(b"library").unwrap();
        writer.finish().unwrap();
        path
    }

    #[test]
    fn only_a_library_with_the_right_sum_gets_its_name() {
        let directory = scratch("sum");
        let wheel = wheel(&directory, "vosk/libvosk.so");
        let target = directory.join(FILE);
        let error = unpack(&wheel, &"0".repeat(64), &target).unwrap_err();
        assert!(error.to_string().contains(&sha256(b"library")), "{error}");
        assert!(!target.exists());
        unpack(&wheel, &sha256(b"library"), &target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"library");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_wheel_without_the_library_is_refused() {
        let directory = scratch("wheel");
        let wheel = wheel(&directory, "vosk/other.so");
        assert!(unpack(&wheel, "", &directory.join(FILE)).is_err());
        fs::remove_dir_all(directory).unwrap();
    }
}
