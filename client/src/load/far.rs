//! The pretend ElevenLabs behind the gateway: its faults, and its ear.

use std::time::Duration;

use elevenlabs_emulator::Faults;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::Deserialize;

use crate::error::ClientError;
use crate::gateway;
use crate::options::Common;

/// How long its control interface may take for an answer: to read a long sound takes a while.
const LIMIT: Duration = Duration::from_secs(30);

/// An emulator's control interface.
pub struct Far {
    client: Client,
    common: Common,
}

#[derive(Deserialize)]
struct Decoded {
    text: String,
}

impl Far {
    /// The one at `url`.
    pub fn new(url: &str) -> Result<Far, ClientError> {
        let common = Common { gateway: url.to_owned(), timeout: LIMIT, quiet: true };
        common.address("/")?;
        Ok(Far { client: gateway::client(&common)?, common })
    }

    /// Lets this share of requests, upgrades and utterances fail, in any way there is.
    pub async fn fail(&self, share: f64, seed: u64) -> Result<(), ClientError> {
        self.put(&Faults { rate: share, seed, ..Faults::default() }).await
    }

    /// Lets nothing fail any more.
    pub async fn heal(&self) -> Result<(), ClientError> {
        self.put(&Faults::default()).await
    }

    async fn put(&self, faults: &Faults) -> Result<(), ClientError> {
        let url = self.address("faults")?;
        self.send(self.client.put(url).json(faults)).await?;
        Ok(())
    }

    /// What a sound says that was made by the emulator; `ulaw` for µ-law, else s16le.
    pub async fn decode(&self, sound: Vec<u8>, sample_rate: u32, ulaw: bool) -> Result<String, ClientError> {
        let mut url = self.address("decode")?;
        url.query_pairs_mut()
            .append_pair("sample_rate", &sample_rate.to_string())
            .append_pair("format", if ulaw { "ulaw" } else { "pcm" });
        let answer = self.send(self.client.post(url).body(sound)).await?;
        let decoded: Decoded = answer.json().await.map_err(|error| gateway::broken(&error, &self.common))?;
        Ok(decoded.text)
    }

    fn address(&self, what: &str) -> Result<Url, ClientError> {
        self.common.address(&format!("/__emulator/{what}"))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        gateway::send(request.timeout(LIMIT), &self.common).await
    }
}
