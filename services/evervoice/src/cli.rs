//! The command line of `evervoice`. Exit codes as in `evervoice_core::service::cli`.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::{Parser, Subcommand};
use evervoice_core::{
    config::Environment,
    service::{BoxError, Lifecycle, cli, telemetry},
};

use crate::{
    doctor,
    house::{House, HouseSettings, url},
    models,
};

/// Evervoice: text to speech, speech to text, and a gateway, in one process.
#[derive(Debug, Parser)]
#[command(name = "evervoice", version)]
struct Cli {
    /// Directory with gateway.yml, asr.yml and tts_config.yml
    #[arg(long, global = true, value_name = "DIR", default_value = "configs")]
    config_dir: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all three services (the default)
    Serve,
    /// Check the configuration of all three and print it with all defaults, as JSON
    CheckConfig {
        /// Directory with gateway.yml, asr.yml and tts_config.yml
        dir: Option<PathBuf>,
    },
    /// Ask the running services whether they are ready; exit code 0 if all are
    Healthcheck,
    /// Try each part by itself: what is wrong, and how to mend it; exit code 0 if nothing is broken
    Doctor(doctor::Options),
    /// List, download and check models
    #[command(subcommand)]
    Models(models::Command),
}

/// `main` of the process.
pub fn main() -> ExitCode {
    let Cli { config_dir, command } = Cli::parse();
    if let Some(Command::Models(command)) = command {
        return models::main(command, config_dir);
    }
    if let Some(Command::Doctor(options)) = &command {
        return doctor::main(options, &config_dir);
    }
    let directory = match &command {
        Some(Command::CheckConfig { dir: Some(dir) }) => dir.clone(),
        _ => config_dir,
    };
    let settings = match settings(&directory) {
        Ok(settings) => settings,
        Err(error) => return cli::fail("evervoice", &error, 2),
    };
    let outcome = match command {
        Some(Command::CheckConfig { .. }) => cli::print_json(&settings),
        Some(Command::Healthcheck) => cli::block_on(async {
            for server in [&settings.gateway.server, &settings.asr.server, &settings.tts.server] {
                cli::healthcheck(server).await?;
            }
            Ok(())
        }),
        _ => telemetry::start("evervoice", &settings.gateway.log).and_then(|()| cli::block_on(serve(settings))),
    };
    outcome.map_or_else(|error| cli::fail("evervoice", &error, 1), |()| ExitCode::SUCCESS)
}

fn settings(directory: &std::path::Path) -> Result<HouseSettings, BoxError> {
    Ok(HouseSettings::load(directory, &Environment::of_process()?)?)
}

async fn serve(settings: HouseSettings) -> Result<(), BoxError> {
    let began = Instant::now();
    let lifecycle = Lifecycle::new();
    cli::raise_file_limit();
    cli::stop_on_signals(&lifecycle)?;
    let house = House::start(settings, &lifecycle).await?;
    let ms = began.elapsed().as_secs_f64() * 1000.0;
    let [gateway, asr, tts] = [&house.gateway, &house.asr, &house.tts].map(|running| url(running.address));
    tracing::info!(event = "service_ready", service = "evervoice", gateway, asr, tts, ms);
    // For people, on stderr; the line above is for programs.
    eprintln!("{}", welcome(&gateway, &asr, &tts));
    cli::end("evervoice", house.ended().await?)
}

fn welcome(gateway: &str, asr: &str, tts: &str) -> String {
    format!(
        r#"
Evervoice is ready.
  gateway  {gateway}
  asr      {asr}
  tts      {tts}

Try it:
  curl -X POST {gateway}/api/tts/wav -H 'Content-Type: application/json' \
       -d '{{"text": "Hello world, this is Evervoice."}}' --output hello.wav
  curl -X POST {gateway}/api/stt/bytes --data-binary @hello.wav

Ctrl-C stops it."#
    )
}
