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

pub mod archive;
pub mod download;
pub mod error;
pub mod install;
pub mod progress;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use evervoice_models::{DEFAULT_MODELS_DIR, Manifest};
use indicatif::BinaryBytes;

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
    Pull {
        /// A name or short name from `evervoice models list`.
        name: String,
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
    },
    /// Compare installed models with the sizes and sums noted when they were installed.
    Verify {
        /// Only this model; without a name, every installed one.
        name: Option<String>,
        /// Where models are, and which list of them.
        #[command(flatten)]
        place: Place,
    },
}

/// Where models are, and which list of them.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The directory that holds installed models.
    #[arg(long, env = "MODELS_DIR", default_value = DEFAULT_MODELS_DIR, value_name = "DIR")]
    pub models_dir: PathBuf,
    /// A list to use instead of the one compiled in (configs/models.yml shows the form).
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
}

impl Place {
    fn read_manifest(&self) -> Result<Manifest, ModelsError> {
        Ok(match &self.manifest {
            Some(path) => Manifest::read(path)?,
            None => Manifest::built_in()?,
        })
    }
}

/// Does what the command line asks. Results go to standard output, progress to standard error.
pub async fn run(command: Command) -> Result<(), ModelsError> {
    match command {
        Command::List { place } => list(&place.read_manifest()?, &place.models_dir),
        Command::Pull { name, place, mirror, force, accept_unverified, quiet } => {
            let pull = Pull {
                models_dir: place.models_dir.clone(),
                mirror: mirror.filter(|mirror| !mirror.is_empty()),
                force,
                accept_unverified,
                policy: download::Policy::default(),
            };
            let manifest = place.read_manifest()?;
            let directory = pull.pull(manifest.find(&name)?, &Progress::new(quiet)).await?;
            println!("{}", directory.display());
        }
        Command::Verify { name, place } => {
            let manifest = place.read_manifest()?;
            let name = name.as_deref().map(|name| manifest.find(name).map_or(name, |model| &model.name));
            for (name, files) in install::verify(&place.models_dir, name)? {
                println!("{name}: {files} files unchanged");
            }
        }
    }
    Ok(())
}

fn list(manifest: &Manifest, models_dir: &Path) {
    println!("models directory: {}\n", models_dir.display());
    println!("{:30} {:10} {:8} {:>11}  {:12} INSTALLED", "NAME", "KIND", "LANGUAGE", "DOWNLOAD", "LICENCE");
    for model in &manifest.models {
        let installed = if install::marker(&models_dir.join(&model.name)).is_some() { "yes" } else { "no" };
        let size = BinaryBytes(model.bytes).to_string();
        println!(
            "{:30} {:10} {:8} {size:>11}  {:12} {installed}",
            model.name, model.kind, model.language, model.licence
        );
        let aliases: Vec<&str> = manifest.aliases_of(&model.name).collect();
        if !model.note.is_empty() {
            println!("    {}", model.note);
        }
        if !aliases.is_empty() {
            println!("    also called: {}", aliases.join(", "));
        }
        if model.sha256.is_none() {
            println!("    no published checksum: needs --accept-unverified");
        }
    }
}
