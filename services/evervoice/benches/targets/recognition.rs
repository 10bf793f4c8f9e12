//! Recognition through the service against the same library called in a plain loop, interleaved.

use std::time::Instant;

use evervoice_core::asr::Transcript;
use vosk::{Model, Recognizer};

use crate::measure::{clip, house, percentile, repository};

/// Samples a call, as in the service.
const STEP: usize = 3_200;

fn plain(model: &Model, samples: &[i16]) -> String {
    let mut recognizer = Recognizer::new(model, 16_000.0).unwrap();
    recognizer.set_words(true);
    let mut texts = vec![];
    for piece in samples.chunks(STEP) {
        if recognizer.accept_waveform(piece).unwrap() == vosk::DecodingState::Finalized {
            texts.push(recognizer.result().single().unwrap().text.to_owned());
        }
    }
    texts.push(recognizer.final_result().single().unwrap().text.to_owned());
    texts.retain(|text| !text.is_empty());
    texts.join(" ")
}

pub fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (house, lifecycle, client) = runtime.block_on(house());
    let url = format!("http://{}/api/stt/bytes", house.asr.address);
    let model = Model::new(repository().join("models/asr-en").to_string_lossy()).unwrap();
    let names = ["hello.wav", "weather.wav", "timer.wav", "meeting.wav", "lights.wav", "fox.wav", "two_parts.wav"];
    let clips: Vec<Vec<i16>> = names.iter().map(|name| clip(name)).collect();
    let seconds: f64 = clips.iter().map(|samples| samples.len() as f64 / 16_000.0).sum();

    let through = |samples: &[i16]| {
        let body: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        runtime.block_on(async {
            let response = client.post(&url).body(body).send().await.unwrap();
            response.json::<Transcript>().await.unwrap().text
        })
    };
    for samples in &clips {
        assert_eq!(through(samples), plain(&model, samples), "the service and the plain loop differ");
    }
    let (mut ratios, mut factors) = (vec![], vec![]);
    let alone = |samples: &[i16]| plain(&model, samples);
    for _ in 0..40 {
        let (mut without, mut with) = (0.0, 0.0);
        for samples in &clips {
            // A, B, B, A: what changes with time or with the order cancels out.
            without += time(&alone, samples);
            with += time(&through, samples) + time(&through, samples);
            without += time(&alone, samples);
        }
        ratios.push(with / without);
        factors.push(without / 2.0 / seconds);
    }
    println!("texts identical on {} clips", clips.len());
    println!("real-time factor of the plain loop: {:.4}", percentile(&mut factors, 0.5));
    println!("service / plain loop: {:.3} (median of {})", percentile(&mut ratios, 0.5), ratios.len());
    lifecycle.stop();
    runtime.block_on(house.ended()).unwrap();
}

/// Seconds that the work takes.
fn time(work: &impl Fn(&[i16]) -> String, samples: &[i16]) -> f64 {
    let began = Instant::now();
    work(samples);
    began.elapsed().as_secs_f64()
}
