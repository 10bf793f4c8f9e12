//! `models pull --configured`: what the settings name is there afterwards, and a start that finds it there needs no network.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use clap::Parser;
use evervoice::models::{Command, ModelsError, run};
use evervoice_core::config::Environment;
use evervoice_models::{Kind, Model};
use tempfile::TempDir;

use super::server::{Act, Server};
use super::{assert_installed, entry, listed, model_zip, names, zip};
use crate::process::{evervoice, terminate};

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// A place for models, with a list of two: `tiny`, also called `t`, and the voice `vera`, also called `v`.
struct Scene {
    place: TempDir,
}

impl Scene {
    /// The list says that `tiny` is at `tiny_base`, and `vera` at `vera_base`.
    fn new(tiny_base: &str, vera_base: &str) -> Self {
        let vera = voice_zip();
        let models = [
            entry(tiny_base, &model_zip()),
            Model { name: "vera".into(), kind: Kind::Voice, ..entry(vera_base, &vera) },
            Model { name: "unproven".into(), sha256: None, ..entry(tiny_base, &model_zip()) },
        ];
        let list = models.iter().map(listed).collect::<String>();
        let scene = Self { place: tempfile::tempdir().unwrap() };
        std::fs::write(scene.path("list.yml"), format!("models:\n{list}aliases:\n  t: tiny\n  v: vera\n")).unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// `models pull --configured` with these variables and the list of the scene; the settings are in `configs`.
    async fn pull(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<(), ModelsError> {
        let list = self.text("list.yml");
        let environment: Environment = [("MODELS_MANIFEST", list.as_str())].iter().chain(variables).copied().collect();
        let line = ["models", "pull", "--configured"].iter().chain(arguments).copied();
        run(Line::try_parse_from(line).unwrap().command, &self.path("configs"), &environment).await
    }
}

fn voice_zip() -> Vec<u8> {
    zip(&[("vera/voice.json", b"{}".as_slice()), ("vera/net.onnx", b"net")])
}

#[tokio::test]
async fn what_the_settings_name_is_there_afterwards_and_is_not_asked_for_again() {
    let tiny = Server::start(model_zip(), "\"1\"", vec![]);
    let vera = Server::start(voice_zip(), "\"1\"", vec![]);
    let scene = Scene::new(&tiny.base, &vera.base);
    std::fs::create_dir(scene.path("configs")).unwrap();
    std::fs::write(scene.path("configs/tts_config.yml"), "local: {voices: [v]}\n").unwrap();
    let (recognizers, voices) = (scene.text("recognizers"), scene.text("voices"));
    let arguments = ["--recognizers-dir", &recognizers, "--voices-dir", &voices];

    for _ in 0..3 {
        scene.pull(&arguments, &[("ASR_MODEL_SIZE", "t"), ("MODELS_DIR", "/elsewhere")]).await.unwrap();
        assert_installed(recognizers.as_ref());
        assert_eq!(names(&scene.path("voices")), [".vera.lock", "vera"]);
        assert_eq!((tiny.heads().len(), vera.heads().len()), (1, 1));
    }
    // Not even the list counts for what is there: another sum there is no reason to ask for it.
    let list = std::fs::read_to_string(scene.path("list.yml")).unwrap();
    std::fs::write(scene.path("list.yml"), list.replace(&super::sum(&model_zip()), &"0".repeat(64))).unwrap();
    std::fs::remove_file(scene.path("recognizers/.tiny.lock")).unwrap();
    scene.pull(&arguments, &[("ASR_MODEL_SIZE", "t")]).await.unwrap();
    assert_eq!(names(&scene.path("recognizers")), ["tiny"], "nothing is written");
    assert_eq!(tiny.heads().len(), 1);
}

#[tokio::test]
async fn without_directories_of_its_own_it_pulls_to_where_the_services_look() {
    let tiny = Server::start(model_zip(), "\"1\"", vec![]);
    let vera = Server::start(voice_zip(), "\"1\"", vec![]);
    let scene = Scene::new(&tiny.base, &vera.base);
    let models = scene.text("models");
    let variables = [("ASR_MODEL_SIZE", "tiny"), ("TTS_VOICES", "[\"vera\"]"), ("MODELS_DIR", models.as_str())];
    scene.pull(&[], &variables).await.unwrap();
    assert_eq!(names(models.as_ref()), [".tiny.lock", ".vera.lock", "tiny", "vera"]);

    let other = scene.text("other");
    scene.pull(&["--models-dir", &other], &variables).await.unwrap();
    assert_eq!(names(other.as_ref()), names(models.as_ref()));
}

#[tokio::test]
async fn what_needs_no_download_is_left_alone() {
    let scene = Scene::new("http://127.0.0.1:9", "http://127.0.0.1:9");
    let models = scene.text("models");
    scene.pull(&["--models-dir", &models], &[]).await.unwrap();
    assert!(!Path::new(&models).exists(), "for the built-in models nothing is made");

    std::fs::create_dir_all(scene.path("models/by-hand")).unwrap();
    let own = scene.text("models/by-hand");
    let variables = [("ASR_MODEL_SIZE", "by-hand"), ("TTS_VOICES", &format!("[\"{own}\"]"))];
    scene.pull(&["--models-dir", &models], &variables).await.unwrap();
    assert_eq!(names(models.as_ref()), ["by-hand"]);
}

#[tokio::test]
async fn all_mistakes_are_told_at_once_and_before_any_download() {
    let tiny = Server::start(model_zip(), "\"1\"", vec![]);
    let scene = Scene::new(&tiny.base, &tiny.base);
    let models = scene.text("models");
    let variables = [
        ("ASR_MODEL_SIZE", "tiny"),
        ("TTS_VOICES", r#"["vear", "t", "unproven", "./nowhere"]"#),
        ("MODELS_DIR", models.as_str()),
    ];
    let error = scene.pull(&[], &variables).await.unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(matches!(&error, ModelsError::Configured(failures) if failures.len() == 4), "{error}");
    let text = error.to_string();
    for part in [
        "tts: local.voices: there is no model \"vear\"; did you mean vera?",
        "tiny is a recognizer, and a voice is needed",
        "unproven is a recognizer",
        "there is no model directory ./nowhere",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let error = scene.pull(&[], &[("ASR_MODEL_SIZE", "unproven"), ("MODELS_DIR", models.as_str())]).await.unwrap_err();
    assert!(error.to_string().contains("asr: model.name: unproven: no published SHA-256"), "{error}");
    assert_eq!(tiny.heads().len(), 0);

    let error = scene.pull(&[], &[("ASR_PORT", "x"), ("TTS_PORT", "y")]).await.unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("ASR_PORT") && error.to_string().contains("TTS_PORT"), "{error}");
}

#[tokio::test]
async fn one_that_cannot_be_had_does_not_keep_the_others_away() {
    let vera = Server::start(voice_zip(), "\"1\"", vec![]);
    let scene = Scene::new("http://127.0.0.1:9", &vera.base);
    let models = scene.text("models");
    let variables = [("ASR_MODEL_SIZE", "tiny"), ("TTS_VOICES", "[\"vera\"]"), ("MODELS_DIR", models.as_str())];
    let error = scene.pull(&[], &variables).await.unwrap_err();
    assert!(matches!(&error, ModelsError::Configured(failures) if failures.len() == 1), "{error}");
    assert!(error.to_string().contains("asr: model.name: cannot download"), "{error}");
    assert!(scene.path("models/vera/voice.json").exists());
}

#[test]
fn a_name_or_configured_and_not_both() {
    for wrong in [
        &["models", "pull"][..],
        &["models", "pull", "tiny", "--configured"],
        &["models", "pull", "tiny", "--voices-dir", "x"],
        &["models", "pull", "--recognizers-dir", "x"],
        &["models", "pull", "--configured", "--force"],
    ] {
        assert!(Line::try_parse_from(wrong).is_err(), "{wrong:?}");
    }
}

/// How a process ends that was told to. One that does not is killed, and the test fails.
fn exit_code(child: &mut Child) -> Option<i32> {
    for _ in 0..6000 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    None
}

/// As a container without a terminal, a home or a place for temporary files runs it, and stops it.
#[test]
fn a_signal_stops_it_at_once_and_the_next_start_goes_on() {
    // Each answer brings a little and falls silent: no machine is so slow that the download ends before the signal.
    let slow = Server::start(model_zip(), "\"1\"", vec![Act::FallSilentAfter(1000); 1000]);
    let scene = Scene::new(&slow.base, &slow.base);
    let pull = || {
        let mut command = evervoice(scene.place.path());
        command.args(["models", "pull", "--configured", "--models-dir", "models"]);
        command.envs([("ASR_MODEL_SIZE", "t"), ("MODELS_MANIFEST", "list.yml"), ("TMPDIR", "/nowhere")]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let part = scene.path("models/.tiny.zip.part");
    let mut child = pull().spawn().unwrap();
    while std::fs::metadata(&part).map_or(0, |metadata| metadata.len()) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    terminate(&child);
    assert_eq!(exit_code(&mut child), Some(143));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("what has arrived is kept"), "{said}");
    assert!(!scene.path("models/tiny").exists() && part.exists());

    let quick = Server::start(model_zip(), "\"1\"", vec![]);
    let list = std::fs::read_to_string(scene.path("list.yml")).unwrap();
    std::fs::write(scene.path("list.yml"), list.replace(&slow.base, &quick.base)).unwrap();
    let output = pull().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(quick.heads()[0].contains("range: bytes="), "{}", quick.heads()[0]);
    assert!(said.contains("\n100 %  ") && !said.contains(['\r', '\x1b']), "plain lines: {said:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "models/tiny\n");
    assert_installed(&scene.path("models"));
}

/// As in `models list | head -1`.
#[test]
fn a_reader_who_leaves_is_no_reason_to_panic() {
    let place = tempfile::tempdir().unwrap();
    let mut command = evervoice(place.path());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.args(["models", "list"]).stdout(writer).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("standard output: Broken pipe") && !said.contains("panicked"), "{said}");
}

/// A pull that waits for the lock of another one sits in a blocking call, and so does one that unpacks.
#[test]
fn a_signal_stops_it_also_while_it_waits_for_another_pull() {
    let scene = Scene::new("http://127.0.0.1:9", "http://127.0.0.1:9");
    std::fs::create_dir(scene.path("models")).unwrap();
    let lock = std::fs::File::create(scene.path("models/.tiny.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = evervoice(scene.place.path());
    command.args(["models", "pull", "tiny", "--models-dir", "models", "--manifest", "list.yml"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = Vec::new();
    let mut stderr = child.stderr.take().unwrap();
    while !said.ends_with(b"waiting\n") {
        let mut one = [0];
        assert_eq!(stderr.read(&mut one).unwrap(), 1, "{}", String::from_utf8_lossy(&said));
        said.extend(one);
    }
    terminate(&child);
    assert_eq!(exit_code(&mut child), Some(143));
}
