//! A .zip archive whose content is not trusted → files below one directory, and never outside it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::result::ZipError;

/// More entries than any model has; Vosk models have about 20.
const MOST_ENTRIES: usize = 10_000;

/// One file that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnpackedFile {
    /// Path below the directory, with `/` between its parts.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file is cut off or no archive, or an entry's checksum is wrong.
    #[error("the archive is damaged ({0})")]
    Damaged(#[from] ZipError),
    /// An entry would lie outside the directory, or is a link.
    #[error("the archive is refused: its entry {0:?} leads outside the model's directory or is a link")]
    UnsafeEntry(String),
    /// Two entries have the same name.
    #[error("the archive is refused: two of its entries have the same name")]
    SameName,
    /// More would be unpacked than is plausible for the archive's size.
    #[error("the archive is refused: it unpacks to more than {limit} bytes or {MOST_ENTRIES} entries")]
    TooLarge {
        /// The most bytes that would have been accepted.
        limit: u64,
    },
    /// An entry is shorter or longer than the archive says.
    #[error("the archive is damaged (entry {0:?} has another size than stated)")]
    EntrySize(String),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An opened archive, its table of contents checked.
#[derive(Debug)]
pub struct Archive {
    zip: ZipArchive<File>,
    /// The path of each entry below the model's directory; empty for the archive's own top directory.
    paths: Vec<PathBuf>,
    bytes: u64,
}

impl Archive {
    /// Reads and checks the table of contents. `limit` is the most bytes that it may unpack to.
    pub fn open(file: File, limit: u64) -> Result<Self, ArchiveError> {
        let mut zip = ZipArchive::new(file)?;
        if zip.has_duplicate_names() {
            return Err(ArchiveError::SameName);
        }
        if zip.len() > MOST_ENTRIES {
            return Err(ArchiveError::TooLarge { limit });
        }
        let (mut paths, mut bytes) = (Vec::with_capacity(zip.len()), 0_u64);
        let mut only_directories_on_top = true;
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index)?;
            let name = entry.name()?.into_owned();
            let path = safe_path(&name).filter(|_| !entry.is_symlink()).ok_or(ArchiveError::UnsafeEntry(name))?;
            only_directories_on_top &= entry.is_dir() || path.components().count() > 1;
            bytes = bytes.saturating_add(entry.size());
            paths.push(path);
        }
        if bytes > limit {
            return Err(ArchiveError::TooLarge { limit });
        }
        // Published models lie in one directory inside the archive; it is replaced by the model's own.
        let top = paths.first().and_then(|path| path.components().next()).map(|top| PathBuf::from(top.as_os_str()));
        if let Some(top) = top.filter(|_| only_directories_on_top)
            && paths.iter().all(|path| path.starts_with(&top))
        {
            for path in &mut paths {
                *path = path.strip_prefix(&top).map(Path::to_owned).unwrap_or_default();
            }
        }
        Ok(Archive { zip, paths, bytes })
    }

    /// How many bytes it unpacks to.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes every file below `directory`, which must be empty.
    pub fn unpack(mut self, directory: &Path) -> Result<Vec<UnpackedFile>, ArchiveError> {
        let mut files = Vec::new();
        for (index, path) in self.paths.iter().enumerate() {
            let mut entry = self.zip.by_index(index)?;
            let target = directory.join(path);
            let failed = |source| ArchiveError::Write { path: target.clone(), source };
            if entry.is_dir() {
                fs::create_dir_all(&target).map_err(failed)?;
                continue;
            }
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(failed)?;
            }
            let mut file = File::create_new(&target).map_err(failed)?;
            let stated = entry.size();
            let mut hash = Sha256::new();
            let mut written = 0_u64;
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let count = entry.read(&mut buffer).map_err(ZipError::Io)?;
                let piece = &buffer[..count];
                written += count as u64;
                if piece.is_empty() || written > stated {
                    break;
                }
                hash.update(piece);
                file.write_all(piece).map_err(failed)?;
            }
            if written != stated {
                return Err(ArchiveError::EntrySize(path.display().to_string()));
            }
            file.sync_all().map_err(failed)?;
            let path = path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
            files.push(UnpackedFile { path, bytes: written, sha256: hex(&hash.finalize()) });
        }
        Ok(files)
    }
}

/// The path of an entry, if it is a plain one below the directory that it is unpacked to.
fn safe_path(name: &str) -> Option<PathBuf> {
    if name.contains(['\\', '\0', ':']) {
        return None;
    }
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !name.is_empty()).then(|| path.components().collect())
}

/// SHA-256 of everything that `reader` gives, in lower-case hex.
pub fn sha256(reader: &mut impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_below_the_directory_are_safe() {
        for name in ["a", "a/b.txt", "a/", "x..y/..z"] {
            assert!(safe_path(name).is_some(), "{name}");
        }
        for name in ["", "/etc/passwd", "../a", "a/../../b", "a/../b", "./a", "..\\a", "C:\\a", "C:a", "a\0b"] {
            assert!(safe_path(name).is_none(), "{name}");
        }
    }

    #[test]
    fn the_sum_of_nothing_and_of_abc() {
        // FIPS 180-4, examples.
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&mut &b""[..]).unwrap(), empty);
        assert_eq!(sha256(&mut &b"abc"[..]).unwrap(), abc);
    }
}
