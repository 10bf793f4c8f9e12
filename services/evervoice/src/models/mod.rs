//! `evervoice models`: downloads published models, lists them, and checks the installed ones.
//!
//! What can be downloaded stands in `configs/models.yml` (crate `evervoice-models`). Everything lies in one
//! directory, MODELS_DIR:
//!
//! ```text
//! NAME/                  an installed model, complete from the moment it has this name
//! NAME/installed.json    what was installed: the manifest entry, every file with its size and SHA-256
//! .NAME.zip.part         a download that is not finished; the next pull goes on from its end
//! .NAME.zip.validator    what names the version of the file that it is the beginning of
//! .NAME.new, .NAME.old   only while a pull puts the model into its place
//! .NAME.lock             held while NAME is being pulled, so that two pulls take turns
//! ```
//!
//! * [`error`]: what can go wrong, each with the way out
//! * [`progress`]: a bar on a terminal, plain lines elsewhere
//! * [`download`]: HTTP with resume and retries → the part file
//! * [`archive`]: a .zip whose content is not trusted → files below one directory
//! * [`install`]: the whole way of one model, and the check of an installed one
//! * `configured`: which models the settings name

pub mod archive;
mod configured;
pub mod download;
pub mod error;
pub mod install;
pub mod progress;

use std::{
    io::{self, IsTerminal, Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use evervoice_core::{
    config::Environment,
    service::{BoxError, cli},
};
use evervoice_models::{DEFAULT_MODELS_DIR, Manifest};
use indicatif::BinaryBytes;
use tokio::signal::unix::{SignalKind, signal};

pub use error::ModelsError;
pub use evervoice_models::command_for;
pub use install::Pull;
use progress::Progress;

/// What `evervoice models` can do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// List the models that can be pulled, and which of them are installed.
    List {
        /// Where models are, and which list of them.
        #[command(flatten)]
        place: Place,
    },
    /// Download a model, check it and install it.
    Pull(PullOptions),
    /// Compare installed models with the sizes and sums noted when they were installed.
    Verify {
        /// Only this model; without a name, every installed one.
        name: Option<String>,
        /// Where models are, and which list of them.
        #[command(flatten)]
        place: Place,
    },
}

/// What `evervoice models pull` takes.
#[derive(Debug, Clone, Args)]
pub struct PullOptions {
    /// A name or short name from `evervoice models list`.
    #[arg(required_unless_present = "configured", conflicts_with = "configured")]
    name: Option<String>,
    /// Pull what asr.yml, tts_config.yml and the environment name, as far as it is not there.
    #[arg(long, conflicts_with = "force")]
    configured: bool,
    /// With --configured, where recognizers belong, if that is elsewhere than voices.
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    recognizers_dir: Option<PathBuf>,
    /// With --configured, where voices belong, if that is elsewhere than recognizers.
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    voices_dir: Option<PathBuf>,
    /// Where models are, and which list of them.
    #[command(flatten)]
    place: Place,
    /// Take the archive from here instead of its published address: a directory, or the beginning of a URL,
    /// that holds a file of the same name.
    #[arg(long, env = "EVERVOICE_MODELS_MIRROR", value_name = "DIR_OR_URL")]
    mirror: Option<String>,
    /// Install again what is installed already.
    #[arg(long)]
    force: bool,
    /// Install a model although no published checksum of it is known.
    #[arg(long)]
    accept_unverified: bool,
    /// Print nothing but the directory of the installed model.
    #[arg(long, short)]
    quiet: bool,
}

impl PullOptions {
    fn pull_into(&self, models_dir: PathBuf) -> Pull {
        Pull {
            models_dir,
            mirror: self.mirror.clone().filter(|mirror| !mirror.is_empty()),
            force: self.force,
            accept_unverified: self.accept_unverified,
            policy: download::Policy::default(),
        }
    }
}

/// Where models are, and which list of them.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The directory that holds installed models [default: MODELS_DIR, else models-data].
    #[arg(long, value_name = "DIR")]
    pub models_dir: Option<PathBuf>,
    /// A list to use instead of the one compiled in (configs/models.yml shows the form) [default: MODELS_MANIFEST].
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
}

impl Place {
    fn directory(&self, environment: &Environment) -> PathBuf {
        let set = || environment.get("MODELS_DIR").unwrap_or(DEFAULT_MODELS_DIR).into();
        self.models_dir.clone().unwrap_or_else(set)
    }

