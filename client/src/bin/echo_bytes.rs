//! Sends a WAV file through the gateway to be recognised and spoken again: `POST /api/echo-bytes`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use evervoice_client::options::{Common, EXIT_CODES};
use evervoice_client::screen::Screen;
use evervoice_client::{ClientError, gateway, receive, wav};

#[derive(Parser)]
#[command(
    version,
    about = "Читает WAV, отправляет на распознавание и синтез, сохраняет результат",
    after_help = EXIT_CODES
)]
struct Options {
    #[command(flatten)]
    common: Common,
    #[arg(
        long,
        short,
        default_value = "input.wav",
        value_name = "FILE",
        help = "Что отправить: WAV, 1 или 2 канала, 8-32 бит или float32"
    )]
    input: PathBuf,
    #[arg(long, short, default_value = "out_echo.wav", value_name = "FILE", help = "Куда сохранить ответ")]
    output: PathBuf,
    #[arg(long, help = "Голос ответа; без него говорит голос по умолчанию")]
    voice: Option<String>,
    #[arg(long, help = "Скорость речи ответа, 1.0 - обычная")]
    speed: Option<f32>,
}

fn main() -> ExitCode {
    evervoice_client::run(program(Options::parse()))
}

async fn program(options: Options) -> Result<(), ClientError> {
    let Options { common, input, .. } = &options;
    let mut url = common.address("/api/echo-bytes")?;
    let screen = Screen::new(common.quiet);
    let sound = wav::read(input)?;
    screen.line(format_args!(
        "Входной файл: {}\nПараметры: {}ch, {}Hz, {}bit\nРазмер PCM: {} байт\n",
        input.display(),
        sound.channels,
        sound.rate,
        sound.file_bits,
        sound.pcm.len()
    ));
    screen.line(format_args!("Отправка на {url}...\n"));
    url.query_pairs_mut()
        .append_pair("sr", &sound.rate.to_string())
        .append_pair("ch", &sound.channels.to_string())
        .append_pair("fmt", sound.format)
        .extend_pairs(options.voice.iter().map(|voice| ("voice", voice)))
        .extend_pairs(options.speed.map(|speed| ("speed", speed.to_string())));
    screen.wait("Распознавание");
    let request = gateway::client(common)?
        .post(url)
        .header(reqwest::header::CONTENT_TYPE, "application/octet-stream")
        .body(sound.pcm);
    let response = gateway::send(request, common).await?;
    let heard = gateway::header_text(response.headers(), "x-recognized-text").unwrap_or_default();
    screen.line(format_args!("Получение ответа:\n📝 Распознанный текст: {heard}\n"));
    receive::receive(response, &options.output, common, &screen).await
}
