//! The whole way of one model: lock, download or mirror, checksum, unpack beside its place, rename into it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use evervoice_models::{Kind, MARKER, Model, command_for};
use serde::{Deserialize, Serialize};

use super::archive::{self, Archive, UnpackedFile};
use super::download::{Download, DownloadError, Policy};
use super::error::ModelsError;
use super::progress::Progress;

/// An archive that unpacks to more than this many times its size is refused. Vosk models unpack to about twice.
const MOST_GROWTH: u64 = 20;

/// How models are pulled.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The directory that holds installed models; made if it does not exist.
    pub models_dir: PathBuf,
    /// A directory, or the beginning of a URL, that holds the archives.
    pub mirror: Option<String>,
    /// Install again what is installed.
    pub force: bool,
    /// Install what has no published checksum.
    pub accept_unverified: bool,
    /// How patient downloads are.
    pub policy: Policy,
}

/// The content of `installed.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// The entry of the list that was installed.
    pub model: Model,
    /// SHA-256 of the archive that was unpacked.
    pub archive_sha256: String,
    /// Whether that sum was compared with a published one.
    pub verified: bool,
    /// Every file that was unpacked.
    pub files: Vec<UnpackedFile>,
}

/// Where an archive comes from.
enum Origin {
    Web(String),
    Disk(PathBuf),
}

impl Pull {
    /// Installs `model` unless it is installed, and gives its directory.
    pub async fn pull(&self, model: &Model, progress: &Progress) -> Result<PathBuf, ModelsError> {
        need_sum(model, self.accept_unverified)?;
        fs::create_dir_all(&self.models_dir).map_err(ModelsError::file(&self.models_dir))?;
        let _lock = self.lock(&model.name, progress).await?;
        let directory = self.models_dir.join(&model.name);
        if !self.force {
            match marker(&directory) {
                Some(marker) if marker.model.sha256 == model.sha256 => {
                    progress.say(&format!("{} is installed already", model.name));
                    return Ok(directory);
                }
                // An older version of the same name is replaced.
                Some(_) => {}
                None if directory.exists() => return Err(ModelsError::InTheWay(directory)),
                None => {}
            }
        }
        match self.origin(model) {
            Origin::Disk(path) => self.take_from_disk(model, &path, progress)?,
            Origin::Web(url) => self.take_from_web(model, &url, progress).await?,
        }
        progress.done();
        progress.say(&format!("{} is installed", model.name));
        Ok(directory)
    }

    /// Waits until no other pull of this model is under way.
    async fn lock(&self, name: &str, progress: &Progress) -> Result<File, ModelsError> {
        let path = self.models_dir.join(format!(".{name}.lock"));
        let file = File::options().create(true).append(true).open(&path).map_err(ModelsError::file(&path))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => progress.say(&format!("another pull of {name} is under way; waiting")),
            Err(TryLockError::Error(source)) => return Err(ModelsError::File { path, source }),
        }
        let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
        waiting.await.map_err(io::Error::other).flatten().map_err(ModelsError::file(&path))
    }

    fn origin(&self, model: &Model) -> Origin {
        match &self.mirror {
            None => Origin::Web(model.url.clone()),
            Some(base) if base.starts_with("http://") || base.starts_with("https://") => {
                Origin::Web(format!("{}/{}", base.trim_end_matches('/'), model.file_name()))
            }
            Some(directory) => Origin::Disk(Path::new(directory).join(model.file_name())),
        }
    }

    fn take_from_disk(&self, model: &Model, path: &Path, progress: &Progress) -> Result<(), ModelsError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ModelsError::NotInMirror(path.to_owned()),
            _ => ModelsError::file(path)(error),
        })?;
        let origin = path.display().to_string();
        let offered = file.metadata().map_err(ModelsError::file(path))?.len();
        if offered != model.bytes {
            return Err(ModelsError::WrongSize { origin, declared: model.bytes, offered });
        }
        progress.say(&format!("installing {origin}"));
        let sum = checked_sum(model, &file, &origin, "The file in the mirror was left as it is.")?;
        self.place(model, file, sum, &origin)
    }

    async fn take_from_web(&self, model: &Model, url: &str, progress: &Progress) -> Result<(), ModelsError> {
        let part = self.models_dir.join(format!(".{}.zip.part", model.name));
        let have = fs::metadata(&part).map_or(0, |metadata| metadata.len());
        need_space(&self.models_dir, model.bytes.saturating_sub(have))?;
        let download =
            Download { url, bytes: model.bytes, part: &part, judged: model.sha256.is_some(), policy: &self.policy };
        let client =
            evervoice_http_client::builder().read_timeout(self.policy.silence).build().map_err(ModelsError::Client)?;
        progress.say(&format!("downloading {url}"));
        download.run(&client, progress).await.map_err(|error| match error {
            DownloadError::Other(error) => error,
            DownloadError::Network(cause) => ModelsError::Network {
                url: url.to_owned(),
                cause,
                file_name: model.file_name().to_owned(),
                command: command_for(&model.name),
            },
        })?;
        let file = File::open(&part).map_err(ModelsError::file(&part))?;
        // Whatever comes of it, a complete download is not gone on with: it is installed now or it is bad.
        let result = checked_sum(model, &file, url, "The downloaded file was removed. Run the same command again.")
            .and_then(|sum| self.place(model, file, sum, url));
        if !matches!(result, Err(ModelsError::NoSpace { .. } | ModelsError::File { .. })) {
            download.forget();
        }
        result
    }

    /// Unpacks beside the model's place and renames into it, so that a directory of that name is always complete.
    /// The names beside it are fixed, because the lock is held: what an interrupted pull left there is cleared.
    fn place(&self, model: &Model, file: File, archive_sha256: String, origin: &str) -> Result<(), ModelsError> {
        let broken = |source| ModelsError::Archive { origin: origin.to_owned(), source };
        let archive = Archive::open(file, model.bytes.saturating_mul(MOST_GROWTH)).map_err(broken)?;
        need_space(&self.models_dir, archive.bytes())?;
        let fresh = self.models_dir.join(format!(".{}.new", model.name));
        clear(&fresh)?;
        fs::create_dir(&fresh).map_err(ModelsError::file(&fresh))?;
        let placed = archive.unpack(&fresh).map_err(broken).and_then(|files| {
            if !parts_of(model.kind).iter().any(|path| fresh.join(path).is_file()) {
                return Err(ModelsError::NotAModel { origin: origin.to_owned(), kind: model.kind });
            }
            let marker = Marker { model: model.clone(), archive_sha256, verified: model.sha256.is_some(), files };
            write_marker(&fresh.join(MARKER), &marker)?;
            self.swap(model, &fresh)
        });
        if placed.is_err() {
            // The first error is the one to tell.
            let _ = clear(&fresh);
        }
        placed
    }

    /// Gives the fresh directory the model's name, in the place of an older one.
    fn swap(&self, model: &Model, fresh: &Path) -> Result<(), ModelsError> {
        let directory = self.models_dir.join(&model.name);
        let old = self.models_dir.join(format!(".{}.old", model.name));
        clear(&old)?;
        if directory.exists() {
            fs::rename(&directory, &old).map_err(ModelsError::file(&directory))?;
        }
        fs::rename(fresh, &directory).map_err(|error| {
            // The older one goes back; if even that fails, the first error says enough.
            let _ = fs::rename(&old, &directory);
            ModelsError::file(&directory)(error)
        })?;
        clear(&old)
    }
}

