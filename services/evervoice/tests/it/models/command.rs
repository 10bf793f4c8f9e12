//! The command as a user gives it, and the check of what is installed.

use clap::Parser;
use evervoice::models::{Command, ModelsError, run};
use evervoice_core::config::Environment;

use super::{entry, model_zip, pull, silent};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

async fn evervoice_models(arguments: &[&str]) -> Result<(), ModelsError> {
    let line = std::iter::once("models").chain(arguments.iter().copied());
    // No settings, and no variables but those of the command line.
    run(Line::try_parse_from(line).unwrap().command, "nowhere".as_ref(), &Environment::default()).await
}

#[tokio::test]
async fn an_unknown_name_offers_the_nearest() {
    let models = tempfile::tempdir().unwrap();
    let directory = models.path().to_str().unwrap();
    let error = evervoice_models(&["pull", "vosk-model-small-ru-0.2", "--models-dir", directory]).await.unwrap_err();
    assert!(error.to_string().contains("did you mean vosk-model-small-ru-0.22?"), "{error}");
}

#[tokio::test]
async fn a_list_of_ones_own_and_a_mirror_install_under_a_short_name() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let archive = model_zip();
    let model = entry("https://models.invalid", &archive);
    let list = format!("models:\n{}aliases:\n  t: tiny\n", super::listed(&model));
    std::fs::write(path("list.yml"), list).unwrap();
    std::fs::write(path("tiny.zip"), &archive).unwrap();
    let (list, models, mirror) = (path("list.yml"), path("models"), path("."));
    let place = ["--manifest", &list, "--models-dir", &models];

    evervoice_models(&[&["pull", "t", "--mirror", &mirror, "--quiet"], &place[..]].concat()).await.unwrap();
    super::assert_installed(models.as_ref());
    evervoice_models(&[&["list"], &place[..]].concat()).await.unwrap();
    evervoice_models(&[&["verify", "t"], &place[..]].concat()).await.unwrap();
    std::fs::write(format!("{models}/tiny/README"), "another text\n").unwrap();
    let error = evervoice_models(&[&["verify"], &place[..]].concat()).await.unwrap_err();
    assert!(matches!(&error, ModelsError::Damaged(files) if files.len() == 1), "{error}");
}

#[tokio::test]
async fn verify_tells_missing_and_changed_files() {
    let (models, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let archive = model_zip();
    std::fs::write(mirror.path().join("tiny.zip"), &archive).unwrap();
    let pull = evervoice::models::Pull { mirror: Some(mirror.path().display().to_string()), ..pull(models.path()) };
    let directory = pull.pull(&entry("http://127.0.0.1:9", &archive), &silent()).await.unwrap();
    let verify = || evervoice::models::install::verify(models.path(), Some("tiny"));
    assert_eq!(verify().unwrap(), [("tiny".to_owned(), 3)]);
    std::fs::remove_file(directory.join("README")).unwrap();
    std::fs::write(directory.join("am/final.mdl"), "cut").unwrap();
    let error = verify().unwrap_err();
    assert!(matches!(&error, ModelsError::Damaged(files) if files.len() == 2), "{error}");
    let missing = evervoice::models::install::verify(models.path(), Some("none")).unwrap_err();
    assert!(matches!(missing, ModelsError::NotInstalled(_)), "{missing}");
}
