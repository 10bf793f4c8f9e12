//! The stock on disk: one raw file for each sound and format, named by what decides it, and a manifest with checksums.
//!
//! Files are written under another name first, so that a file is whole or not there. The manifest comes last: what it does not
//! name is made anew. What another process has written lately stays: two may share a directory. Whatever is wrong with the directory costs a start its head start, nothing else.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use evervoice_core::audio::OutputFormat;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::recording::Recording;

const MANIFEST: &str = "manifest.json";

/// No sound of the stock is longer, in bytes: ten minutes at 48 kHz.
const LONGEST: u64 = 10 * 60 * 48_000 * 2;

/// Hexadecimal digits of a file's name.
const NAME_DIGITS: usize = 32;

/// A file that was begun so long ago is nobody's any more: its process is gone.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The clock that dates files may be so late.
const CLOCKS: Duration = Duration::from_secs(1);

/// A directory of sound.
pub struct Store {
    dir: PathBuf,
    /// The first one is PCM, and the others are made of it.
    formats: Vec<OutputFormat>,
    /// Files that are known to be there, whole.
    there: BTreeSet<String>,
    /// The manifest as it is on disk.
    manifest: Vec<u8>,
    /// What was written since then, and not by us, is another process's.
    opened: SystemTime,
}

/// A phrase, and its sound.
pub struct Kept<'a> {
    pub language: &'a str,
    pub text: &'a str,
    pub recording: &'a Recording,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Manifest {
    files: Vec<Entry>,
}

/// A file: what is said in it, and how to tell whether it is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    file: String,
    text: String,
    language: String,
    provider: String,
    rendering: String,
    format: String,
    bytes: u64,
    ms: u64,
    sha256: String,
}

impl Store {
    /// A store in a directory, which need not be there yet.
    pub fn new(dir: PathBuf, formats: Vec<OutputFormat>) -> Self {
        Self { dir, formats, there: BTreeSet::new(), manifest: Vec::new(), opened: SystemTime::now() }
    }

    /// The sound of each of these texts (language, text) that is kept, whichever voice spoke it; and what is wrong with the
    /// files of those that are not. `providers` are the names that there are.
    pub fn load(
        &mut self,
        wanted: &[(String, String)],
        providers: &[&'static str],
    ) -> (Vec<Option<Recording>>, Vec<String>) {
        let mut wrong = Vec::new();
        let manifest = self.read_manifest().unwrap_or_else(|error| {
            wrong.push(format!("{MANIFEST}: {error}"));
            Manifest::default()
        });
        let first = self.formats.first().copied().unwrap_or_default().name();
        let mut load = |(language, text): &(String, String)| {
            let mut of_text = manifest.files.iter().filter(|entry| entry.language == *language && entry.text == *text);
            let entry = of_text.find(|entry| entry.format == first)?;
            let restored = self.restore(entry, &manifest, providers);
            restored.map_err(|error| wrong.push(format!("{}: {error}", entry.file))).ok()
        };
        let loaded = wanted.iter().map(&mut load).collect();
        (loaded, wrong)
    }

    fn read_manifest(&mut self) -> io::Result<Manifest> {
        self.manifest = match fs::read(self.dir.join(MANIFEST)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Manifest::default()),
            Err(error) => return Err(error),
        };
        Ok(serde_json::from_slice(&self.manifest)?)
    }

