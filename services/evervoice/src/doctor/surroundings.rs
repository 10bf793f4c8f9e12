//! What the services need around them: ports, directories, room on disk.

use std::{
    io::ErrorKind,
    net::TcpListener,
    path::{Path, PathBuf},
};

use evervoice_core::service::{cli, settings::ServerSettings};
use rustix::fs::{Access, access, statvfs};

use super::report::Line;
use crate::house::HouseSettings;

/// Less room is too little for a day of logs, in bytes.
const FULL: u64 = 50 << 20;
/// Less room is worth a look, in bytes: a large model does not fit.
const NEARLY_FULL: u64 = 500 << 20;

/// Whether the three services find their ports, or are there already.
pub async fn ports(settings: &HouseSettings) -> Vec<Line> {
    let mut lines = Vec::new();
    for (name, variable, server) in [
        ("gateway", "GATEWAY_PORT", &settings.gateway.server),
        ("asr", "ASR_PORT", &settings.asr.server),
        ("tts", "TTS_PORT", &settings.tts.server),
    ] {
        lines.push(port(&format!("port of {name}"), variable, server).await);
    }
    lines
}

async fn port(part: &str, variable: &str, server: &ServerSettings) -> Line {
    let address = server.address();
    let Err(error) = TcpListener::bind(address) else {
        return Line::ok(part, format!("{address} is free"));
    };
    if error.kind() != ErrorKind::AddrInUse {
        let mend = format!("set BIND_ADDRESS or {variable} to what this machine has and allows");
        return Line::broken(part, format!("{address} cannot be had: {error}"), mend);
    }
    match cli::healthcheck(server).await {
        Ok(()) => Line::ok(part, format!("{address} is in use by a service that is ready")),
        Err(error) => {
            let mend = format!("stop the program that listens there, or set {variable}");
            Line::broken(part, format!("{address} is taken, and not by a service that is ready: {error}"), mend)
        }
    }
}

/// What a service does in a directory.
#[derive(Debug, Clone, Copy)]
enum Use {
    /// It writes what must be kept.
    Keeps,
    /// It reads what there is; without the right to write, this is lost.
    Reads { lost: &'static str },
}

const NO_DOWNLOADS: Use = Use::Reads { lost: "`models pull` has no place to put a model" };
const NO_STOCK: Use = Use::Reads { lost: "the stock is rendered anew at each start" };

/// Whether the directories can be used, and have room.
pub fn directories(settings: &HouseSettings) -> Vec<Line> {
    let models = &settings.tts.local.models_dir;
    let recogniser = Some(&settings.asr.model.dir).filter(|directory| *directory != models);
    let stock = settings.tts.stock.dir.as_ref().filter(|_| settings.tts.stock.enabled);
    let log = settings.gateway.log.dir.as_ref();
    let places = [
        ("models", Some(models), "MODELS_DIR", NO_DOWNLOADS),
        ("recogniser's models", recogniser, "model.dir in asr.yml", NO_DOWNLOADS),
        ("stock", stock, "TTS_STOCK_DIR", NO_STOCK),
        ("log", log, "LOG_DIR", Use::Keeps),
    ];
    let lines =
        places.into_iter().filter_map(|(name, path, variable, used)| Some(directory(name, path?, variable, used)));
    lines.collect()
}

fn directory(name: &str, path: &Path, variable: &str, used: Use) -> Line {
    let (part, shown) = (format!("{name} directory"), path.display());
    // What is not there yet is made when it is needed.
    let there = nearest(path);
    if !there.is_dir() {
        return Line::broken(part, format!("{} is no directory", there.display()), format!("set {variable}"));
    }
    if let Err(error) = access(&there, Access::READ_OK | Access::EXEC_OK) {
        let mend = format!("give this user the right to read there, or set {variable}");
        return Line::broken(part, format!("{shown} cannot be read: {error}"), mend);
    }
    let free = match access(&there, Access::WRITE_OK).and_then(|()| statvfs(&there)) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => return unwritable(part, &format!("{shown} cannot be written: {error}"), variable, used),
    };
    let room = format!("{shown}: {:.1} GiB free", free as f64 / f64::from(1 << 30));
    match free {
        0..FULL => Line::broken(part, format!("{room}, the disk is full"), "make room"),
        FULL..NEARLY_FULL => Line::warning(part, format!("{room}, the disk is nearly full"), "make room"),
        _ => Line::ok(part, room),
    }
}

fn unwritable(part: String, wrong: &str, variable: &str, used: Use) -> Line {
    let mend = format!("give this user the right to write there, or set {variable}");
    match used {
        Use::Keeps => Line::broken(part, wrong, mend),
        Use::Reads { lost } => Line::warning(part, format!("{wrong}; {lost}"), mend),
    }
}

/// The path, or the nearest above it that exists.
fn nearest(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.ancestors().find(|path| path.exists()).unwrap_or(&path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::report::State;

    #[tokio::test]
    async fn a_port_is_free_or_taken_by_a_stranger() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        // A program that hangs up at once.
        taken.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(taken).unwrap();
        let mut server = ServerSettings::on_port(listener.local_addr().unwrap().port());
        let stranger = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        let line = port("port of tts", "TTS_PORT", &server).await;
        assert_eq!(line.state, State::Broken);
        assert!(line.findings[0].mend.contains("TTS_PORT"), "{line:?}");
        stranger.abort();
        server.port = 0;
        assert_eq!(port("port of tts", "TTS_PORT", &server).await.state, State::Ok);
    }

    #[test]
    fn a_directory_may_be_missing_but_not_impossible() {
        let directory_there = tempfile::tempdir().unwrap();
        let line = directory("stock", &directory_there.path().join("not/yet"), "TTS_STOCK_DIR", NO_STOCK);
        assert_ne!(line.state, State::Broken, "{line:?}");
        let file = directory_there.path().join("file");
        std::fs::write(&file, "x").unwrap();
        for path in [file.clone(), file.join("below")] {
            let line = directory("stock", &path, "TTS_STOCK_DIR", NO_STOCK);
            assert_eq!(line.state, State::Broken, "{line:?}");
            assert!(line.findings[0].mend.contains("TTS_STOCK_DIR"), "{line:?}");
        }
    }
    #[test]
    fn what_is_only_read_need_not_be_writable() {
        let line = |used| unwritable("models directory".to_owned(), "models cannot be written", "MODELS_DIR", used);
        let models = line(NO_DOWNLOADS);
        assert_eq!((models.state, line(NO_STOCK).state), (State::Warning, State::Warning));
        assert!(models.findings[0].wrong.contains("models pull") && models.findings[0].mend.contains("MODELS_DIR"));
        assert_eq!(line(Use::Keeps).state, State::Broken);
    }
}
