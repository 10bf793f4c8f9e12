//! `stream_tts` and an answer that comes whole.

use crate::server::{chunk, end, head, serve};
use crate::{frame, names, run, tone};

#[test]
fn prints_the_specified_lines_and_saves_every_sample() {
    let directory = tempfile::tempdir().unwrap();
    let sound = tone(5000);
    // Pieces that end neither at a frame nor at a sample.
    let mut pieces = vec![head("")];
    pieces.extend(sound.chunks(1001).map(chunk));
    pieces.push(end());
    let (url, server) = serve(pieces);

    let ended = run("stream_tts", directory.path(), &["--gateway", &url]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(
        lines[..4],
        [
            format!("Отправка запроса на {url}/api/tts...").as_str(),
            "Текст: Hello world, this is a streaming TTS test.",
            "",
            "Получение аудио-чанков:"
        ]
    );
    let frames: Vec<_> = lines[4..7].iter().map(|line| frame(line)).collect();
    assert_eq!(frames, [(1, 4096), (2, 4096), (3, 1808)]);
    assert_eq!(lines[7..], ["", "✓ Аудио сохранено в input.wav", "Всего фреймов: 3, размер: 10000 байт"]);

    let request = server.join().unwrap();
    assert_eq!(request.line, "POST /api/tts HTTP/1.1");
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&request.body).unwrap(),
        serde_json::json!({"text": "Hello world, this is a streaming TTS test."})
    );
    let saved = evervoice_client::wav::read(&directory.path().join("input.wav")).unwrap();
    assert_eq!((saved.rate, saved.channels, saved.file_bits), (16_000, 1, 16));
    assert!(saved.pcm == sound, "the WAV holds the very samples that were sent");
    assert_eq!(names(directory.path()), ["input.wav"]);
}

#[test]
fn sends_voice_and_speed_and_is_quiet_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let (url, server) = serve(vec![head(""), chunk(&tone(3000)), end()]);
    let ended = run(
        "stream_tts",
        directory.path(),
        &["--gateway", &url, "--text", "Привет", "--voice", "slt", "--speed", "1.25", "-o", "out.wav", "--quiet"],
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stdout.contains("Фрейм 1"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("✓ Аудио сохранено в out.wav\nВсего фреймов: 2, размер: 6000 байт\n"));
    let body: serde_json::Value = serde_json::from_slice(&server.join().unwrap().body).unwrap();
    assert_eq!(body, serde_json::json!({"text": "Привет", "voice": "slt", "speed": 1.25}));
}
