//! The four endpoints.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderValue},
    redirect,
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    HttpRequest, Piece, SpeechBody,
    body::{Limits, ResponseInfo, Shape},
    patience::Patience,
    report::Reporter,
    timed::Lines,
};
use crate::{
    api_key::ApiKey,
    config::ElevenLabsSettings,
    error::{Answer, ElevenLabsError},
    events::Events,
};

/// Most of an error's body that is read, in bytes.
const LONGEST_ERROR: usize = 64 << 10;

/// Speaks HTTP with ElevenLabs; connections are kept alive between requests. Cloning it is cheap.
///
/// A request is sent again, after a growing delay or when the service says, until the first byte of sound, as long as
/// `http_timeout_sec` lasts and the error is a passing one. After the first byte, never: the listener would hear it twice.
#[derive(Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    base: Url,
    api_key: ApiKey,
    key_header: HeaderValue,
    first_byte: Duration,
    stall: Duration,
    max_retries: usize,
    events: Events,
}

/// An endpoint, by what follows the voice in its path.
#[derive(Clone, Copy)]
struct Route {
    path: &'static [&'static str],
    shape: fn() -> Shape,
}

const STREAM: Route = Route { path: &["stream"], shape: || Shape::Raw };
const STREAM_TIMED: Route = Route { path: &["stream", "with-timestamps"], shape: || Shape::Lines(Lines::default()) };
const CONVERT: Route = Route { path: &[], shape: || Shape::WholeRaw(Vec::new()) };
const CONVERT_TIMED: Route = Route { path: &["with-timestamps"], shape: || Shape::WholeJson(Vec::new()) };

impl HttpClient {
    /// A client as configured; it connects with the first request.
    ///
    /// # Errors
    /// [`ElevenLabsError::Setup`] when the address or a time is none, or the key cannot be sent.
    pub fn new(settings: &ElevenLabsSettings, events: Events) -> Result<Self, ElevenLabsError> {
        let mut key_header =
            HeaderValue::from_str(settings.api_key.expose()).map_err(|_| ElevenLabsError::Setup("api_key"))?;
        key_header.set_sensitive(true);
        let client = settings
            .client_builder()
            // The key would go along to wherever we are sent.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| ElevenLabsError::Connect(error.into()))?;
        let base = Url::parse(&settings.http_base_url).map_err(|_| ElevenLabsError::Setup("http_base_url"))?;
        if base.cannot_be_a_base() {
            return Err(ElevenLabsError::Setup("http_base_url"));
        }
        Ok(Self {
            client,
            base,
            api_key: settings.api_key.clone(),
            key_header,
            first_byte: seconds("http_timeout_sec", settings.http_timeout_sec)?,
            stall: seconds("http_stall_timeout_sec", settings.http_stall_timeout_sec)?,
            max_retries: settings.http_max_retries,
            events,
        })
    }

    /// Sound while it is made. Returns with its first piece.
    ///
    /// # Errors
    /// [`ElevenLabsError`] of the last attempt.
    pub async fn stream(&self, request: &HttpRequest) -> Result<SpeechBody, ElevenLabsError> {
        self.speak(request, STREAM).await
    }

    /// Sound while it is made, with the times of its characters. Returns with its first piece.
    ///
    /// # Errors
    /// [`ElevenLabsError`] of the last attempt.
    pub async fn stream_with_timestamps(&self, request: &HttpRequest) -> Result<SpeechBody, ElevenLabsError> {
        self.speak(request, STREAM_TIMED).await
    }

    /// The whole sound.
    ///
    /// # Errors
    /// [`ElevenLabsError`] of the last attempt.
    pub async fn convert(&self, request: &HttpRequest) -> Result<(Bytes, ResponseInfo), ElevenLabsError> {
        let (piece, info) = self.whole(request, CONVERT).await?;
        Ok((piece.audio, info))
    }

    /// The whole sound, with the times of its characters.
    ///
    /// # Errors
    /// [`ElevenLabsError`] of the last attempt.
    pub async fn convert_with_timestamps(
        &self,
        request: &HttpRequest,
    ) -> Result<(Piece, ResponseInfo), ElevenLabsError> {
        self.whole(request, CONVERT_TIMED).await
    }

    async fn whole(&self, request: &HttpRequest, route: Route) -> Result<(Piece, ResponseInfo), ElevenLabsError> {
        let mut body = self.speak(request, route).await?;
        let piece = body.next().await.unwrap_or(Err(ElevenLabsError::Silent))?;
        Ok((piece, body.info().clone()))
    }

