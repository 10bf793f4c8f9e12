//! Voices on disk.

use std::{error::Error, path::Path};

use evervoice_voice::load_directory;

use crate::silero_graph;

fn shipped() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../voices/en-us-slt"))
}

#[test]
fn the_shipped_voice_loads_from_its_directory() {
    let voice = load_directory(shipped()).unwrap();
    assert_eq!((voice.names(), voice.sample_rate()), (vec!["en-us-slt-distilled".to_owned()], 16_000));
}

#[test]
fn a_package_that_is_not_whole_says_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let error = |directory: &Path| load_directory(directory).err().unwrap();
    assert!(error(directory.path()).to_string().contains("voice.json"));

    std::fs::copy(shipped().join("voice.json"), directory.path().join("voice.json")).unwrap();
    assert!(error(directory.path()).to_string().contains("encoder.onnx"));

    for name in ["encoder.onnx", "decoder.onnx", "overrides.json"] {
        std::fs::copy(shipped().join(name), directory.path().join(name)).unwrap();
    }
    std::fs::write(directory.path().join("encoder.onnx"), b"not a graph").unwrap();
    let broken = error(directory.path());
    assert!(broken.to_string().contains("encoder.onnx"), "{broken}");
    assert!(broken.source().is_some());

    let manifest = std::fs::read_to_string(shipped().join("voice.json")).unwrap();
    for (from, to, expected) in [
        ("\"statvoice-1\"", "\"statvoice-9\"", "statvoice-1 and silero-1"),
        ("\"hop\": 80", "\"hop\": 160", "hop is 160"),
        ("\"hop\": 80", "\"hop\": \"x\"", "invalid type"),
    ] {
        std::fs::write(directory.path().join("voice.json"), manifest.replace(from, to)).unwrap();
        let text = error(directory.path()).to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_silero_package_is_checked_before_it_speaks() {
    let directory = tempfile::tempdir().unwrap();
    silero_graph::write(directory.path());
    let file = directory.path().join("voice.json");
    let manifest = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, manifest.replace("\"default_speaker\":\"anna\"", "\"default_speaker\":\"zoe\"")).unwrap();
    assert!(load_directory(directory.path()).err().unwrap().to_string().contains("zoe"));
    std::fs::write(&file, manifest.replace("48000", "480")).unwrap();
    assert!(load_directory(directory.path()).err().unwrap().to_string().contains("480 Hz"));
}