    fn list(&self, environment: &Environment) -> Result<Manifest, ModelsError> {
        let set = environment.get("MODELS_MANIFEST").map(Path::new);
        Ok(Manifest::load(self.manifest.as_deref().or(set))?)
    }
}

/// `main` of `evervoice models`. Exit codes as in `evervoice_core::service::cli`; 143 after SIGTERM and 130 after SIGINT, which stop
/// it at once. What has arrived of a download is kept.
pub fn main(command: Command, config_dir: PathBuf) -> ExitCode {
    let failed = |error: BoxError, code| cli::fail("evervoice", &error, code);
    let environment = match Environment::of_process() {
        Ok(environment) => environment,
        Err(error) => return failed(error.into(), 2),
    };
    // Two threads also where there is one core: while one hashes or unpacks, the other one hears signals.
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(error.into(), 1),
    };
    let end = runtime.block_on(async {
        // The first process of a container gets no signal that it does not ask for.
        let (mut terminate, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
            (Err(error), _) | (_, Err(error)) => return failed(error.into(), 1),
        };
        // A task of its own: hashing and unpacking leave no room for anything else in theirs.
        let work = tokio::spawn(async move { run(command, &config_dir, &environment).await });
        tokio::select! {
            done = work => match done {
                Ok(Ok(())) => ExitCode::SUCCESS,
                Ok(Err(error)) => {
                    let code = error.exit_code();
                    failed(error.into(), code)
                }
                Err(error) => failed(error.into(), 1),
            },
            _ = terminate.recv() => stopped(143),
            _ = interrupt.recv() => stopped(130),
        }
    });
    // The work may be unpacking, or waiting for another pull: it ends with the process, which leaves nothing half done under a
    // model's name.
    runtime.shutdown_background();
    end
}

fn stopped(code: u8) -> ExitCode {
    // Below the bar, which ends without a line break.
    let below = if std::io::stderr().is_terminal() { "\n" } else { "" };
    eprintln!("{below}evervoice: stopped; what has arrived is kept, and the next pull goes on from there");
    ExitCode::from(code)
}

/// Does what the command line asks. Results go to standard output, progress to standard error.
pub async fn run(command: Command, config_dir: &Path, environment: &Environment) -> Result<(), ModelsError> {
    match command {
        Command::List { place } => {
            list(&place.list(environment)?, &place.directory(environment)).map_err(unprinted())?;
        }
        Command::Pull(options) => {
            let progress = Progress::new(options.quiet);
            let directories = match &options.name {
                Some(name) => {
                    let manifest = options.place.list(environment)?;
                    let pull = options.pull_into(options.place.directory(environment));
                    vec![pull.pull(manifest.find(name)?, &progress).await?]
                }
                None => configured::pull(&options, config_dir, environment, &progress).await?,
            };
            for directory in directories {
                writeln!(stdout(), "{}", directory.display()).map_err(unprinted())?;
            }
        }
        Command::Verify { name, place } => {
            let manifest = place.list(environment)?;
            let name = name.as_deref().map(|name| manifest.find(name).map_or(name, |model| &model.name));
            for (name, files) in install::verify(&place.directory(environment), name)? {
                writeln!(stdout(), "{name}: {files} files unchanged").map_err(unprinted())?;
            }
        }
    }
    Ok(())
}

/// Standard output may be closed, as that of `models list | head -1` is.
fn unprinted() -> impl FnOnce(io::Error) -> ModelsError {
    ModelsError::file("standard output".as_ref())
}

fn list(manifest: &Manifest, models_dir: &Path) -> io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "models directory: {}\n", models_dir.display())?;
    writeln!(out, "{:30} {:10} {:8} {:>11}  {:12} INSTALLED", "NAME", "KIND", "LANGUAGE", "DOWNLOAD", "LICENCE")?;
    for model in &manifest.models {
        let installed = if install::marker(&models_dir.join(&model.name)).is_some() { "yes" } else { "no" };
        let size = BinaryBytes(model.bytes).to_string();
        writeln!(
            out,
            "{:30} {:10} {:8} {size:>11}  {:12} {installed}",
            model.name, model.kind, model.language, model.licence
        )?;
        let aliases: Vec<&str> = manifest.aliases_of(&model.name).collect();
        if !model.note.is_empty() {
            writeln!(out, "    {}", model.note)?;
        }
        if !aliases.is_empty() {
            writeln!(out, "    also called: {}", aliases.join(", "))?;
        }
        if model.sha256.is_none() {
            writeln!(out, "    no published checksum: needs --accept-unverified")?;
        }
    }
    Ok(())
}
