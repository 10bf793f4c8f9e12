//! Archives that mean harm, and that are damaged although their sum is right.

use std::io::{Cursor, Write};
use std::path::Path;

use evervoice::models::archive::ArchiveError;
use evervoice::models::{ModelsError, Pull};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{entry, model_zip, names, noise, pull, silent, zip};

/// Installs `archive` from a mirror directory inside `place`, so that `../` would leave traces there.
async fn install(place: &Path, archive: &[u8]) -> Result<(), ModelsError> {
    let (models, mirror) = (place.join("models"), place.join("mirror"));
    std::fs::create_dir_all(&mirror).unwrap();
    std::fs::write(mirror.join("tiny.zip"), archive).unwrap();
    let pull = Pull { mirror: Some(mirror.display().to_string()), ..pull(&models) };
    pull.pull(&entry("http://127.0.0.1:9", archive), &silent()).await.map(|_| ())
}

/// Installs and expects the archive to be refused without a trace.
async fn refused(archive: &[u8]) -> ArchiveError {
    let place = tempfile::tempdir().unwrap();
    let error = install(place.path(), archive).await.unwrap_err();
    assert_eq!(names(place.path()), ["mirror", "models"]);
    assert_eq!(names(&place.path().join("models")), [".tiny.lock"]);
    let ModelsError::Archive { source, .. } = error else { panic!("{error}") };
    source
}

#[tokio::test]
async fn an_entry_outside_the_directory_is_refused() {
    for name in ["../evil", "m/../../evil", "/etc/evervoice-evil", "m/..\\..\\evil"] {
        let archive = zip(&[("m/am/final.mdl", b"model".as_slice()), (name, b"evil")]);
        let error = refused(&archive).await;
        assert!(matches!(error, ArchiveError::UnsafeEntry(_)), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_link_is_refused() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("m/am/final.mdl", SimpleFileOptions::default()).unwrap();
    writer.write_all(b"model").unwrap();
    writer.add_symlink("m/passwords", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let archive = writer.finish().unwrap().into_inner();
    let error = refused(&archive).await;
    assert!(matches!(error, ArchiveError::UnsafeEntry(_)), "{error}");
}

#[tokio::test]
async fn a_bomb_is_refused_before_it_is_unpacked() {
    let archive = zip(&[("m/am/final.mdl", vec![0; 4 << 20].as_slice())]);
    assert!(archive.len() < 10_000);
    let error = refused(&archive).await;
    assert!(matches!(error, ArchiveError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_cut_archive_is_damaged() {
    let archive = model_zip();
    for length in [10, archive.len() / 2, archive.len() - 1] {
        let error = refused(&archive[..length]).await;
        assert!(matches!(error, ArchiveError::Damaged(_)), "{length}: {error}");
    }
}

#[tokio::test]
async fn a_changed_byte_inside_is_found_by_the_archives_own_checksum() {
    let mut archive = zip(&[("m/am/final.mdl", noise(5000).as_slice())]);
    archive[2000] ^= 1;
    let error = refused(&archive).await;
    assert!(matches!(error, ArchiveError::Damaged(_)), "{error}");
}

#[tokio::test]
async fn something_else_than_a_model_is_not_installed() {
    let place = tempfile::tempdir().unwrap();
    let archive = zip(&[("pictures/cat.png", b"png".as_slice())]);
    let error = install(place.path(), &archive).await.unwrap_err();
    assert!(matches!(error, ModelsError::NotAModel { .. }), "{error}");
    assert_eq!(names(&place.path().join("models")), [".tiny.lock"]);
}

#[tokio::test]
async fn an_archive_without_a_top_directory_is_unpacked_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    install(place.path(), &zip(&[("am/final.mdl", b"model".as_slice()), ("README", b"")])).await.unwrap();
    assert_eq!(names(&place.path().join("models/tiny")), ["README", "am", "installed.json"]);
}

#[tokio::test]
async fn what_an_interrupted_pull_left_does_not_matter_and_a_strangers_directory_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let models = place.path().join("models");
    for left in [".tiny.new/am", ".tiny.old/am"] {
        std::fs::create_dir_all(models.join(left)).unwrap();
    }
    install(place.path(), &model_zip()).await.unwrap();
    super::assert_installed(&models);

    std::fs::remove_file(models.join("tiny/installed.json")).unwrap();
    let error = install(place.path(), &model_zip()).await.unwrap_err();
    assert!(matches!(error, ModelsError::InTheWay(_)), "{error}");
    assert!(models.join("tiny/am/final.mdl").exists());
}
