//! The program as a process: its command line, its signals, its exit codes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

/// The program, in a directory.
pub fn evervoice(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evervoice"));
    // Nothing of the machine's own settings.
    command.current_dir(directory).env_clear().envs(std::env::vars().filter(|(name, _)| name == "PATH"));
    command
}

/// Runs the program to its end.
pub fn run(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    evervoice(directory).args(arguments).envs(variables.iter().copied()).output().unwrap()
}

/// Sends SIGTERM.
pub fn terminate(child: &Child) {
    // The shell's own `kill`: a small machine may not have the program.
    let sent = Command::new("sh").args(["-c", &format!("kill {}", child.id())]).status();
    assert!(sent.unwrap().success());
}

/// A running program, ended with the test.
struct Process {
    child: Child,
    gateway: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(directory: &Path) -> Process {
    serve_with(directory, &[])
}

fn serve_with(directory: &Path, variables: &[(&str, &str)]) -> Process {
    let mut child = evervoice(directory)
        .envs(variables.iter().copied())
        // Every text is made, however often it is spoken.
        .envs([("GATEWAY_PORT", "0"), ("ASR_PORT", "0"), ("TTS_PORT", "0"), ("TTS_CACHE_MB", "0")])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let ready = ready.into_iter().find(|line| line["event"] == "service_ready").expect("it never got ready");
    // Somebody has to read the rest of the log, or the pipe fills.
    std::thread::spawn(move || lines.for_each(drop));
    let gateway = ready["gateway"].as_str().unwrap().trim_start_matches("http://").to_owned();
    Process { child, gateway }
}

fn post(address: &str, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
    stream
}

#[test]
fn four_slow_streams_end_whole_after_sigterm_and_the_exit_code_is_0() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = serve(directory.path());
    let text = "The quick brown fox jumps over the lazy dog near the river. ".repeat(40);
    let body = format!(r#"{{"text": "{text}", "format": "pcm_48000"}}"#);
    let mut whole = vec![];
    post(&process.gateway, "/api/tts", &body).read_to_end(&mut whole).unwrap();
    assert!(whole.ends_with(b"\r\n0\r\n\r\n"), "the reference is not whole");

    let mut streams: Vec<TcpStream> = (0..4).map(|_| post(&process.gateway, "/api/tts", &body)).collect();
    let mut firsts = [[0; 512]; 4];
    for (stream, first) in streams.iter_mut().zip(&mut firsts) {
        stream.read_exact(first).unwrap();
        assert!(first.starts_with(b"HTTP/1.1 200 OK"));
    }
    terminate(&process.child);
    // The drain waits for readers.
    std::thread::sleep(Duration::from_millis(300));
    for (mut stream, first) in streams.into_iter().zip(firsts) {
        let mut bytes = first.to_vec();
        stream.read_to_end(&mut bytes).unwrap();
        assert_eq!(samples(&bytes), samples(&whole));
    }
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
}

/// Length of the sound in a chunked answer that has its end.
fn samples(answer: &[u8]) -> usize {
    assert!(answer.ends_with(b"\r\n0\r\n\r\n"), "the answer was cut");
    let mut rest = &answer[answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4..];
    let mut total = 0;
    loop {
        let end = rest.windows(2).position(|bytes| bytes == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return total;
        }
        total += size;
        rest = &rest[end + 2 + size + 2..];
    }
}

#[test]
fn the_log_is_json_lines_also_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let process = serve_with(directory.path(), &[("LOG_DIR", "logs")]);
    let files: Vec<_> =
        std::fs::read_dir(directory.path().join("logs")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("evervoice.") && name.ends_with(".jsonl"), "{name}");
    let text = std::fs::read_to_string(&files[0]).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().any(|line| line["event"] == "service_started" && line["ts"].is_string()), "{text}");
    drop(process);
}

#[test]
fn the_healthcheck_asks_all_three() {
    let directory = tempfile::tempdir().unwrap();
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let ports = [free(), free(), free()];
    let names = ["GATEWAY_PORT", "ASR_PORT", "TTS_PORT"];
    let variables: Vec<(&str, &str)> = names.into_iter().zip(ports.iter().map(String::as_str)).collect();
    let check = || run(directory.path(), &["healthcheck"], &variables);
    assert_eq!(check().status.code(), Some(1));
    assert!(String::from_utf8_lossy(&check().stderr).contains("cannot be reached"));

    let child =
        evervoice(directory.path()).envs(variables.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let process = Process { child: child.unwrap(), gateway: String::new() };
    let ready = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        check().status.success()
    });
    drop(process);
    assert!(ready);
}

#[test]
fn the_configuration_is_printed_and_checked() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["check-config"], &[("GATEWAY_PORT", "9123"), ("MAX_AUDIO_DURATION", "20")]);
    assert_eq!(output.status.code(), Some(0));
    let settings: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(settings["gateway"]["server"]["port"], 9123);
    assert_eq!(settings["asr"]["recognition"]["max_audio_duration"], 20.0);

    std::fs::create_dir(directory.path().join("configs")).unwrap();
    std::fs::write(directory.path().join("configs/gateway.yml"), "upstream: {tts: x}\nserver: {port: x}\n").unwrap();
    let output = run(directory.path(), &["check-config"], &[("REQUEST_TIMEOUT", "soon")]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    for expected in ["gateway: upstream.tts", "gateway: server.port", "REQUEST_TIMEOUT"] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_missing_model_names_the_command_that_gets_it() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(
        directory.path(),
        &[],
        &[("ASR_MODEL_SIZE", "base.en"), ("GATEWAY_PORT", "0"), ("ASR_PORT", "0"), ("TTS_PORT", "0")],
    );
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("evervoice models pull"), "{text}");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(directory.path(), &[], &[("TTS_PORT", &port), ("GATEWAY_PORT", "0"), ("ASR_PORT", "0")]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&format!("tts cannot listen on 127.0.0.1:{port}")), "{text}");
}

#[test]
fn help_and_version_are_there() {
    let directory = tempfile::tempdir().unwrap();
    let help = run(directory.path(), &["--help"], &[]);
    let text = String::from_utf8_lossy(&help.stdout);
    assert!(
        ["serve", "check-config", "healthcheck", "doctor", "models"].iter().all(|word| text.contains(word)),
        "{text}"
    );
    let version = run(directory.path(), &["--version"], &[]);
    assert_eq!(String::from_utf8_lossy(&version.stdout).trim(), format!("evervoice {}", env!("CARGO_PKG_VERSION")));
}
