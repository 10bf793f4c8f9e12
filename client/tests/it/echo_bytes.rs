//! `echo_bytes` and an answer that comes whole.

use crate::server::{chunk, end, head, serve};
use crate::{frame, run, tone};

fn write_wav(path: &std::path::Path, rate: u32, channels: u16, sound: &[u8]) {
    let mut file = evervoice_client::wav::Recording::create(path, rate, channels).unwrap();
    file.write(sound).unwrap();
    file.save().unwrap();
}

#[test]
fn prints_the_specified_lines_and_the_decoded_text() {
    let directory = tempfile::tempdir().unwrap();
    let (sent, answer) = (tone(2000), tone(2100));
    write_wav(&directory.path().join("input.wav"), 16_000, 1, &sent);
    let (url, server) =
        serve(vec![head("X-Recognized-Text: hello%20w%C3%B6rld%20%D0%B4%D0%B0\r\n"), chunk(&answer), end()]);

    let ended = run("echo_bytes", directory.path(), &["--gateway", &url]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(
        lines[..9],
        [
            "Входной файл: input.wav",
            "Параметры: 1ch, 16000Hz, 16bit",
            "Размер PCM: 4000 байт",
            "",
            format!("Отправка на {url}/api/echo-bytes...").as_str(),
            "",
            "Получение ответа:",
            "📝 Распознанный текст: hello wörld да",
            "",
        ]
    );
    assert_eq!((frame(lines[9]), frame(lines[10])), ((1, 4096), (2, 104)));
    assert_eq!(lines[11..], ["", "✓ Аудио сохранено в out_echo.wav", "Всего фреймов: 2, размер: 4200 байт"]);

    let request = server.join().unwrap();
    assert_eq!(request.line, "POST /api/echo-bytes?sr=16000&ch=1&fmt=s16le HTTP/1.1");
    assert!(request.head.contains("content-type: application/octet-stream"));
    assert!(request.body == sent, "the very samples of the file were sent");
    let saved = evervoice_client::wav::read(&directory.path().join("out_echo.wav")).unwrap();
    assert!(saved.pcm == answer);
}

#[test]
fn rate_channels_and_format_of_the_file_are_stated() {
    let directory = tempfile::tempdir().unwrap();
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let path = directory.path().join("stereo.wav");
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in [0.25_f32, -0.5] {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    let (url, server) = serve(vec![head(""), chunk(&tone(10)), end()]);
    let arguments = ["--gateway", &url, "--input", "stereo.wav"];
    let ended = run("echo_bytes", directory.path(), &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("Параметры: 2ch, 48000Hz, 32bit\n"));
    let request = server.join().unwrap();
    assert!(request.line.contains("?sr=48000&ch=2&fmt=float32 "), "{}", request.line);
    assert_eq!(request.body, [0.25_f32.to_le_bytes(), (-0.5_f32).to_le_bytes()].concat());
}
