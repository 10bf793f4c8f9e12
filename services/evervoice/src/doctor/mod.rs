//! `evervoice doctor`: tries each part by itself, and says what is wrong and how to mend it.
//!
//! A service in which one provider stands behind another hides what is broken until the last one fails. Here each one speaks a
//! sentence alone, without fallback and without cache, and the recogniser says whether that was the sentence.
//!
//! - here: the order of the examination
//! - [`report`]: what was found, as a table and as JSON
//! - `surroundings`: ports, directories, disks
//! - `speaking`: one provider, one sentence; `sentences`: which ones
//! - `level`: how loud sound is; `words`: how much of a sentence was understood
//! - `mending`: what to do about a failure of a provider

mod level;
mod mending;
pub mod report;
mod sentences;
mod speaking;
mod surroundings;
mod words;

use std::{path::Path, process::ExitCode, time::Instant};

use clap::Args;
use evervoice_asr::{Asr, AsrSettings, Recognition};
use evervoice_core::{
    config::{Environment, Settings},
    service::{BoxError, Service, cli},
};
use evervoice_gateway::Gateway;
use evervoice_tts::{
    Tts, TtsSettings,
    config::{ProviderChoice, ProviderName},
};
use indicatif::ProgressBar;

use crate::house::HouseSettings;
use report::{Line, Report};

/// What `evervoice doctor` takes.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Print JSON for programs instead of the table
    #[arg(long)]
    json: bool,
    /// Try only this provider: elevenlabs_ws, elevenlabs_http or local
    #[arg(long, value_name = "NAME", value_parser = provider_name)]
    provider: Option<ProviderName>,
}

fn provider_name(name: &str) -> Result<ProviderName, String> {
    // The names are those of the key `chain`.
    let known = "the providers are elevenlabs_ws, elevenlabs_http and local";
    serde_json::from_value(name.into()).map_err(|_| format!("there is no provider {name:?}; {known}"))
}

/// Examines and prints. Exit code 0 when nothing is broken, else 1.
pub fn main(options: &Options, config_dir: &Path) -> ExitCode {
    let mut report = Report::default();
    let examined = cli::block_on(async {
        report = examine(options.provider, config_dir).await;
        Ok(())
    });
    let printed = examined.and_then(|()| if options.json { cli::print_json(&report.json()) } else { report.print() });
    match printed {
        Ok(()) if report.ok() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => cli::fail("evervoice", &error, 1),
    }
}

/// Everything, or what concerns one provider.
async fn examine(only: Option<ProviderName>, config_dir: &Path) -> Report {
    let mut report = Report::default();
    let settings = match settings(config_dir) {
        Ok(settings) => settings,
        Err(error) => {
            // Without settings there is nothing to look at.
            let mend = format!("mend the files in {} or the variables; they document every key", config_dir.display());
            report.add(Line::broken("configuration", error.to_string(), mend));
            return report;
        }
    };
    report.hide(settings.tts.elevenlabs.api_key.expose());
    report.add(Line::ok("configuration", files(config_dir)));
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(std::time::Duration::from_millis(100));
    if only.is_none() {
        report.extend(surroundings::ports(&settings).await);
        report.extend(surroundings::directories(&settings));
    }
    spinner.set_message("recogniser");
    let (line, recognition) = recogniser(&settings.asr).await;
    report.add(line);
    let chosen = only.map_or_else(|| settings.tts.providers(), |name| vec![name]);
    report.extend(switched_off(&settings.tts, only));
    for name in chosen {
        if name != ProviderName::Local && !settings.tts.elevenlabs.missing().is_empty() {
            continue;
        }
        spinner.set_message(speaking::label(name));
        report.extend(speaking::examine(name, &settings.tts, recognition.as_ref()).await);
    }
    spinner.finish_and_clear();
    report
}

/// What the settings came from.
fn files(directory: &Path) -> String {
    let names = [Gateway::CONFIG_FILE, Asr::CONFIG_FILE, Tts::CONFIG_FILE].map(Path::new);
    let there: Vec<String> = names
        .into_iter()
        .filter_map(|file| file.file_name())
        .filter(|name| directory.join(name).exists())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    match there.is_empty() {
        true => format!("the defaults: no file is in {}", directory.display()),
        false => format!("{} in {}", there.join(", "), directory.display()),
    }
}

fn settings(directory: &Path) -> Result<HouseSettings, BoxError> {
    Ok(HouseSettings::load(directory, &Environment::of_process()?)?)
}

/// Loads the configured recogniser.
async fn recogniser(settings: &AsrSettings) -> (Line, Option<Recognition>) {
    const PART: &str = "recogniser";
    let began = Instant::now();
    let settings = settings.clone();
    let loaded = tokio::task::spawn_blocking(move || Recognition::load(&settings)).await;
    match loaded.map_err(BoxError::from).and_then(|loaded| loaded) {
        Ok(recognition) => {
            let (model, language) = (recognition.model_name(), recognition.language());
            let ms = began.elapsed().as_millis();
            (Line::ok(PART, format!("{model}, language {language}, loaded in {ms} ms")), Some(recognition))
        }
        Err(error) => {
            let mend = "set ASR_MODEL_SIZE=builtin, or get the model: evervoice models list";
            (Line::broken(PART, evervoice_core::fault::with_sources(&*error), mend), None)
        }
    }
}

/// ElevenLabs when it does not speak: by a choice, which is well, or because something is missing that was asked for.
fn switched_off(settings: &TtsSettings, only: Option<ProviderName>) -> Option<Line> {
    const PART: &str = "elevenlabs";
    let missing = settings.elevenlabs.missing();
    let asked = only.is_some_and(|name| name != ProviderName::Local);
    if only == Some(ProviderName::Local) || (settings.provider == ProviderChoice::Local && !asked) {
        return (only.is_none()).then(|| Line::off(PART, "provider is local", "TTS_PROVIDER=auto switches it on"));
    }
    if missing.is_empty() {
        return None;
    }
    let variable = |key: &'static str| {
        let of = TtsSettings::VARIABLES.iter().find(|(_, of)| *of == key);
        of.map_or(key, |(variable, _)| *variable)
    };
    let names: Vec<&str> = missing.into_iter().map(variable).collect();
    let mend = format!("set {} in .env; .env.example says what they are", names.join(", "));
    Some(match asked {
        true => Line::broken(PART, "something is missing for it", mend),
        false => Line::off(PART, "something is missing for it; the local voice speaks alone", mend),
    })
}
