//! The command line of `load`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use evervoice_core::api::SpeechConfig;

use crate::error::ClientError;
use crate::options::{Common, seconds};

/// Printed under the options by `--help`.
pub const EXIT_CODES: &str =
    "Реплики начинаются по расписанию, даже если прежние ещё звучат: для занятого абонента открывается
ещё одно соединение. Опоздание самого генератора записывается.

Файл реплик: по строке на диалог, реплики в нём разделены знаком |, {number} заменяется номером реплики.

Коды завершения:
  0  все реплики прозвучали целиком или были прерваны намеренно
  1  программа не смогла начать работу
  2  неверные параметры
  3  шлюз или эмулятор недоступен
  4  сервер отклонил запрос
  6  ошибка при чтении или записи файла
  7  часть реплик не удалась, потеряна или повторена, или с --check нечего было сверить; отчёты сохранены";

/// Options of `load`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Address of the gateway.
    #[arg(
        long,
        env = "GATEWAY_URL",
        default_value = "http://127.0.0.1:8000",
        value_name = "URL",
        help = "Адрес шлюза"
    )]
    pub url: String,

    /// Connections that are kept open.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = positive,
          help = "Абонентов: у каждого своё соединение")]
    pub users: usize,

    /// Utterances a second, over all users.
    #[arg(long, default_value_t = 1.0, value_name = "R", value_parser = rate,
          help = "Реплик в секунду на всех абонентов вместе")]
    pub rate: f64,

    /// For how long dialogues begin.
    #[arg(long, value_name = "S", value_parser = seconds,
          help = "Сколько секунд начинать диалоги [по умолчанию: 60, если не задано --count]")]
    pub duration: Option<Duration>,

    /// How many utterances.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help = "Сколько всего реплик")]
    pub count: Option<u64>,

    /// What is said.
    #[arg(long, value_name = "FILE", help = "Реплики, по диалогу в строке [по умолчанию: встроенный список]")]
    pub phrases: Option<PathBuf>,

    /// Deltas a second; 0 for the whole text at once.
    #[arg(long, default_value_t = 40.0, value_name = "R", value_parser = tokens,
          help = "С какой скоростью приходит текст, токенов в секунду; 0 - весь сразу")]
    pub tokens_per_second: f64,

    /// Share of utterances that the caller interrupts.
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = share,
          help = "Доля реплик, которые абонент прерывает в случайный момент")]
    pub cancel_share: f64,

    /// Asks for a filler before each answer.
    #[arg(long, help = "Перед каждой репликой просить заполнитель паузы")]
    pub fillers: bool,

    /// Whose voice.
    #[arg(long, value_name = "NAME", help = "Голос; без него говорит голос по умолчанию")]
    pub voice: Option<String>,

    /// Language as a BCP 47 tag.
    #[arg(long, value_name = "TAG", help = "Язык, например en")]
    pub lang: Option<String>,

    /// Output format.
    #[arg(long, value_name = "NAME", help = "Формат звука, например pcm_16000")]
    pub format: Option<String>,

    /// How far the sound runs ahead of the listener, in ms.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(40..=600_000),
          help = "На сколько мс звук опережает слушателя; 600000 - без ожидания [по умолчанию: как решит сервер]")]
    pub lead_ms: Option<u64>,

    /// Makes chance repeatable.
    #[arg(long, default_value_t = 1, value_name = "N", help = "Начало случайной последовательности")]
    pub seed: u64,

    /// Share of the emulator's requests, upgrades and utterances that fail.
    #[arg(long, value_name = "SHARE", value_parser = share, requires = "emulator",
          help = "Доля случайных сбоев ElevenLabs: запросов, соединений и реплик; нужен --emulator")]
    pub fail: Option<f64>,

    /// The pretend ElevenLabs that the gateway speaks through.
    #[arg(long, value_name = "URL", help = "Адрес эмулятора ElevenLabs, через который говорит шлюз")]
    pub emulator: Option<String>,

    /// Compares each sound with its text.
    #[arg(long, requires = "emulator", help = "Сверять звук с текстом по буквам; нужен --emulator")]
    pub check: bool,

    /// Longest silence of the server, in seconds, before an utterance counts as failed.
    #[arg(long, default_value = "60", value_name = "S", value_parser = seconds,
          help = "Сколько секунд ждать, если сервер молчит")]
    pub timeout: Duration,

    /// Directory for the reports; made if it is missing.
    #[arg(long, default_value = "reports", value_name = "DIR", help = "Куда сохранить load.jsonl и load.md")]
    pub out: PathBuf,

    /// Leaves out the moving status.
    #[arg(long, short, help = "Не показывать ход работы")]
    pub quiet: bool,
}

impl Options {
    /// Refuses what contradicts itself.
    pub fn check(&self) -> Result<(), ClientError> {
        let readable = |format: &str| format.starts_with("pcm_") || format == "ulaw_8000";
        match &self.format {
            Some(format) if self.check && !readable(format) => {
                Err(ClientError::Usage(format!("--check: звук {format} нельзя сверить; годятся pcm_* и ulaw_8000")))
            }
            _ => Ok(()),
        }
    }

    /// For how long dialogues begin; `None` when only their number counts.
    pub fn duration(&self) -> Option<Duration> {
        self.duration.or_else(|| self.count.is_none().then_some(Duration::from_secs(60)))
    }

    /// What a connection is told first; `None` when the server's own values are right.
    pub fn config(&self) -> Option<SpeechConfig> {
        let config = SpeechConfig { lead_ms: self.lead_ms, ..SpeechConfig::default() };
        (config != SpeechConfig::default()).then_some(config)
    }

    /// The gateway.
    pub fn common(&self) -> Common {
        Common { gateway: self.url.clone(), timeout: self.timeout, quiet: self.quiet }
    }
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| (1..=100_000).contains(count))
        .ok_or_else(|| "нужно число от 1 до 100000".to_owned())
}

fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let within = |number: &f64| (least..=most).contains(number);
    text.parse().ok().filter(within).ok_or_else(|| format!("нужно число от {least} до {most}"))
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, 0.001, 100_000.0)
}

fn tokens(text: &str) -> Result<f64, String> {
    number(text, 0.0, 100_000.0)
}

fn share(text: &str) -> Result<f64, String> {
    number(text, 0.0, 1.0)
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        options: Options,
    }

    /// Options as if from a command line.
    pub(crate) fn options(arguments: &[&str]) -> Options {
        parsed(arguments).unwrap()
    }

    fn parsed(arguments: &[&str]) -> Result<Options, clap::Error> {
        Arguments::try_parse_from([&["load"], arguments].concat()).map(|arguments| arguments.options)
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            &["--rate", "0"][..],
            &["--rate", "NaN"],
            &["--users", "0"],
            &["--count", "0"],
            &["--cancel-share", "1.5"],
            &["--tokens-per-second", "-1"],
            &["--lead-ms", "1"],
            &["--fail", "0.5"],
            &["--check"],
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
        let far = ["--emulator", "http://127.0.0.1:1", "--check", "--format"];
        assert!(options(&[&far[..], &["alaw_8000"]].concat()).check().is_err());
        assert!(options(&[&far[..], &["ulaw_8000"]].concat()).check().is_ok());
    }

    #[test]
    fn a_connection_is_told_only_what_was_asked_for() {
        assert_eq!(options(&[]).config(), None);
        let config = options(&["--lead-ms", "600000"]).config().unwrap();
        assert_eq!(serde_json::to_string(&config).unwrap(), r#"{"lead_ms":600000}"#);
    }
}