fn write_marker(path: &Path, marker: &Marker) -> Result<(), ModelsError> {
    let write = || -> io::Result<()> {
        let json = serde_json::to_vec_pretty(marker)?;
        let mut file = File::create_new(path)?;
        file.write_all(&json)?;
        file.sync_all()
    };
    write().map_err(ModelsError::file(path))
}

/// Removes a directory that may not exist.
fn clear(directory: &Path) -> Result<(), ModelsError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ModelsError::file(directory)(error)),
        _ => Ok(()),
    }
}

/// The archive's sum, if it is the published one or none was published. `file` is at its beginning afterwards.
fn checked_sum(model: &Model, mut file: &File, origin: &str, consequence: &'static str) -> Result<String, ModelsError> {
    let found = archive::sha256(&mut file)
        .and_then(|sum| file.rewind().map(|()| sum))
        .map_err(ModelsError::file(Path::new(origin)))?;
    match &model.sha256 {
        Some(expected) if *expected != found => {
            Err(ModelsError::Checksum { origin: origin.to_owned(), expected: expected.clone(), found, consequence })
        }
        _ => Ok(found),
    }
}

/// Refuses a model without a published sum, unless that is accepted.
pub(super) fn need_sum(model: &Model, accept_unverified: bool) -> Result<(), ModelsError> {
    if model.sha256.is_some() || accept_unverified {
        return Ok(());
    }
    Err(ModelsError::Unverified {
        name: model.name.clone(),
        source_note: model.source.clone(),
        command: command_for(&model.name),
    })
}

/// The files one of which makes a directory a model of this kind.
pub(super) fn parts_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Recognizer => &["am/final.mdl", "final.mdl"],
        Kind::Voice => &["voice.json"],
    }
}

fn need_space(directory: &Path, needed: u64) -> Result<(), ModelsError> {
    let disk = rustix::fs::statvfs(directory).map_err(|error| ModelsError::file(directory)(error.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < needed {
        return Err(ModelsError::NoSpace { directory: directory.to_owned(), needed, free });
    }
    Ok(())
}

/// What was installed in `directory`; none if no pull installed it.
pub fn marker(directory: &Path) -> Option<Marker> {
    serde_json::from_slice(&fs::read(directory.join(MARKER)).ok()?).ok()
}

/// Reads every file of the installed models again. Gives each model's name and its number of files.
pub fn verify(models_dir: &Path, name: Option<&str>) -> Result<Vec<(String, usize)>, ModelsError> {
    let installed = match name {
        Some(name) => match marker(&models_dir.join(name)) {
            Some(marker) => vec![(name.to_owned(), marker)],
            None => return Err(ModelsError::NotInstalled(name.to_owned())),
        },
        None => all_installed(models_dir)?,
    };
    let mut damaged = Vec::new();
    for (name, marker) in &installed {
        for file in &marker.files {
            let path = models_dir.join(name).join(&file.path);
            let found = File::open(&path).and_then(|mut file| archive::sha256(&mut file));
            match found {
                Ok(sum) if sum == file.sha256 => {}
                Ok(_) => damaged.push(format!("{}: changed", path.display())),
                Err(error) => damaged.push(format!("{}: {error}", path.display())),
            }
        }
    }
    if !damaged.is_empty() {
        return Err(ModelsError::Damaged(damaged));
    }
    Ok(installed.into_iter().map(|(name, marker)| (name, marker.files.len())).collect())
}

fn all_installed(models_dir: &Path) -> Result<Vec<(String, Marker)>, ModelsError> {
    let entries = match fs::read_dir(models_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ModelsError::file(models_dir)(error)),
    };
    let mut installed: Vec<(String, Marker)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, marker(&entry.path())?)))
        .collect();
    installed.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(installed)
}
