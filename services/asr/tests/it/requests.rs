//! Whole pieces of sound in every shape that is taken.

use evervoice_core::audio::StreamResampler;
use serde_json::Value;

use crate::support::{TestService, bytes, pcm, samples, transcripts, wav};

const DIGITS: &str = "one two three four five";

#[tokio::test]
async fn every_clip_raw_and_as_wav() {
    let service = TestService::start().await;
    for (name, texts) in transcripts() {
        let expected = texts.join(" ");
        assert_eq!(service.post("?sr=16000&ch=1&fmt=s16le&lang=en", &pcm(&name)).await.words(), expected, "{name}");
        assert_eq!(service.post("", &wav(&name)).await.words(), expected, "{name}");
    }
}

#[tokio::test]
async fn the_answer_has_times_language_duration_and_confidence() {
    let service = TestService::start().await;
    let answer = service.post("", &pcm("digits")).await;
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(!answer.headers["x-request-id"].is_empty());
    let json = answer.json();
    let mut keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["confidence", "duration_seconds", "language", "segments", "text"]);
    assert_eq!((&json["language"], &json["text"]), (&"en".into(), &DIGITS.into()));
    let seconds = samples("digits").len() as f64 / 16_000.0;
    assert!((json["duration_seconds"].as_f64().unwrap() - seconds).abs() < 1e-9);
    assert!((0.5..=1.0).contains(&json["confidence"].as_f64().unwrap()), "{json}");

    let segments = json["segments"].as_array().unwrap();
    let words: Vec<&str> = segments.iter().map(|word| word["text"].as_str().unwrap()).collect();
    assert_eq!(words.join(" "), DIGITS);
    let mut before = 0;
    for word in segments {
        let (start, end) = (word["start_ms"].as_u64().unwrap(), word["end_ms"].as_u64().unwrap());
        assert!(before <= start && start < end, "{word}");
        assert!((0.0..=1.0).contains(&word["confidence"].as_f64().unwrap()));
        before = end;
    }
    assert!(before as f64 <= seconds * 1000.0 + 60.0);
}

#[tokio::test]
async fn the_request_id_of_the_caller_comes_back() {
    let service = TestService::start().await;
    let answer = service.post_with("X-Request-Id: call-17\r\n", "", &pcm("digits")).await;
    assert_eq!(answer.headers["x-request-id"], "call-17");
}

#[tokio::test]
async fn every_encoding_and_two_channels_are_heard() {
    let service = TestService::start().await;
    let mono = samples("digits");
    let wide: Vec<u8> = mono.iter().flat_map(|&sample| (i32::from(sample) << 16).to_le_bytes()).collect();
    let floats: Vec<u8> = mono.iter().flat_map(|&sample| (f32::from(sample) / 32_768.0).to_le_bytes()).collect();
    assert_eq!(service.post("?fmt=s32le", &wide).await.words(), DIGITS);
    assert_eq!(service.post("?fmt=float32", &floats).await.words(), DIGITS);
    let stereo = bytes(mono.iter().flat_map(|&sample| [sample, sample]));
    let answer = service.post("?ch=2", &stereo).await;
    assert_eq!(answer.words(), DIGITS);
    let seconds = answer.json()["duration_seconds"].as_f64().unwrap();
    assert!((seconds - mono.len() as f64 / 16_000.0).abs() < 1e-9, "channels do not count");
}

#[tokio::test]
async fn every_sample_rate_is_heard() {
    let service = TestService::start().await;
    let mono: Vec<f32> = samples("digits").into_iter().map(|sample| f32::from(sample) / 32_768.0).collect();
    for rate in [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] {
        let (mut out, mut resampler) = (vec![], StreamResampler::new(16_000, rate));
        resampler.push(&mono, &mut out);
        resampler.finish(&mut out);
        let sound = bytes(out.into_iter().map(evervoice_core::audio::chunk::to_i16));
        assert_eq!(service.post(&format!("?sr={rate}"), &sound).await.words(), DIGITS, "{rate}");
    }
}

