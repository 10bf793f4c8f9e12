//! Downloads: whole, broken, slow, refused, and of the wrong thing.

use std::time::{Duration, Instant};

use evervoice::models::ModelsError;

use super::server::{Act, Server};
use super::{assert_installed, entry, model_zip, names, pull, silent};

#[tokio::test]
async fn a_whole_download_is_installed() {
    let models = tempfile::tempdir().unwrap();
    let archive = model_zip();
    let server = Server::start(archive.clone(), "\"1\"", vec![]);
    let model = entry(&server.base, &archive);
    let directory = pull(models.path()).pull(&model, &silent()).await.unwrap();
    assert_eq!(directory, models.path().join("tiny"));
    assert_installed(models.path());
    assert!(server.heads()[0].starts_with("get /models/tiny.zip http/1.1"));

    pull(models.path()).pull(&model, &silent()).await.unwrap();
    assert_eq!(server.heads().len(), 1, "what is installed is not downloaded again");
    let again = evervoice::models::Pull { force: true, ..pull(models.path()) };
    again.pull(&model, &silent()).await.unwrap();
    assert_eq!(server.heads().len(), 2, "unless it is forced");
    assert_installed(models.path());
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke_however_often_that_happens() {
    let models = tempfile::tempdir().unwrap();
    let archive = model_zip();
    // More breaks than there are retries: each brings something.
    let server = Server::start(archive.clone(), "\"1\"", vec![Act::HangUpAfter(50_000); 5]);
    pull(models.path()).pull(&entry(&server.base, &archive), &silent()).await.unwrap();
    assert_installed(models.path());
    let heads = server.heads();
    assert_eq!(heads.len(), 6);
    assert!(!heads[0].contains("range:"));
    assert!(heads[5].contains("range: bytes=250000-\r\n") && heads[5].contains("if-range: \"1\"\r\n"), "{}", heads[5]);
}

#[tokio::test]
async fn a_later_run_goes_on_and_a_changed_file_starts_again() {
    let models = tempfile::tempdir().unwrap();
    let archive = model_zip();
    let mut nothing_more = vec![Act::HangUpAfter(70_000)];
    nothing_more.extend(vec![Act::HangUpAfter(0); 6]);
    let server = Server::start(archive.clone(), "\"1\"", nothing_more);
    let error = pull(models.path()).pull(&entry(&server.base, &archive), &silent()).await.unwrap_err();
    let ModelsError::Network { file_name, command, .. } = &error else { panic!("{error}") };
    assert_eq!((file_name.as_str(), command.as_str()), ("tiny.zip", "evervoice models pull tiny"));
    assert!(error.to_string().contains("--mirror"), "{error}");
    let part = models.path().join(".tiny.zip.part");
    assert_eq!(std::fs::metadata(&part).unwrap().len(), 70_000);

    // The file was published anew under another tag: its beginning must not be glued to the old one's.
    std::fs::write(&part, vec![0; 70_000]).unwrap();
    let server = Server::start(archive.clone(), "\"2\"", vec![]);
    pull(models.path()).pull(&entry(&server.base, &archive), &silent()).await.unwrap();
    assert!(server.heads()[0].contains("if-range: \"1\""));
    assert_installed(models.path());
}

#[tokio::test]
async fn a_silent_server_is_left_and_asked_again() {
    let models = tempfile::tempdir().unwrap();
    let archive = model_zip();
    let server = Server::start(archive.clone(), "\"1\"", vec![Act::FallSilentAfter(1000)]);
    pull(models.path()).pull(&entry(&server.base, &archive), &silent()).await.unwrap();
    assert_installed(models.path());
    assert!(server.heads()[1].contains("range: bytes=1000-"));
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let models = tempfile::tempdir().unwrap();
    let archive = model_zip();
    let busy = Act::Refuse("503 Service Unavailable", "Retry-After: 1\r\n");
    let server = Server::start(archive.clone(), "\"1\"", vec![busy]);
    let start = Instant::now();
    pull(models.path()).pull(&entry(&server.base, &archive), &silent()).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_installed(models.path());
}

#[tokio::test]
async fn a_server_that_asks_for_hours_is_not_asked_again() {
    let models = tempfile::tempdir().unwrap();
    let archive = model_zip();
    let busy = Act::Refuse("429 Too Many Requests", "Retry-After: 7200\r\n");
    let server = Server::start(archive.clone(), "\"1\"", vec![busy]);
    let error = pull(models.path()).pull(&entry(&server.base, &archive), &silent()).await.unwrap_err();
    assert!(matches!(error, ModelsError::Network { .. }), "{error}");
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn a_missing_file_is_told_at_once() {
    let models = tempfile::tempdir().unwrap();
    let archive = model_zip();
    let server = Server::start(archive.clone(), "\"1\"", vec![Act::Refuse("404 Not Found", "")]);
    let error = pull(models.path()).pull(&entry(&server.base, &archive), &silent()).await.unwrap_err();
    assert!(matches!(error, ModelsError::Refused { .. }), "{error}");
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn an_unplugged_network_is_told_at_once_with_the_way_round_it() {
    let models = tempfile::tempdir().unwrap();
    let archive = model_zip();
    let mut patient = pull(models.path());
    patient.policy.first_wait = Duration::from_secs(30);
    patient.policy.longest_wait = Duration::from_secs(30);
    let start = Instant::now();
    let error = patient.pull(&entry("http://127.0.0.1:9", &archive), &silent()).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(error.to_string().contains("evervoice models pull tiny --mirror"), "{error}");
}

#[tokio::test]
async fn a_wrong_checksum_shows_both_sums_and_leaves_nothing() {
    let models = tempfile::tempdir().unwrap();
    let (published, mut other) = (model_zip(), model_zip());
    other[1000] ^= 1;
    let server = Server::start(other.clone(), "\"1\"", vec![]);
    let error = pull(models.path()).pull(&entry(&server.base, &published), &silent()).await.unwrap_err();
    assert!(matches!(error, ModelsError::Checksum { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&super::sum(&published)) && text.contains(&super::sum(&other)), "{text}");
    assert_eq!(names(models.path()), [".tiny.lock"]);
}

#[tokio::test]
async fn another_size_is_another_file() {
    for act in [Act::SignInPage, Act::TooMuch] {
        let models = tempfile::tempdir().unwrap();
        let archive = model_zip();
        let server = Server::start(archive.clone(), "\"1\"", vec![act]);
        let error = pull(models.path()).pull(&entry(&server.base, &archive), &silent()).await.unwrap_err();
        assert!(matches!(error, ModelsError::WrongSize { .. }), "{error}");
        assert_eq!(names(models.path()), [".tiny.lock"]);
    }
}

#[tokio::test]
async fn without_a_published_sum_consent_is_needed() {
    let models = tempfile::tempdir().unwrap();
    let archive = model_zip();
    let server = Server::start(archive.clone(), "\"1\"", vec![]);
    let model = evervoice_models::Model { sha256: None, ..entry(&server.base, &archive) };
    let error = pull(models.path()).pull(&model, &silent()).await.unwrap_err();
    assert!(error.to_string().contains("--accept-unverified"), "{error}");
    assert_eq!(server.heads().len(), 0);
    let accepted = evervoice::models::Pull { accept_unverified: true, ..pull(models.path()) };
    accepted.pull(&model, &silent()).await.unwrap();
    assert_installed(models.path());
    let marker = evervoice::models::install::marker(&models.path().join("tiny")).unwrap();
    assert!(!marker.verified);
    assert_eq!(marker.archive_sha256, super::sum(&archive));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_pulls_at_once_take_turns() {
    let models = tempfile::tempdir().unwrap();
    let archive = model_zip();
    let server = Server::start(archive.clone(), "\"1\"", vec![Act::FallSilentAfter(1000)]);
    let model = entry(&server.base, &archive);
    let one = || {
        let (pull, model) = (pull(models.path()), model.clone());
        tokio::spawn(async move { pull.pull(&model, &silent()).await.map_err(|error| error.to_string()) })
    };
    let (first, second) = (one(), one());
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_installed(models.path());
    assert_eq!(server.heads().len(), 2, "the second pull found the model of the first");
}
