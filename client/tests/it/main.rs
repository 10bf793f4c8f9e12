//! The real programs against small servers that send prepared answers, whole and broken, against a pretend ElevenLabs, and
//! `load` against the service that speaks through it.

mod door;
mod echo_bytes;
mod eleven;
mod failures;
mod far;
mod house;
mod load;
mod server;
mod stream_tts;
mod tts_bench;

use std::path::Path;
use std::process::{Command, Output};

/// How a program ended.
pub struct Ended {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a program in `directory` with nothing of the caller's gateway, ElevenLabs or proxies.
pub fn run(program: &str, directory: &Path, arguments: &[&str]) -> Ended {
    run_with(program, directory, arguments, &[])
}

/// [`run`] with further variables.
pub fn run_with(program: &str, directory: &Path, arguments: &[&str], variables: &[(&str, String)]) -> Ended {
    ended(command(program, directory, arguments, variables).output().unwrap())
}

/// The same before it runs.
pub fn command(program: &str, directory: &Path, arguments: &[&str], variables: &[(&str, String)]) -> Command {
    let path = match program {
        "stream_tts" => env!("CARGO_BIN_EXE_stream_tts"),
        "echo_bytes" => env!("CARGO_BIN_EXE_echo_bytes"),
        "eleven" => env!("CARGO_BIN_EXE_eleven"),
        "tts_bench" => env!("CARGO_BIN_EXE_tts_bench"),
        "load" => env!("CARGO_BIN_EXE_load"),
        other => panic!("no program {other}"),
    };
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ELEVEN_")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(directory)
        .env_remove("GATEWAY_URL")
        // Neither a proxy nor missing certificates may matter for a gateway on this machine.
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("SSL_CERT_FILE", "/no/such/certificates.pem")
        .env("SSL_CERT_DIR", "/no/such/certificates")
        .envs(variables.iter().map(|(name, value)| (name, value)));
    command
}

/// What a program left behind.
pub fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The names in a directory, hidden ones too.
pub fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// `count` different samples as s16le bytes.
pub fn tone(count: usize) -> Vec<u8> {
    (0..count).flat_map(|index| (index as i16).wrapping_mul(7).to_le_bytes()).collect()
}

/// A frame line without its time; panics unless it has the shape `Фрейм N: BYTES байт, время: S.mmm`.
pub fn frame(line: &str) -> (usize, usize) {
    let (number, rest) = line.strip_prefix("Фрейм ").unwrap().split_once(": ").unwrap();
    let (bytes, time) = rest.split_once(" байт, время: ").unwrap();
    let (seconds, millis) = time.split_once('.').unwrap();
    assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000, "{line}");
    assert!(millis.len() == 3 && millis.parse::<u16>().is_ok(), "{line}");
    (number.parse().unwrap(), bytes.parse().unwrap())
}
