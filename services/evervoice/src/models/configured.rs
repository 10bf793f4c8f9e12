//! `models pull --configured`: the models that the settings of asr and tts name.
//!
//! It runs before the services at each start of a container. What is there already is found by looking: no lock, no write and no
//! network. What can be known without the network is told before anything is downloaded.

use std::path::{Path, PathBuf};

use evervoice_asr::Asr;
use evervoice_core::config::{ConfigError, Environment};
use evervoice_models::{Kind, Location, Manifest, Model, ResolveError, locate};
use evervoice_tts::Tts;

use super::{ModelsError, Pull, PullOptions, install, progress::Progress};
use crate::house::read;

/// A model that a service is going to look for.
struct Named {
    /// The key that names it.
    place: &'static str,
    name: String,
    kind: Kind,
    /// Where the service looks, or where that directory is seen from here.
    models_dir: PathBuf,
    list: Manifest,
}

/// What is to be done about it.
enum Step {
    BuiltIn,
    There(PathBuf),
    Pull(Model),
}

/// Sees to it that every model of the settings is there. Gives their directories.
pub async fn pull(
    options: &PullOptions,
    config_dir: &Path,
    environment: &Environment,
    progress: &Progress,
) -> Result<Vec<PathBuf>, ModelsError> {
    let named = named(options, config_dir, environment)?;
    let (mut steps, mut mistakes) = (Vec::new(), Vec::new());
    for named in &named {
        match named.step(options.accept_unverified) {
            Ok(step) => steps.push((named, step)),
            Err(error) => mistakes.push((named.place, error)),
        }
    }
    all_well(mistakes)?;
    let (mut directories, mut failures) = (Vec::new(), Vec::new());
    for (named, step) in steps {
        match step {
            Step::BuiltIn => progress.say(&format!("{}: {} needs no download", named.place, named.name)),
            Step::There(directory) => {
                progress.say(&format!("{}: {} is there", named.place, named.name));
                directories.push(directory);
            }
            Step::Pull(model) => {
                let pull: Pull = options.pull_into(named.models_dir.clone());
                // One that cannot be had does not keep the others away.
                match pull.pull(&model, progress).await {
                    Ok(directory) => directories.push(directory),
                    Err(error) => failures.push((named.place, error)),
                }
            }
        }
    }
    all_well(failures)?;
    Ok(directories)
}

fn all_well(failures: Vec<(&'static str, ModelsError)>) -> Result<(), ModelsError> {
    if failures.is_empty() { Ok(()) } else { Err(ModelsError::Configured(failures)) }
}

/// What the settings name. The settings are read as the services read them; what the command line says wins.
fn named(options: &PullOptions, config_dir: &Path, environment: &Environment) -> Result<Vec<Named>, ModelsError> {
    let mut mistakes = Vec::new();
    let model = read::<Asr>(config_dir, environment, &mut mistakes).model;
    let local = read::<Tts>(config_dir, environment, &mut mistakes).local;
    if !mistakes.is_empty() {
        return Err(ConfigError { mistakes }.into());
    }
    let place = &options.place;
    let directory = |own: &Option<PathBuf>, set: PathBuf| own.clone().or(place.models_dir.clone()).unwrap_or(set);
    let list = |set: &Option<PathBuf>| Manifest::load(place.manifest.as_deref().or(set.as_deref()));
    let mut named = vec![Named {
        place: "asr: model.name",
        name: model.name,
        kind: Kind::Recognizer,
        models_dir: directory(&options.recognizers_dir, model.dir),
        list: list(&model.manifest)?,
    }];
    let (voices_dir, list) = (directory(&options.voices_dir, local.models_dir), list(&local.manifest)?);
    named.extend(local.voices.into_iter().map(|name| Named {
        place: "tts: local.voices",
        name,
        kind: Kind::Voice,
        models_dir: voices_dir.clone(),
        list: list.clone(),
    }));
    Ok(named)
}

impl Named {
    fn step(&self, accept_unverified: bool) -> Result<Step, ModelsError> {
        match locate(&self.name, &self.models_dir, &self.list) {
            Ok(Location::Builtin) => Ok(Step::BuiltIn),
            Ok(Location::Directory(directory)) => Ok(Step::There(directory)),
            Err(ResolveError::NotInstalled { name, .. }) => {
                let model = self.list.find(&name)?;
                if model.kind != self.kind {
                    return Err(ModelsError::WrongKind { name, is: model.kind, wanted: self.kind });
                }
                install::need_sum(model, accept_unverified)?;
                Ok(Step::Pull(model.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }
}
