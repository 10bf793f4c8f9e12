//! HTTP → the part file. A broken connection goes on where it broke; a busy server is asked again later.
//!
//! Ranges as in RFC 9110, sections 13.1.5 (`If-Range`) and 14 (`Range`); `Retry-After`, section 10.2.3.

use std::error::Error;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use backon::{ExponentialBuilder, Retryable};
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_RANGE, LAST_MODIFIED, RANGE, RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode};

use super::error::ModelsError;
use super::progress::Progress;

/// How patient a download is.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Longest silence of the server.
    pub silence: Duration,
    /// About the wait before the second try; it doubles from try to try, with jitter.
    pub first_wait: Duration,
    /// Longest wait before a try. A server that asks for more is not asked again.
    pub longest_wait: Duration,
    /// How often to try again when nothing at all arrived in between.
    pub retries: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            silence: Duration::from_secs(30),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            retries: 5,
        }
    }
}

/// One file to download.
pub struct Download<'a> {
    /// Where it is.
    pub url: &'a str,
    /// Its exact size.
    pub bytes: u64,
    /// Where to put it. It may hold the beginning already.
    pub part: &'a Path,
    /// Whether a checksum will judge the result. Without one, a beginning is only kept if the server itself says
    /// that it belongs to the same file.
    pub judged: bool,
    /// How patient to be.
    pub policy: &'a Policy,
}

/// Why one try failed.
#[derive(Debug)]
enum Failure {
    /// No connection at all: worth another try only in the middle of a download. Before it, an unplugged network
    /// or a wrong address should be told at once.
    Unreachable(String),
    /// Worth another try; the server may have said after which time.
    Passing { cause: String, wait: Option<Duration> },
    /// Not worth another try.
    Lasting(ModelsError),
}

/// What a download ends with when it does not succeed.
#[derive(Debug)]
pub enum DownloadError {
    /// The network failed; the cause of the last try.
    Network(String),
    /// Another try would not help.
    Other(ModelsError),
}

impl Download<'_> {
    /// Downloads until the part file is complete.
    pub async fn run(&self, client: &Client, progress: &Progress) -> Result<(), DownloadError> {
        let at_start = self.have();
        loop {
            let before = self.have();
            let waits = ExponentialBuilder::default()
                .with_jitter()
                .with_min_delay(self.policy.first_wait)
                .with_max_delay(self.policy.longest_wait)
                .with_max_times(self.policy.retries);
            let result = (|| self.attempt(client, progress))
                .retry(waits)
                .when(|failure| match failure {
                    Failure::Unreachable(_) => self.have() > at_start,
                    Failure::Passing { .. } => true,
                    Failure::Lasting(_) => false,
                })
                .adjust(|failure, wait| self.wait(failure, wait))
                .notify(|failure, wait| {
                    if let Failure::Unreachable(cause) | Failure::Passing { cause, .. } = failure {
                        progress.say(&format!("{cause}; next try in {:.1} s", wait.as_secs_f64()));
                    }
                })
                .await;
            match result {
                Ok(()) => return Ok(()),
                Err(Failure::Lasting(error)) => return Err(DownloadError::Other(error)),
                // A poor line that brings a little each time gets there in the end.
                Err(Failure::Unreachable(_) | Failure::Passing { .. }) if self.have() > before => {}
                Err(Failure::Unreachable(cause) | Failure::Passing { cause, .. }) => {
                    return Err(DownloadError::Network(cause));
                }
            }
        }
    }

    /// The wait before the next try: what the server asked for, if that is longer and not too long.
    fn wait(&self, failure: &Failure, planned: Option<Duration>) -> Option<Duration> {
        let planned = planned?;
        match failure {
            Failure::Passing { wait: Some(asked), .. } if *asked > self.policy.longest_wait => None,
            Failure::Passing { wait: Some(asked), .. } => Some(planned.max(*asked)),
            _ => Some(planned),
        }
    }

    async fn attempt(&self, client: &Client, progress: &Progress) -> Result<(), Failure> {
        let have = self.have();
        if have == self.bytes && self.judged {
            return Ok(());
        }
        let validator = fs::read_to_string(self.validator_path()).ok().filter(|text| !text.is_empty());
        let resume = have > 0 && have < self.bytes && (self.judged || validator.is_some());
        let mut request = client.get(self.url).header(ACCEPT_ENCODING, "identity");
        if resume {
            request = request.header(RANGE, format!("bytes={have}-"));
            if let Some(validator) = validator {
                request = request.header(IF_RANGE, validator);
            }
        }
        let response = request.send().await.map_err(|error| passing(&error))?;
        let start = self.start(&response, if resume { have } else { 0 })?;
        self.receive(response, start, progress).await
    }

    /// At which byte the answer begins, or why it is no answer.
    fn start(&self, response: &Response, asked: u64) -> Result<u64, Failure> {
        let status = response.status();
        let start = match status {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if range_start(response.headers()) == Some(asked) => asked,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                self.forget();
                return Err(Failure::Passing { cause: "the server sent another part of the file".into(), wait: None });
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => return Err(busy(response)),
            status if status.is_server_error() => return Err(busy(response)),
            status => return Err(Failure::Lasting(ModelsError::Refused { url: self.url.to_owned(), status })),
        };
        match response.content_length() {
            Some(length) if start.saturating_add(length) != self.bytes => {
                Err(self.wrong_size(start.saturating_add(length)))
            }
            _ => Ok(start),
        }
    }

    async fn receive(&self, mut response: Response, start: u64, progress: &Progress) -> Result<(), Failure> {
        let failed = |error| Failure::Lasting(ModelsError::file(self.part)(error));
        // Before the first byte, so that a beginning never lies beside another file's validator.
        fs::write(self.validator_path(), validator(response.headers()).unwrap_or_default()).map_err(failed)?;
        let mut file = File::options().create(true).write(true).truncate(false).open(self.part).map_err(failed)?;
        file.set_len(start).and_then(|()| file.seek(SeekFrom::Start(start))).map_err(failed)?;
        let mut at = start;
        progress.at(at, self.bytes);
        while let Some(piece) = response.chunk().await.map_err(|error| passing(&error))? {
            at += piece.len() as u64;
            if at > self.bytes {
                self.forget();
                return Err(self.wrong_size(at));
            }
            file.write_all(&piece).map_err(failed)?;
            progress.at(at, self.bytes);
        }
        if at < self.bytes {
            return Err(Failure::Passing { cause: format!("the answer ended after {at} bytes"), wait: None });
        }
        file.sync_all().map_err(failed)
    }

    fn have(&self) -> u64 {
        fs::metadata(self.part).map_or(0, |metadata| metadata.len())
    }

    /// Throws the beginning away.
    pub fn forget(&self) {
        // What cannot be removed now is overwritten by the next try.
        let _ = fs::remove_file(self.part);
        let _ = fs::remove_file(self.validator_path());
    }

    fn validator_path(&self) -> PathBuf {
        self.part.with_extension("validator")
    }

    fn wrong_size(&self, offered: u64) -> Failure {
        let origin = self.url.to_owned();
        Failure::Lasting(ModelsError::WrongSize { origin, declared: self.bytes, offered })
    }
}

