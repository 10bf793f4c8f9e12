//! Archives from a directory or from another server.

use evervoice::models::{ModelsError, Pull};

use super::server::Server;
use super::{assert_installed, entry, model_zip, names, pull, silent};

/// An address where nothing listens: a test that used it would fail.
const NOWHERE: &str = "http://127.0.0.1:9";

#[tokio::test]
async fn a_directory_needs_no_network_and_keeps_its_file() {
    let (models, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let archive = model_zip();
    std::fs::write(mirror.path().join("tiny.zip"), &archive).unwrap();
    let pull = Pull { mirror: Some(mirror.path().display().to_string()), ..pull(models.path()) };
    pull.pull(&entry(NOWHERE, &archive), &silent()).await.unwrap();
    assert_installed(models.path());
    assert_eq!(names(mirror.path()), ["tiny.zip"]);
}

#[tokio::test]
async fn a_url_is_the_beginning_of_the_address() {
    let models = tempfile::tempdir().unwrap();
    let archive = model_zip();
    let server = Server::start(archive.clone(), "\"1\"", vec![]);
    let pull = Pull { mirror: Some(format!("{}/copies/", server.base)), ..pull(models.path()) };
    pull.pull(&entry(NOWHERE, &archive), &silent()).await.unwrap();
    assert_installed(models.path());
    assert!(server.heads()[0].starts_with("get /copies/tiny.zip "), "{}", server.heads()[0]);
}

#[tokio::test]
async fn a_mirror_is_not_trusted_more_than_the_network() {
    let (models, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let archive = model_zip();
    let model = entry(NOWHERE, &archive);
    let pull = Pull { mirror: Some(mirror.path().display().to_string()), ..pull(models.path()) };
    let file = mirror.path().join("tiny.zip");

    let error = pull.pull(&model, &silent()).await.unwrap_err();
    assert!(matches!(error, ModelsError::NotInMirror(_)), "{error}");
    std::fs::write(&file, &archive[..archive.len() - 1]).unwrap();
    let error = pull.pull(&model, &silent()).await.unwrap_err();
    assert!(matches!(error, ModelsError::WrongSize { .. }), "{error}");
    let mut other = archive.clone();
    other[1000] ^= 1;
    std::fs::write(&file, &other).unwrap();
    let error = pull.pull(&model, &silent()).await.unwrap_err();
    assert!(matches!(error, ModelsError::Checksum { .. }), "{error}");
    assert!(file.exists(), "a mirror's file is never removed");
    assert_eq!(names(models.path()), [".tiny.lock"]);
}