#[tokio::test]
async fn telephone_sound_is_heard_raw_and_in_a_wav_file() {
    let service = TestService::start().await;
    // µ-law at 16 kHz keeps what the clip has; the encoder is the one of core's own tests.
    let ulaw: Vec<u8> = samples("digits").into_iter().map(encode_ulaw).collect();
    assert_eq!(service.post("?fmt=ulaw", &ulaw).await.words(), DIGITS);
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x07\0\x01\0".to_vec();
    file.extend(16_000u32.to_le_bytes());
    file.extend(16_000u32.to_le_bytes());
    file.extend([1, 0, 8, 0]);
    file.extend(b"data");
    file.extend(u32::try_from(ulaw.len()).unwrap().to_le_bytes());
    file.extend(&ulaw);
    assert_eq!(service.post("?fmt=s16le&sr=8000", &file).await.words(), DIGITS);
}

/// ITU-T G.711 µ-law by its definition: sign, three bits of exponent, four of mantissa, inverted.
fn encode_ulaw(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(32_635) + 132;
    let exponent = (7..=14).rev().find(|bit| magnitude >> bit & 1 == 1).unwrap_or(7) - 7;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !u8::try_from(sign | (exponent << 4) | mantissa).unwrap()
}

/// Even a query that would be refused for raw sound says nothing about a WAV file.
#[tokio::test]
async fn a_wav_file_is_read_whatever_the_query_says() {
    let service = TestService::start().await;
    let expected = "one two three four five";
    for query in ["?sr=48000&ch=2&fmt=float32", "?sr=8000", "?sr=0", "?ch=3&fmt=mp3"] {
        assert_eq!(service.post(query, &wav("digits")).await.words(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_wav_header_that_did_not_know_its_length_is_no_problem() {
    let service = TestService::start().await;
    for size in [0u32, 0x7FFF_F000, u32::MAX] {
        let mut file = wav("digits");
        let at = file.windows(4).position(|window| window == b"data").unwrap() + 4;
        file[at..at + 4].copy_from_slice(&size.to_le_bytes());
        assert_eq!(service.post("", &file).await.words(), DIGITS, "{size}");
    }
}

#[tokio::test]
async fn silence_and_noise_are_answered() {
    let service = TestService::start().await;
    let zeros = service.post("", &vec![0; 64_000]).await;
    assert_eq!(zeros.words(), "");
    assert_eq!(
        (zeros.json()["segments"].clone(), zeros.json()["confidence"].as_f64()),
        (Value::Array(vec![]), Some(0.0))
    );
    let mut state = 1u32;
    let noise = bytes((0..32_000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as u16 as i16
    }));
    assert_eq!(service.post("", &noise).await.status, 200);
    assert_eq!(service.post("", &pcm("digits")).await.words(), DIGITS);
}

#[tokio::test]
async fn a_grammar_limits_what_is_heard() {
    let service = TestService::start().await;
    let grammar = "?grammar=%5B%22turn+on+the+light+in+the+kitchen+please%22%2C%22%5Bunk%5D%22%5D";
    assert_eq!(service.post(grammar, &pcm("lights")).await.words(), "turn on the light in the kitchen please");
    let heard = service.post(grammar, &pcm("weather")).await.words();
    assert_ne!(heard, "what is the weather like in paris tomorrow");
}

#[tokio::test]
async fn whoever_runs_the_service_can_see_how_it_is() {
    let service = TestService::start().await;
    service.post("", &pcm("digits")).await.words();
    for path in ["/live", "/ready"] {
        assert_eq!(service.get(path).await.status, 200, "{path}");
    }
    let health = service.get("/health").await.json();
    assert_eq!((&health["status"], &health["service"]), (&"ok".into(), &"asr".into()));
    let part = &health["parts"]["recognizer"];
    assert_eq!((&part["model"], &part["language"]), (&"builtin".into(), &"en".into()));
    assert_eq!(part["free_request_places"], 34);
    assert!((service.metric("asr_sound_seconds_total").await - samples("digits").len() as f64 / 16_000.0).abs() < 1e-6);
    assert_eq!(service.metric("asr_recognition_ms_count").await, 1.0);
}
