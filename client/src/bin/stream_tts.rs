//! Speaks a text through the gateway and saves the sound: `POST /api/tts`, frame by frame.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use evervoice_client::options::{Common, EXIT_CODES};
use evervoice_client::screen::Screen;
use evervoice_client::{ClientError, gateway, receive};
use serde::Serialize;

#[derive(Parser)]
#[command(
    version,
    about = "Отправляет текст на синтез и сохраняет звук в WAV",
    after_help = EXIT_CODES
)]
struct Options {
    #[command(flatten)]
    common: Common,
    #[arg(long, default_value = "Hello world, this is a streaming TTS test.", help = "Что произнести")]
    text: String,
    #[arg(long, help = "Голос; без него говорит голос по умолчанию")]
    voice: Option<String>,
    #[arg(long, help = "Скорость речи, 1.0 - обычная")]
    speed: Option<f32>,
    #[arg(long, short, default_value = "input.wav", value_name = "FILE", help = "Куда сохранить звук")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Body<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f32>,
}

fn main() -> ExitCode {
    evervoice_client::run(program(Options::parse()))
}

async fn program(options: Options) -> Result<(), ClientError> {
    let Options { common, text, .. } = &options;
    let url = common.address("/api/tts")?;
    let screen = Screen::new(common.quiet);
    screen.line(format_args!("Отправка запроса на {url}...\nТекст: {text}\n"));
    screen.wait("Ожидание звука");
    let request =
        gateway::client(common)?.post(url).json(&Body { text, voice: options.voice.as_deref(), speed: options.speed });
    let response = gateway::send(request, common).await?;
    screen.line(format_args!("Получение аудио-чанков:"));
    receive::receive(response, &options.output, common, &screen).await
}
