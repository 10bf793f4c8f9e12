//! `eleven stream`: one text, through the client of ElevenLabs, into a WAV file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueEnum};
use evervoice_core::audio::AudioStream;
use evervoice_core::tts::{SpeechLimits, SpeechRequest, TtsProvider};
use evervoice_elevenlabs::format::{Codec, OutputFormat};
use evervoice_elevenlabs::{ElevenLabsSettings, Events, HttpProvider, WebSocketProvider};
use futures_util::StreamExt;
use serde_json::Value;

use crate::bench::ms;
use crate::bench::probe::Probe;
use crate::error::{self, ClientError};
use crate::screen::Screen;
use crate::settings;
use crate::wav::Recording;

/// Printed under the options by `--help`.
pub const EXIT_CODES: &str =
    "Ключ берётся из ELEVEN_API_KEY (окружение или .env), но не из параметров: их видно другим.

Коды завершения:
  0  звук получен целиком и сохранён
  1  программа не смогла начать работу
  2  неверные параметры или настройки
  3  ElevenLabs недоступен
  4  ElevenLabs отклонил запрос
  5  ответ оборвался или непригоден; файл не сохранён
  6  ошибка при чтении или записи файла";

/// Options of `eleven stream`.
#[derive(Debug, Clone, Args)]
pub struct Stream {
    /// Whose voice.
    #[arg(long, value_name = "ID", help = "Голос [по умолчанию: ELEVEN_VOICE_ID]")]
    pub voice_id: Option<String>,

    /// What to say.
    #[arg(long, help = "Что произнести")]
    pub text: String,

    /// Which model.
    #[arg(long, value_name = "ID", help = "Модель, например eleven_flash_v2_5 [по умолчанию: ELEVEN_MODEL_ID]")]
    pub model: Option<String>,

    /// Quality against speed; HTTP only.
    #[arg(long, value_name = "0..4", value_parser = clap::value_parser!(u8).range(0..=4),
          help = "Уровень ускорения: 0 - качество, 4 - скорость; действует только по HTTP")]
    pub optimize_latency: Option<u8>,

    /// Where the sound goes.
    #[arg(long, short, default_value = "out.wav", value_name = "FILE", help = "Куда сохранить звук (WAV)")]
    pub output: PathBuf,

    /// Which interface.
    #[arg(long, value_enum, default_value_t = Transport::Ws, help = "Как передавать")]
    pub transport: Transport,

    /// What is asked for; the file is WAV all the same.
    #[arg(long, value_name = "NAME", help = "Формат на линии, например pcm_24000 или mp3_44100_128; файл всегда WAV")]
    pub format: Option<OutputFormat>,

    /// Further settings.
    #[arg(long, value_name = "FILE", help = "Настройки [по умолчанию: configs/tts_config.yml]")]
    pub config: Option<PathBuf>,
}

/// An interface of ElevenLabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// WebSocket.
    Ws,
    /// HTTP.
    Http,
}

/// Speaks, saves, and prints what it took.
pub async fn stream(options: Stream) -> Result<(), ClientError> {
    let settings = configured(&options)?;
    let screen = Screen::new(false);
    let wire = match options.transport {
        Transport::Ws => settings.ws_output_format,
        Transport::Http => settings.http_output_format,
    };
    screen.line(format_args!(
        "Голос: {}, модель: {}, формат: {wire}\nТекст: {}\n",
        settings.voice_id, settings.model_id, options.text
    ));
    if wire.codec() != Codec::Pcm {
        screen.line(format_args!("Звук приходит сжатым и раскодируется: файл - WAV, 16 бит\n"));
    }
    if options.transport == Transport::Ws && options.optimize_latency.is_some() {
        screen.line(format_args!("--optimize-latency действует только с --transport http\n"));
    }
    let limits = SpeechLimits { max_chars: usize::MAX };
    let request = SpeechRequest::new(options.text.clone(), None, None, None, limits).map_err(ClientError::Speech)?;
    let provider: Box<dyn TtsProvider> = match options.transport {
        Transport::Ws => {
            // One utterance: nothing is to be kept ready.
            let settings = ElevenLabsSettings { pool_size: 0, ..settings };
            Box::new(WebSocketProvider::start(Arc::new(settings), Events::unregistered()).map_err(settings::unusable)?)
        }
        Transport::Http => Box::new(HttpProvider::new(settings, Events::unregistered()).map_err(settings::unusable)?),
    };
    screen.wait("Ожидание звука");
    let probe = Probe::default();
    let _listening = probe.listen();
    let began = Instant::now();
    let sound = provider.speak(request).await.map_err(ClientError::Speech)?;
    let heard = record(sound, &options, began, &screen).await?;
    screen.done();
    print(&screen, &options, &probe, &heard);
    Ok(())
}