    /// Asks until there is sound, or no hope or time.
    async fn speak(&self, request: &HttpRequest, route: Route) -> Result<SpeechBody, ElevenLabsError> {
        let reporter = Reporter::new(&self.events, &self.api_key, &request.id);
        let deadline = Instant::now() + self.first_byte;
        let mut patience = Patience::new(self.max_retries);
        let mut attempt = 0;
        loop {
            attempt += 1;
            reporter.sent(attempt, request.body.text.chars().count());
            let error = match self.attempt(request, route, deadline, &reporter).await {
                Ok(body) => {
                    reporter.answered(body.info());
                    return Ok(body);
                }
                Err(error) => reporter.failed(error),
            };
            match patience.delay(&error) {
                // To wait until after the deadline would only delay whoever speaks instead.
                Some(delay) if Instant::now() + delay < deadline => sleep(delay).await,
                _ => return Err(error),
            }
        }
    }

    async fn attempt(
        &self,
        request: &HttpRequest,
        route: Route,
        deadline: Instant,
        reporter: &Reporter,
    ) -> Result<SpeechBody, ElevenLabsError> {
        let sent = self
            .client
            .post(self.url(request, route))
            .header("xi-api-key", self.key_header.clone())
            .json(&request.wire_body())
            .send();
        let late = |_| ElevenLabsError::Timeout { what: "first sound", after: self.first_byte };
        let response = timeout_at(deadline, sent).await.map_err(late)?.map_err(|error| {
            let kind = if error.is_connect() { ElevenLabsError::Connect } else { ElevenLabsError::Lost };
            kind(error.without_url().into())
        })?;
        if response.status() != StatusCode::OK {
            return Err(timeout_at(deadline, refused(response)).await.map_err(late)?);
        }
        let shape = (route.shape)();
        if matches!(shape, Shape::Raw | Shape::WholeRaw(_)) {
            check_sound(&response)?;
        }
        let limits = Limits { due: deadline, first: self.first_byte, stall: self.stall };
        let mut body = SpeechBody::new(response, shape, limits, reporter.clone());
        let mut silent = Vec::new();
        // Only sound counts as a beginning: until then, asking again harms nobody.
        let first = loop {
            match body.advance().await.ok_or(ElevenLabsError::Silent)?? {
                piece if piece.audio.is_empty() => silent.push(piece),
                piece => break piece,
            }
        };
        body.put_back(first);
        silent.into_iter().rev().for_each(|piece| body.put_back(piece));
        Ok(body)
    }

    fn url(&self, request: &HttpRequest, route: Route) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v1", "text-to-speech", &request.voice_id]).extend(route.path);
        }
        url.query_pairs_mut().extend_pairs(request.query());
        url
    }
}

fn seconds(setting: &'static str, seconds: f64) -> Result<Duration, ElevenLabsError> {
    Duration::try_from_secs_f64(seconds).map_err(|_| ElevenLabsError::Setup(setting))
}

/// What an answer that is not 200 says.
async fn refused(mut response: Response) -> ElevenLabsError {
    let mut body = Vec::new();
    // The status says enough when the body cannot be read.
    while let Ok(Some(bytes)) = response.chunk().await {
        body.extend_from_slice(&bytes);
        if body.len() > LONGEST_ERROR {
            break;
        }
    }
    ElevenLabsError::Answer(Answer::parse(response.status().as_u16(), response.headers(), &body))
}

/// A page of a gateway on the way, played as samples, would be noise.
fn check_sound(response: &Response) -> Result<(), ElevenLabsError> {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/") || kind.starts_with("application/json") {
        return Err(ElevenLabsError::Protocol(format!("{kind:?} is no sound")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_keeps_a_path_and_escapes_the_voice() {
        let settings = ElevenLabsSettings {
            http_base_url: "https://proxy.invalid/eleven/".into(),
            api_key: "k".into(),
            ..Default::default()
        };
        let client = HttpClient::new(&settings, Events::unregistered()).unwrap();
        let casting = crate::voice::Casting { voice_id: "a/../b?c".into(), language: None, speed: 1.0 };
        let url = client.url(&HttpRequest::new(&settings, casting, "Hi"), STREAM_TIMED);
        assert_eq!(url.path(), "/eleven/v1/text-to-speech/a%2F..%2Fb%3Fc/stream/with-timestamps");
        assert_eq!(url.query(), Some("output_format=pcm_16000&enable_logging=true&optimize_streaming_latency=4"));
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_told_and_not_shown() {
        let settings = ElevenLabsSettings { api_key: "secret\n1".into(), ..Default::default() };
        let error = HttpClient::new(&settings, Events::unregistered()).err().unwrap();
        assert!(matches!(error, ElevenLabsError::Setup("api_key")) && !format!("{error:?}{error}").contains("secret"));
    }
}
