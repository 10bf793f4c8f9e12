//! `evervoice models` against a small server on this machine, mirrors on disk, and archives that mean harm.

mod archives;
mod command;
mod configured;
mod http;
mod mirror;
mod server;

use std::io::{Cursor, Write};
use std::path::Path;
use std::time::Duration;

use evervoice::models::Pull;
use evervoice::models::download::Policy;
use evervoice::models::progress::Progress;
use evervoice_models::{Kind, Model};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// An archive with these files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Bytes that do not compress, so that a download of them takes several pieces.
pub fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// The archive of a model as published ones are: everything in one directory.
pub fn model_zip() -> Vec<u8> {
    zip(&[
        ("vosk-tiny/am/final.mdl", noise(300_000).as_slice()),
        ("vosk-tiny/conf/model.conf", b"--min-active=200\n"),
        ("vosk-tiny/README", b"a model\n"),
    ])
}

/// The list's entry for `archive`, published at `base`.
pub fn entry(base: &str, archive: &[u8]) -> Model {
    Model {
        name: "tiny".into(),
        kind: Kind::Recognizer,
        language: "en-US".into(),
        url: format!("{base}/models/tiny.zip"),
        bytes: archive.len() as u64,
        sha256: Some(sum(archive)),
        licence: "MIT".into(),
        source: "made by this test".into(),
        note: String::new(),
    }
}

/// The lines of an entry in a list.
pub fn listed(model: &Model) -> String {
    let Model { name, kind, language, url, bytes, sha256, licence, source, .. } = model;
    let sha256 = sha256.as_deref().unwrap_or("null");
    format!(
        "  - name: {name}\n    kind: {kind}\n    language: {language}\n    url: {url}\n    bytes: {bytes}\n    \
         sha256: {sha256}\n    licence: {licence}\n    source: {source}\n"
    )
}

/// SHA-256 in hex.
pub fn sum(bytes: &[u8]) -> String {
    evervoice::models::archive::sha256(&mut &*bytes).unwrap()
}

/// Pulls with short waits.
pub fn pull(models_dir: &Path) -> Pull {
    Pull {
        models_dir: models_dir.to_owned(),
        mirror: None,
        force: false,
        accept_unverified: false,
        policy: Policy {
            silence: Duration::from_millis(300),
            first_wait: Duration::from_millis(5),
            longest_wait: Duration::from_millis(1500),
            retries: 2,
        },
    }
}

/// Nothing on the screen.
pub fn silent() -> Progress {
    Progress::new(true)
}

/// Fails unless `tiny` lies in `models_dir`, whole, and nothing but its lock lies beside it.
pub fn assert_installed(models_dir: &Path) {
    assert_eq!(names(models_dir), [".tiny.lock", "tiny"]);
    let model = models_dir.join("tiny");
    assert_eq!(std::fs::read(model.join("am/final.mdl")).unwrap(), noise(300_000));
    assert_eq!(std::fs::read(model.join("conf/model.conf")).unwrap(), b"--min-active=200\n");
    assert_eq!(names(&model), ["README", "am", "conf", "installed.json"]);
}

/// The names in a directory, hidden ones too.
pub fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
