//! `cargo xtask conformance`: clients of ElevenLabs that nobody here wrote, unmodified, against the emulator.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use crate::steps;

/// Where the clients and their scripts are listed.
const DIRECTORY: &str = "crates/elevenlabs-emulator/conformance";

/// Installs the clients if they are missing, starts the emulator, and runs every script.
pub fn conformance() -> anyhow::Result<()> {
    run(&install()?)
}

/// The same for CI, which may have no way to get the clients: `false` when they could not be installed.
pub fn where_possible() -> anyhow::Result<bool> {
    match install() {
        Ok(clients) => run(&clients).map(|()| true),
        Err(error) => {
            eprintln!("WARNING: clients of others were NOT run against the emulator: {error:#}");
            Ok(false)
        }
    }
}

fn run(clients: &Path) -> anyhow::Result<()> {
    steps::run(&mut steps::cargo(["build", "--locked", "--package", "elevenlabs-emulator"]))?;
    let authority = steps::target().join("conformance/authority.pem");
    let emulator = Emulator::start(&authority)?;
    let script = |name: &str| {
        let mut command = Command::new("python3");
        command.arg(steps::root().join(DIRECTORY).join(name));
        command.env("PYTHONPATH", clients).env("SSL_CERT_FILE", &authority);
        command.args(["--http", &emulator.http]);
        command
    };
    steps::run(script("official_sdk.py").args(["--https", &emulator.https]))?;
    steps::run(&mut script("livekit_plugin.py"))?;
    Ok(())
}

/// A directory of our own with the clients that `requirements.txt` names.
fn install() -> anyhow::Result<PathBuf> {
    let wanted = steps::root().join(DIRECTORY).join("requirements.txt");
    let clients = steps::target().join("conformance/clients");
    let installed = clients.join("installed.txt");
    let list = fs::read(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    if fs::read(&installed).is_ok_and(|there| there == list) {
        return Ok(clients);
    }
    if clients.exists() {
        fs::remove_dir_all(&clients).with_context(|| format!("cannot clear {}", clients.display()))?;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--target"]);
    steps::run(pip.arg(&clients).arg("--requirement").arg(&wanted))?;
    fs::write(&installed, list).with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(clients)
}

/// The emulator as a process; dropping it ends it.
struct Emulator {
    child: Child,
    http: String,
    https: String,
}

impl Emulator {
    fn start(authority: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(steps::target().join("debug/elevenlabs-emulator"))
            .args(["--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--first-byte-ms", "1", "--cert-out"])
            .arg(authority)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the emulator")?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let [http, https] = ["http", "https"].map(|name| said[name].as_str().unwrap_or_default().to_owned());
        let emulator = Self { child, http, https };
        if emulator.https.is_empty() {
            bail!("the emulator does not listen; it said {line:?}");
        }
        Ok(emulator)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
