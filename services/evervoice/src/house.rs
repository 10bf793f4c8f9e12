//! The three services in one process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use evervoice_asr::{Asr, AsrSettings};
use evervoice_core::{
    config::{ConfigError, Environment, Settings, load},
    service::{BoxError, Lifecycle, Running, Service, cli::may_be_there, serve::Drained, shell::start},
};
use evervoice_gateway::{Gateway, GatewaySettings};
use evervoice_tts::{Tts, TtsSettings};
use serde::Serialize;

/// The settings of all three.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HouseSettings {
    /// `gateway.yml`
    pub gateway: GatewaySettings,
    /// `asr.yml`
    pub asr: AsrSettings,
    /// `tts_config.yml`
    pub tts: TtsSettings,
}

impl HouseSettings {
    /// Reads the three files of a directory, as far as they are there, and the environment.
    ///
    /// # Errors
    /// The mistakes of all three at once.
    pub fn load(directory: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let mut mistakes = Vec::new();
        let settings = Self {
            gateway: read::<Gateway>(directory, environment, &mut mistakes),
            asr: read::<Asr>(directory, environment, &mut mistakes),
            tts: read::<Tts>(directory, environment, &mut mistakes),
        };
        if mistakes.is_empty() { Ok(settings) } else { Err(ConfigError { mistakes }) }
    }
}

/// The settings of one service, and what is wrong with them.
pub(crate) fn read<S: Service>(
    directory: &Path,
    environment: &Environment,
    mistakes: &mut Vec<evervoice_core::config::Mistake>,
) -> S::Settings {
    let file = directory.join(Path::new(S::CONFIG_FILE).file_name().unwrap_or_default());
    load::<S::Settings>(may_be_there(&file).then_some(file.as_path()), environment).unwrap_or_else(|error| {
        // A variable that several services read is wrong once, not three times.
        for mut mistake in error.mistakes {
            let is_variable = S::Settings::VARIABLES.iter().any(|(variable, _)| *variable == mistake.place);
            if !is_variable {
                mistake.place = format!("{}: {}", S::NAME, mistake.place);
            }
            if !mistakes.contains(&mistake) {
                mistakes.push(mistake);
            }
        }
        S::Settings::default()
    })
}

/// The three services, listening.
pub struct House {
    /// The gateway.
    pub gateway: Running,
    /// Speech recognition.
    pub asr: Running,
    /// Text to speech.
    pub tts: Running,
    /// The life of asr and tts, which the gateway still needs when it stops.
    behind: Lifecycle,
}

impl House {
    /// Starts all three. Returns when they are warm and answer.
    ///
    /// The gateway talks to the services of this process, whatever `TTS_SERVICE_URL` and `ASR_SERVICE_URL` say: those
    /// are for a gateway on its own.
    ///
    /// # Errors
    /// When one of them cannot be started.
    pub async fn start(settings: HouseSettings, lifecycle: &Lifecycle) -> Result<Self, BoxError> {
        let HouseSettings { mut gateway, asr, tts } = settings;
        let behind = lifecycle.behind();
        let (asr, tts) = tokio::try_join!(start::<Asr>(asr, &behind), start::<Tts>(tts, &behind))?;
        gateway.upstream.asr_url = url(asr.address);
        gateway.upstream.tts_url = url(tts.address);
        let gateway = start::<Gateway>(gateway, lifecycle).await?;
        lifecycle.set_ready();
        Ok(Self { gateway, asr, tts, behind })
    }

    /// Waits for the end, which [`Lifecycle::stop`] begins.
    ///
    /// # Errors
    /// When a service ended by a panic.
    pub async fn ended(self) -> Result<Drained, BoxError> {
        let gateway = self.gateway.done.await?;
        self.behind.close();
        let ends = [gateway, self.asr.done.await?, self.tts.done.await?];
        let cut = ends.into_iter().map(|end| match end {
            Drained::Whole => 0,
            Drained::Cut { connections } => connections,
        });
        Ok(match cut.sum() {
            0 => Drained::Whole,
            connections => Drained::Cut { connections },
        })
    }
}

/// The URL under which a service of this machine is reached.
pub fn url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_of_all_services_come_at_once() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("asr.yml"), "colour: red\n").unwrap();
        std::fs::write(directory.path().join("tts_config.yml"), "speech: {max_chars: -1}\n").unwrap();
        let environment = [("LOG_LEVEL", "=="), ("GATEWAY_PORT", "x")].into_iter().collect();
        let error = HouseSettings::load(directory.path(), &environment).unwrap_err();
        let places: Vec<&str> = error.mistakes.iter().map(|mistake| mistake.place.as_str()).collect();
        assert_eq!(places, ["GATEWAY_PORT", "LOG_LEVEL", "asr: colour", "tts: speech.max_chars"]);
    }

    /// `.env.example` documents every variable, and only those; with it in place the defaults do not change.
    #[test]
    fn the_example_environment_names_every_variable() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.env.example");
        let text = std::fs::read_to_string(file).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let example: Vec<(&str, &str)> = lines.map(|line| line.split_once('=').unwrap()).collect();
        let names = |variables: &[(&'static str, &str)]| variables.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let mut known = names(GatewaySettings::VARIABLES);
        known.extend(names(AsrSettings::VARIABLES));
        known.extend(names(TtsSettings::VARIABLES));
        known.sort_unstable();
        known.dedup();
        let mut documented: Vec<&str> = example.iter().map(|(name, _)| *name).collect();
        documented.sort_unstable();
        assert_eq!(documented, known);
        let settings = HouseSettings::load(Path::new("/nowhere"), &example.into_iter().collect()).unwrap();
        assert_eq!(settings, HouseSettings::default());
    }
}
