//! The built-in voice: real-time factor on one core, two utterances at once, and first byte over HTTP.

use std::time::Instant;

use evervoice_voice::{VoiceEngine, load_built_in};

use crate::measure::{self, TEN_WORDS, block_on, house, percentile, report};

const SENTENCES: [&str; 4] = [
    "The meeting is on Friday at ten thirty in the office.",
    "Please turn on the light in the kitchen, and close the door.",
    "I was born in 1984, and my phone number is 555-1234.",
    "What is the weather like in Paris tomorrow afternoon?",
];

/// Seconds of sound.
fn speak(voice: &dyn VoiceEngine, text: &str) -> f64 {
    let mut speaking = voice.begin(text, &voice.names()[0], 1.0).unwrap();
    let mut samples = 0;
    while let Some(chunk) = speaking.next_chunk().unwrap() {
        samples += chunk.len();
    }
    samples as f64 / f64::from(voice.sample_rate())
}

fn round(voice: &dyn VoiceEngine) -> f64 {
    SENTENCES.iter().map(|text| speak(voice, text)).sum()
}

pub fn run() {
    let began = Instant::now();
    let voice = load_built_in().unwrap();
    println!("load and plan: {:.0} ms", began.elapsed().as_secs_f64() * 1000.0);
    round(&*voice);

    let mut factors: Vec<f64> = (0..40)
        .map(|_| {
            let began = Instant::now();
            let seconds = round(&*voice);
            began.elapsed().as_secs_f64() / seconds
        })
        .collect();
    report("real-time factor, one thread (text to samples)", &mut factors, "s per s of speech");

    let mut first: Vec<f64> = (0..200)
        .map(|at| {
            let began = Instant::now();
            let mut speaking = voice.begin(SENTENCES[at % 4], &voice.names()[0], 1.0).unwrap();
            speaking.next_chunk().unwrap().unwrap();
            began.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    report("first chunk (210 ms of sound), one thread", &mut first, "ms");

    // One after the other against both at once, interleaved.
    let mut gains: Vec<f64> = (0..10)
        .map(|_| {
            let time = |threads: usize| {
                let began = Instant::now();
                std::thread::scope(|scope| {
                    for _ in 0..threads {
                        scope.spawn(|| {
                            for _ in 0..4 / threads {
                                round(&*voice);
                            }
                        });
                    }
                });
                began.elapsed().as_secs_f64()
            };
            time(1) / time(2)
        })
        .collect();
    println!("two threads against one, same work: {:.2} times as fast", percentile(&mut gains, 0.5));
}

pub fn first_byte_of(url: &str, count: usize) -> Vec<f64> {
    block_on(async {
        let client = crate::measure::client();
        let mut times = vec![];
        for _ in 0..count {
            times.push(measure::first_byte(&client, url, TEN_WORDS).await);
        }
        times
    })
}

pub fn first_byte() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (house, lifecycle, _) = runtime.block_on(house());
    let url = format!("http://{}/api/tts", house.tts.address);
    first_byte_of(&url, 20);
    report("POST /api/tts, ten words, first byte", &mut first_byte_of(&url, 300), "ms");
    lifecycle.stop();
    runtime.block_on(house.ended()).unwrap();
}