/// What was heard.
struct Heard {
    first_ms: f64,
    total_ms: f64,
    samples: u64,
    sample_rate: u32,
}

/// Sound into the file, which is there when all of it is.
async fn record(
    mut sound: AudioStream,
    options: &Stream,
    began: Instant,
    screen: &Screen,
) -> Result<Heard, ClientError> {
    let first_ms = ms(began);
    let sample_rate = sound.sample_rate;
    let mut recording = Recording::create(&options.output, sample_rate, 1)?;
    let mut samples = 0_u64;
    while let Some(chunk) = sound.chunks.next().await {
        let chunk = chunk.map_err(|error| ClientError::Broken(error::told(&error)))?;
        let bytes: Vec<u8> = chunk.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        recording.write(&bytes)?;
        samples += chunk.samples.len() as u64;
        screen.received(samples as f64 / f64::from(sample_rate));
    }
    let total_ms = ms(began);
    recording.save()?;
    Ok(Heard { first_ms, total_ms, samples, sample_rate })
}

fn print(screen: &Screen, options: &Stream, probe: &Probe, heard: &Heard) {
    let events = probe.since(0);
    let count = |name: &str| {
        let end = events.iter().rev().find(|event| event.is("ws_stream_end") || event.is("http_stream_end"));
        end.and_then(|event| event.get(name)).and_then(Value::as_u64).unwrap_or_default()
    };
    if let Some(ms) = events.iter().find(|event| event.is("ws_handshake_finish")).and_then(|event| event.get("ms")) {
        screen.line(format_args!("Рукопожатие: {ms} мс"));
    }
    let seconds = heard.samples as f64 / f64::from(heard.sample_rate);
    screen.line(format_args!("Первый чанк: {:.1} мс (с соединением)", heard.first_ms));
    screen.line(format_args!("Чанков: {}, байт: {}", count("chunks"), count("bytes")));
    screen.line(format_args!("Всего: {:.1} мс", heard.total_ms));
    screen.line(format_args!("Длина звука: {seconds:.2} с, {} Гц", heard.sample_rate));
    screen.line(format_args!("Коэффициент реального времени: {:.3}", heard.total_ms / 1000.0 / seconds));
    screen.line(format_args!("\n✓ Аудио сохранено в {}", options.output.display()));
}

/// The settings of the service, with what the options say instead.
fn configured(options: &Stream) -> Result<ElevenLabsSettings, ClientError> {
    let mut settings = settings::load(options.config.clone(), &settings::environment()?)?;
    if let Some(voice) = &options.voice_id {
        settings.voice_id.clone_from(voice);
    }
    if let Some(model) = &options.model {
        settings.model_id.clone_from(model);
    }
    if options.optimize_latency.is_some() {
        settings.optimize_streaming_latency = options.optimize_latency;
    }
    match (options.format, options.transport) {
        (Some(format), Transport::Ws) => settings.ws_output_format = format,
        (Some(format), Transport::Http) => settings.http_output_format = format,
        (None, _) => {}
    }
    settings::complete(settings)
}