    /// The recording that `first`, an entry of the first format, belongs to.
    fn restore(&mut self, first: &Entry, manifest: &Manifest, providers: &[&'static str]) -> io::Result<Recording> {
        let format = self.formats.first().copied().unwrap_or_default();
        let bytes = self.read(first, format)?;
        // Who spoke it may be gone; its sound is still good.
        let provider = providers.iter().copied().find(|name| *name == first.provider).unwrap_or("stock");
        let recording = Recording::restored(first.rendering.clone(), provider, format, bytes.into());
        for format in self.formats.clone().into_iter().skip(1) {
            let other = manifest.files.iter().find(|entry| {
                (&entry.language, &entry.text, &entry.rendering) == (&first.language, &first.text, &first.rendering)
                    && entry.format == format.name()
            });
            // One that is not there or not whole is made of the first.
            if let Some(Ok(bytes)) = other.map(|entry| self.read(entry, format)) {
                recording.restore(format, bytes.into());
            }
        }
        Ok(recording)
    }

    /// The bytes of a file, if they are what the manifest says.
    fn read(&mut self, entry: &Entry, format: OutputFormat) -> io::Result<Vec<u8>> {
        // The name is told by what is in it, so that a manifest names no other file.
        let file = name(&entry.language, &entry.text, &entry.rendering, format);
        let path = self.dir.join(&file);
        let bytes = match fs::metadata(&path)?.len() {
            length if length == entry.bytes && length <= LONGEST => fs::read(&path)?,
            length => return Err(broken(format!("it has {length} bytes instead of {}", entry.bytes))),
        };
        if hex(&Sha256::digest(&bytes)) != entry.sha256 {
            return Err(broken("its checksum is wrong".to_owned()));
        }
        if bytes.is_empty() || bytes.len() % format.audio().frame_bytes() != 0 {
            return Err(broken("it is no sound".to_owned()));
        }
        self.there.insert(file);
        Ok(bytes)
    }

    /// Keeps these sounds, and no others but those of another process.
    ///
    /// # Errors
    /// When the directory cannot be written. What was there before is whole.
    pub fn save(&mut self, kept: &[Kept]) -> io::Result<()> {
        let mut manifest = Manifest::default();
        for Kept { language, text, recording } in kept {
            for format in &self.formats {
                let bytes = recording.encoded(*format);
                let file = name(language, text, &recording.rendering, *format);
                if !self.there.contains(&file) {
                    fs::create_dir_all(&self.dir)?;
                    self.write(&file, &bytes)?;
                    self.there.insert(file.clone());
                }
                manifest.files.push(Entry {
                    file,
                    text: (*text).to_owned(),
                    language: (*language).to_owned(),
                    provider: recording.sound.provider.to_owned(),
                    rendering: recording.rendering.clone(),
                    format: format.name().to_owned(),
                    bytes: bytes.len() as u64,
                    ms: recording.ms(),
                    sha256: hex(&Sha256::digest(&bytes)),
                });
            }
        }
        let json = serde_json::to_vec_pretty(&manifest)?;
        if json != self.manifest && !(kept.is_empty() && self.manifest.is_empty()) {
            fs::create_dir_all(&self.dir)?;
            self.write(MANIFEST, &json)?;
            self.manifest = json;
        }
        let named = manifest.files.into_iter().map(|entry| entry.file).collect();
        let before = std::mem::replace(&mut self.there, named);
        self.tidy(&before)
    }

    fn write(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        // In containers every process may have the same number.
        let opened = self.opened.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let fresh = self.dir.join(format!("{file}.{}-{opened}.part", std::process::id()));
        let written = fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, self.dir.join(file)));
        written.inspect_err(|_| {
            let _ = fs::remove_file(&fresh);
        })
    }

    /// Removes sound that the manifest does not name: what we had `before`, and what was left behind by a process that is gone.
    /// Files of others stay.
    fn tidy(&self, before: &BTreeSet<String>) -> io::Result<()> {
        let files = match fs::read_dir(&self.dir) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for file in files {
            let path = file?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let useless = !self.there.contains(name) && (before.contains(name) || self.is_left(&path));
            if useless && is_ours(&path) {
                match fs::remove_file(&path) {
                    // Another process was faster.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => other?,
                }
            }
        }
        Ok(())
    }

    /// Whether nobody writes a file any more, or will name it in the manifest soon, as far as its age tells.
    fn is_left(&self, path: &Path) -> bool {
        let Ok(modified) = fs::metadata(path).and_then(|file| file.modified()) else { return false };
        match path.extension().is_some_and(|extension| extension == "part") {
            true => modified.elapsed().is_ok_and(|age| age > ABANDONED),
            false => self.opened.duration_since(modified).is_ok_and(|before| before > CLOCKS),
        }
    }
}

/// Name of the file with the sound of a text.
fn name(language: &str, text: &str, rendering: &str, format: OutputFormat) -> String {
    let mut hash = Sha256::new();
    for part in [language, text, rendering] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let hash = hex(&hash.finalize());
    format!("{}.{}", &hash[..NAME_DIGITS], format.name())
}

/// Whether a file has a name as [`name`] makes them, or is a manifest that was begun.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.starts_with(MANIFEST) && name.ends_with(".part") {
        return true;
    }
    let Some((hash, rest)) = name.split_once('.') else { return false };
    let format = rest.split('.').next().unwrap_or_default();
    let hexadecimal = hash.len() == NAME_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal && format.parse::<OutputFormat>().is_ok() && (rest == format || rest.ends_with(".part"))
}