/// What names this very version of the file: a strong `ETag`, else `Last-Modified`.
fn validator(headers: &HeaderMap) -> Option<&str> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    text(ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(LAST_MODIFIED))
}

/// The first byte's position in `Content-Range: bytes FIRST-LAST/SIZE`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.parse().ok()
}

fn busy(response: &Response) -> Failure {
    let wait = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| retry_after(value, SystemTime::now()));
    Failure::Passing { cause: format!("the server answered {}", response.status()), wait }
}

/// `Retry-After`: a number of seconds or a date.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    match value.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value.trim()).ok().map(|date| date.duration_since(now).unwrap_or_default()),
    }
}

fn passing(error: &reqwest::Error) -> Failure {
    // reqwest's own message only repeats the address; the cause at the bottom says what happened.
    let mut deepest: &dyn Error = error;
    while let Some(deeper) = deepest.source() {
        deepest = deeper;
    }
    let cause = deepest.to_string();
    if error.is_connect() { Failure::Unreachable(cause) } else { Failure::Passing { cause, wait: None } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_475);
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        let in_five = retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now);
        assert_eq!(in_five, Some(Duration::from_secs(5)));
        let past = retry_after("Wed, 21 Oct 2015 07:00:00 GMT", now);
        assert_eq!(past, Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn a_weak_tag_does_not_name_a_version() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, "W/\"1\"".parse().unwrap());
        assert_eq!(validator(&headers), None);
        headers.insert(LAST_MODIFIED, "Wed, 21 Oct 2015 07:28:00 GMT".parse().unwrap());
        assert_eq!(validator(&headers), Some("Wed, 21 Oct 2015 07:28:00 GMT"));
        headers.insert(ETAG, "\"2\"".parse().unwrap());
        assert_eq!(validator(&headers), Some("\"2\""));
    }

    #[test]
    fn the_start_of_a_range() {
        let mut headers = HeaderMap::new();
        assert_eq!(range_start(&headers), None);
        headers.insert(CONTENT_RANGE, "bytes 12-99/100".parse().unwrap());
        assert_eq!(range_start(&headers), Some(12));
        headers.insert(CONTENT_RANGE, "bytes */100".parse().unwrap());
        assert_eq!(range_start(&headers), None);
    }
}
