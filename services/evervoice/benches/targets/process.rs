//! The program as a process: start to ready, and resident memory.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Instant,
};

use serde_json::Value;

use crate::measure::{TEN_WORDS, block_on, client, percentile, repository};

/// The program, running.
pub struct Process {
    child: Child,
    asr: String,
    pub gateway: String,
    ready_ms: f64,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts it on free ports, with these arguments and variables.
pub fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Process {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_evervoice"))
        .args(arguments)
        // Every text is made, however often it is spoken.
        .envs([("GATEWAY_PORT", "0"), ("ASR_PORT", "0"), ("TTS_PORT", "0"), ("TTS_CACHE_MB", "0")])
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines
        .by_ref()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .find(|line| line["event"] == "service_ready")
        .unwrap();
    let ready_ms = began.elapsed().as_secs_f64() * 1000.0;
    std::thread::spawn(move || lines.for_each(drop));
    let url = |name: &str| ready[name].as_str().unwrap().to_owned();
    Process { child, asr: url("asr"), gateway: url("gateway"), ready_ms }
}

impl Process {
    /// Resident memory in MB (10⁶ bytes).
    pub fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0 / 1e6
    }
}

pub fn run() {
    let mut starts: Vec<f64> = (0..10).map(|_| start(&[], &[]).ready_ms).collect();
    println!(
        "start to ready: median {:.0} ms, worst {:.0} ms",
        percentile(&mut starts, 0.5),
        percentile(&mut starts, 1.0)
    );

    let process = start(&[], &[]);
    let client = client();
    let sound = std::fs::read(repository().join("testdata/asr/hello.wav")).unwrap();
    println!("resident memory when ready: {:.1} MB", process.memory());
    block_on(async {
        let speak = async || {
            let response = client.post(format!("{}/api/tts", process.gateway)).body(TEN_WORDS).send().await.unwrap();
            assert!(response.bytes().await.unwrap().len() > 32_000);
        };
        let hear = async || {
            let request = client.post(format!("{}/api/stt/bytes", process.asr)).body(sound.clone());
            assert_eq!(request.send().await.unwrap().status(), 200);
        };
        for at in 0..200 {
            if at % 2 == 0 { speak().await } else { hear().await }
        }
        println!("after 200 mixed requests: {:.1} MB", process.memory());
        for (what, speaking) in [("syntheses", true), ("recognitions", false)] {
            for block in 1..=8 {
                for _ in 0..250 {
                    if speaking { speak().await } else { hear().await }
                }
                if [1, 2, 4, 8].contains(&block) {
                    println!("after {} {what}: {:.1} MB", block * 250, process.memory());
                }
            }
        }
    });
}
