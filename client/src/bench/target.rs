//! Who is measured, by the options.

use std::collections::BTreeMap;

use evervoice_core::config::Environment;
use evervoice_elevenlabs::ElevenLabsSettings;
use serde_json::Value;

use super::cases::{Case, Timing};
use super::direct::Direct;
use super::emulator::{self, Far};
use super::gateway::Gateway;
use super::options::{Options, TargetName};
use super::probe::Probe;
use crate::error::ClientError;
use crate::settings;

/// Who is measured.
pub enum Target {
    /// ElevenLabs, and the emulator when it is one of ours.
    Direct(Box<Direct>, Option<Far>),
    /// A gateway.
    Gateway(Box<Gateway>),
}

/// What a report says of it besides its name.
pub type Details = BTreeMap<&'static str, Value>;

impl Target {
    /// Finds it, or starts it.
    pub async fn open(options: &Options, probe: &Probe) -> Result<(Target, Details), ClientError> {
        match options.target {
            TargetName::Real => {
                let found = settings::load(options.config.clone(), &settings::environment()?)?;
                let complete = settings::complete(found)?;
                let details = details(&complete);
                Ok((Target::Direct(Box::new(Direct::new(complete, probe.clone())), None), details))
            }
            TargetName::Emulator => {
                // Nothing of the environment: a key in it is none of the emulator's business.
                let found = settings::load(options.config.clone(), &Environment::default())?;
                let far = Far::start(options.rtt()).await?;
                let complete = settings::complete(far.settings(found))?;
                let mut details = details(&complete);
                details.insert("rtt_ms", (options.rtt().as_millis() as u64).into());
                details.insert("first_byte_ms", (emulator::FIRST_BYTE.as_millis() as u64).into());
                details.insert("pace", emulator::PACE.into());
                Ok((Target::Direct(Box::new(Direct::new(complete, probe.clone())), Some(far)), details))
            }
            TargetName::Gateway => {
                let gateway = Gateway::new(options.url(), options.timeout, probe.clone())?;
                Ok((Target::Gateway(Box::new(gateway)), [("url", options.url().into())].into()))
            }
        }
    }

    /// Runs a case once; `id` names it in the events.
    pub async fn run(&mut self, case: Case, text: &str, id: &str) -> Result<Timing, ClientError> {
        match self {
            Target::Direct(direct, _) => direct.run(case, text, id).await,
            Target::Gateway(gateway) => gateway.run(case, text).await,
        }
    }

    /// Closes what is still open.
    pub async fn close(self) {
        match self {
            Target::Direct(direct, far) => {
                direct.close().await;
                drop(far);
            }
            Target::Gateway(gateway) => gateway.close().await,
        }
    }
}

fn details(settings: &ElevenLabsSettings) -> Details {
    [
        ("http_base_url", settings.http_base_url.as_str().into()),
        ("ws_base_url", settings.ws_base_url.as_str().into()),
        ("voice_id", settings.voice_id.as_str().into()),
        ("model_id", settings.model_id.as_str().into()),
        ("http_output_format", settings.http_output_format.name().into()),
        ("http_timestamps", settings.http_timestamps.into()),
        ("optimize_streaming_latency", settings.optimize_streaming_latency.into()),
        ("ws_output_format", settings.ws_output_format.name().into()),
        ("ws_endpoint", serde_json::to_value(settings.ws_endpoint).unwrap_or_default()),
        ("ws_auto_mode", settings.ws_auto_mode.into()),
    ]
    .into()
}
