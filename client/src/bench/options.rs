//! The command line of `tts_bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::cases::Case;
use crate::error::ClientError;
use crate::options::seconds;

/// Printed under the options by `--help`.
pub const EXIT_CODES: &str = "Коды завершения:
  0  все прогоны удались, отчёты сохранены
  1  программа не смогла начать работу
  2  неверные параметры или настройки
  6  ошибка при чтении или записи файла
  7  часть прогонов не удалась; отчёты сохранены";

/// What is said where the text may be short.
pub const SHORT: &str = "Стоимость 12000 рублей.";

/// What is said where it is to be long: 300 to 500 characters with numbers and punctuation.
pub const LONG: &str = "Здравствуйте! Ваш заказ № 4517 на сумму 12 350 рублей собран: мы доставим его 21 ноября, с 14:00 до 18:30. \
    Курьер позвонит за 15 минут; если планы изменились, скажите об этом сейчас — доставку можно перенести на любой день \
    до 30-го числа. Напомню: товар принимают обратно в течение 14 дней, а ваши бонусы (их уже 1280) действуют ещё \
    3 месяца. Остались ли у вас вопросы?";

/// Options of `tts_bench`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Settings of ElevenLabs.
    #[arg(long, value_name = "FILE", help = "Настройки ElevenLabs [по умолчанию: configs/tts_config.yml]")]
    pub config: Option<PathBuf>,

    /// Runs of each case.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000),
          help = "Сколько раз повторить каждый случай")]
    pub repeats: u32,

    /// Directory for the reports; made if it is missing.
    #[arg(long, default_value = "reports", value_name = "DIR", help = "Куда сохранить отчёты")]
    pub out: PathBuf,

    /// Text of the short WebSocket cases.
    #[arg(long, default_value = SHORT, value_name = "TEXT", help = "Короткая реплика для WebSocket")]
    pub ws_chunk: String,

    /// Text of the long one.
    #[arg(long, default_value = LONG, hide_default_value = true, value_name = "TEXT",
          help = "Длинная реплика для WebSocket [по умолчанию: абзац с числами]")]
    pub ws_long: String,

    /// Text of the short HTTP case.
    #[arg(long, default_value = SHORT, value_name = "TEXT", help = "Короткая реплика для HTTP")]
    pub http_chunk: String,

    /// Text of the long one.
    #[arg(long, default_value = LONG, hide_default_value = true, value_name = "TEXT",
          help = "Длинная реплика для HTTP [по умолчанию: абзац с числами]")]
    pub http_long: String,

    /// Who is measured.
    #[arg(long, value_enum, default_value_t = TargetName::Real,
          help = "Кого измерять: ElevenLabs, эмулятор в этом процессе или работающий шлюз")]
    pub target: TargetName,

    /// Round trip of the emulator, in ms.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=10_000),
          help = "Задержка сети туда и обратно (только для эмулятора) [по умолчанию: 50]")]
    pub rtt_ms: Option<u64>,

    /// Address of the gateway.
    #[arg(
        long,
        env = "GATEWAY_URL",
        value_name = "URL",
        help = "Адрес шлюза (только для gateway) [по умолчанию: http://localhost:8000]"
    )]
    pub url: Option<String>,

    /// Longest time of one run, in seconds, before it counts as failed.
    #[arg(long, default_value = "60", value_name = "S", value_parser = seconds,
          help = "Сколько секунд может длиться один прогон")]
    pub timeout: Duration,

    /// Leaves out the line per run.
    #[arg(long, short, help = "Не печатать строку на каждый прогон и не показывать ход работы")]
    pub quiet: bool,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum TargetName {
    /// ElevenLabs, or whatever the settings' addresses are.
    Real,
    /// A pretend one within this process, over TLS.
    Emulator,
    /// A running gateway, with whatever voice it has.
    Gateway,
}

impl Options {
    /// Refuses what would be without effect.
    pub fn check(&self) -> Result<(), ClientError> {
        if self.rtt_ms.is_some() && self.target != TargetName::Emulator {
            return Err(ClientError::Usage("--rtt-ms действует только с --target emulator".to_owned()));
        }
        match Case::ALL.into_iter().find(|case| !self.text(*case).chars().any(char::is_alphanumeric)) {
            Some(case) => Err(ClientError::Usage(format!("{}: в тексте нечего произнести", case.title()))),
            None => Ok(()),
        }
    }

    /// What is said in a case.
    pub fn text(&self, case: Case) -> &str {
        match case {
            Case::WsShort | Case::Reconnect | Case::Warm | Case::Cold => &self.ws_chunk,
            Case::WsLong => &self.ws_long,
            Case::HttpShort => &self.http_chunk,
            Case::HttpLong => &self.http_long,
        }
    }

    /// The emulator's round trip.
    pub fn rtt(&self) -> Duration {
        Duration::from_millis(self.rtt_ms.unwrap_or(50))
    }

    /// The gateway's address.
    pub fn url(&self) -> &str {
        self.url.as_deref().unwrap_or("http://localhost:8000")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_text_is_as_specified() {
        assert!((300..=500).contains(&LONG.chars().count()), "{}", LONG.chars().count());
        assert!(LONG.chars().any(|c| c.is_ascii_digit()) && LONG.contains(';') && !LONG.contains("  "));
        assert_eq!(SHORT, "Стоимость 12000 рублей.");
    }
}
