//! The options that both programs share.

use std::time::Duration;

use clap::Args;

use crate::error::ClientError;

/// Printed under the options by `--help`.
pub const EXIT_CODES: &str = "Коды завершения:
  0  звук получен целиком и сохранён
  1  программа не смогла начать работу
  2  неверные параметры
  3  шлюз недоступен
  4  сервер отклонил запрос
  5  ответ оборвался или непригоден; файл не сохранён
  6  ошибка при чтении или записи файла";

/// Options of both programs.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Base address of the gateway.
    #[arg(
        long,
        env = "GATEWAY_URL",
        default_value = "http://localhost:8000",
        value_name = "URL",
        help = "Адрес шлюза"
    )]
    pub gateway: String,

    /// Longest silence of the server, in seconds, before the request counts as failed.
    #[arg(
        long,
        default_value = "60",
        value_name = "S",
        value_parser = seconds,
        help = "Сколько секунд ждать, если сервер молчит"
    )]
    pub timeout: Duration,

    /// Leaves out the line per frame.
    #[arg(long, short, help = "Не печатать строку на каждый фрейм и не показывать ход работы")]
    pub quiet: bool,
}

impl Common {
    /// The full address of `path` (with its leading slash) on the gateway.
    pub fn address(&self, path: &str) -> Result<reqwest::Url, ClientError> {
        match reqwest::Url::parse(&self.gateway) {
            Ok(mut url) if matches!(url.scheme(), "http" | "https") => {
                let whole = format!("{}{path}", url.path().trim_end_matches('/'));
                url.set_path(&whole);
                Ok(url)
            }
            _ => {
                Err(ClientError::Usage(format!("--gateway: нужен адрес вида http://хост:порт, а не {}", self.gateway)))
            }
        }
    }
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "нужно число секунд".to_owned())?;
    Duration::try_from_secs_f64(number)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "нужно число секунд больше нуля".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_positive_number_of_seconds() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for wrong in ["0", "-1", "NaN", "inf", "1e300", "ten", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_needs_http_and_bears_a_trailing_slash() {
        let common =
            |gateway: &str| Common { gateway: gateway.to_owned(), timeout: Duration::from_secs(1), quiet: false };
        let url = common("http://host:1/").address("/api/tts").unwrap();
        assert_eq!(url.as_str(), "http://host:1/api/tts");
        for wrong in ["host:8000", "ftp://host", "", "http://"] {
            assert!(common(wrong).address("/api/tts").is_err(), "{wrong}");
        }
    }
}