fn broken(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use evervoice_core::audio::AudioChunk;

    use super::*;
    use crate::speech::Sound;

    const FORMATS: [OutputFormat; 2] = [OutputFormat::Pcm16000, OutputFormat::Ulaw8000];

    fn recording(rendering: &str) -> Recording {
        let mut sound = Sound::new("local", 16_000);
        sound.push(&AudioChunk { samples: (0..4_000).map(|at| at * 3).collect(), text_end: None });
        Recording::new(rendering.into(), sound, &FORMATS)
    }

    fn store(dir: &Path) -> Store {
        Store::new(dir.join("stock"), FORMATS.to_vec())
    }

    fn wanted() -> Vec<(String, String)> {
        ["One.", "Two."].map(|text| ("en".to_owned(), text.to_owned())).into()
    }

    fn save(store: &mut Store, texts: &[&str]) {
        let recording = recording("voice");
        let kept: Vec<_> = texts.iter().map(|text| Kept { language: "en", text, recording: &recording }).collect();
        store.save(&kept).unwrap();
    }

    fn files(dir: &Path) -> Vec<String> {
        let files = fs::read_dir(dir.join("stock")).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_kept_comes_back_and_nothing_else_stays() {
        let dir = tempfile::tempdir().unwrap();
        save(&mut store(dir.path()), &["One.", "Two."]);
        assert_eq!(files(dir.path()).len(), 5);
        let mut again = store(dir.path());
        let (loaded, wrong) = again.load(&wanted(), &["local"]);
        assert_eq!(wrong, Vec::<String>::new());
        for loaded in loaded {
            let (loaded, made) = (loaded.unwrap(), recording("voice"));
            assert_eq!((loaded.rendering.as_str(), loaded.sound.provider), ("voice", "local"));
            for format in OutputFormat::ALL {
                assert!(loaded.encoded(format) == made.encoded(format), "{format}");
            }
        }
        let (left, begun) = ("a".repeat(32) + ".pcm_16000", "b".repeat(32) + ".pcm_16000.7-7.part");
        for name in ["notes.txt", "0123.pcm_16000", &left, &begun, "manifest.json.7-7.part"] {
            let old = SystemTime::now() - 2 * ABANDONED;
            let path = dir.path().join("stock").join(name);
            fs::write(&path, "x").unwrap();
            fs::File::options().append(true).open(path).unwrap().set_modified(old).unwrap();
        }
        save(&mut again, &["One."]);
        let names = files(dir.path());
        assert_eq!(names.len(), 5, "{names:?}");
        assert!(["notes.txt", "0123.pcm_16000", MANIFEST].iter().all(|name| names.contains(&(*name).to_owned())));
        let (loaded, _) = store(dir.path()).load(&wanted(), &[]);
        assert_eq!(loaded[0].as_ref().unwrap().sound.provider, "stock");
        assert!(loaded[1].is_none());
    }

    #[test]
    fn two_processes_may_share_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let (mut first, mut second) = (store(dir.path()), store(dir.path()));
        first.load(&wanted(), &[]);
        second.load(&wanted(), &[]);
        save(&mut first, &["One."]);
        let begun = format!("{}.pcm_16000.7-7.part", "a".repeat(32));
        fs::write(dir.path().join("stock").join(&begun), "x").unwrap();
        save(&mut second, &["Two."]);
        let names = files(dir.path());
        let of_first = FORMATS.map(|format| name("en", "One.", "voice", format));
        assert!(of_first.iter().chain([&begun]).all(|name| names.contains(name)), "{names:?}");
        save(&mut second, &[]);
        assert_eq!(files(dir.path()).len(), 4, "what it had itself is gone");
    }

    #[test]
    fn a_file_that_is_not_what_it_was_is_not_played() {
        let breakages: [fn(&Path); 4] = [
            |path| fs::write(path, vec![1; 8_000]).unwrap(),
            |path| fs::write(path, []).unwrap(),
            |path| fs::remove_file(path).unwrap(),
            |path| fs::File::options().append(true).open(path).unwrap().set_len(7_998).unwrap(),
        ];
        for (at, breakage) in breakages.into_iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            save(&mut store(dir.path()), &["One.", "Two."]);
            breakage(&dir.path().join("stock").join(name("en", "One.", "voice", OutputFormat::Pcm16000)));
            breakage(&dir.path().join("stock").join(name("en", "Two.", "voice", OutputFormat::Ulaw8000)));
            let mut again = store(dir.path());
            let (loaded, wrong) = again.load(&wanted(), &["local"]);
            assert!(loaded[0].is_none(), "breakage {at}");
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            let second = loaded[1].as_ref().unwrap();
            assert!(second.encoded(OutputFormat::Ulaw8000) == recording("voice").encoded(OutputFormat::Ulaw8000));
            // The next save mends what is broken.
            save(&mut again, &["One.", "Two."]);
            assert!(store(dir.path()).load(&wanted(), &["local"]).1.is_empty());
        }
    }

    #[test]
    fn a_manifest_that_makes_no_sense_is_no_end() {
        let dir = tempfile::tempdir().unwrap();
        save(&mut store(dir.path()), &["One."]);
        for text in ["", "{", "[]", r#"{"files": [{}]}"#] {
            fs::write(dir.path().join("stock").join(MANIFEST), text).unwrap();
            let (loaded, wrong) = store(dir.path()).load(&wanted(), &["local"]);
            assert!(loaded.iter().all(Option::is_none));
            assert_eq!(wrong.len(), 1, "{text}");
        }
    }

    #[test]
    fn a_directory_that_cannot_be_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("stock"), "a file").unwrap();
        let (recording, mut store) = (recording("voice"), store(dir.path()));
        assert!(store.save(&[Kept { language: "en", text: "One.", recording: &recording }]).is_err());
        assert!(store.load(&wanted(), &[]).0.iter().all(Option::is_none));
    }
}
