//! The command line that every service has, and the life of its process.
//!
//! Exit codes: 0 done (after a signal: every stream ended whole), 1 failed (or streams were cut by the drain deadline),
//! 2 wrong usage or configuration.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    signal::unix::{SignalKind, signal},
};

use super::{BoxError, Lifecycle, Service, serve::Drained, settings::ServerSettings, shell::start, telemetry};
use crate::config::{Environment, load};

#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Configuration file (YAML)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service (the default)
    Serve,
    /// Check the configuration and print it with all defaults, as JSON
    CheckConfig {
        /// Configuration file (YAML)
        path: Option<PathBuf>,
    },
    /// Ask the running service whether it is ready; exit code 0 if it is
    Healthcheck,
}

/// `main` of a service.
pub fn main<S: Service>() -> ExitCode {
    let about =
        format!("{}\n\nReads {} when it is there; environment variables win over it.", S::ABOUT, S::CONFIG_FILE);
    let name = format!("evervoice-{}", S::NAME);
    let matches = Cli::command().name(name.clone()).bin_name(name).about(S::ABOUT).long_about(about).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let check_path = match &cli.command {
        Some(Command::CheckConfig { path }) => path.clone(),
        _ => None,
    };
    let settings = match settings::<S>(check_path.or(cli.config)) {
        Ok(settings) => settings,
        Err(error) => return fail(S::NAME, &error, 2),
    };
    let outcome = match cli.command {
        Some(Command::CheckConfig { .. }) => print_json(&settings),
        Some(Command::Healthcheck) => block_on(healthcheck(S::server(&settings))),
        Some(Command::Serve) | None => {
            telemetry::start(S::NAME, S::log(&settings)).and_then(|()| block_on(run::<S>(settings)))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(S::NAME, &error, 1),
    }
}

/// Reads the settings of a service: from `file`, else from its usual file when that is there, and the environment.
///
/// # Errors
/// Every mistake at once.
pub fn settings<S: Service>(file: Option<PathBuf>) -> Result<S::Settings, BoxError> {
    let usual = || Some(PathBuf::from(S::CONFIG_FILE)).filter(|file| may_be_there(file));
    Ok(load(file.or_else(usual).as_deref(), &Environment::of_process()?)?)
}

/// Whether to read a file that need not be there. One that cannot be looked for (a directory that this user may not enter) is not
/// left out silently: reading it tells what is wrong.
pub fn may_be_there(file: &std::path::Path) -> bool {
    !matches!(file.try_exists(), Ok(false))
}

/// Prints a resolved configuration.
///
/// # Errors
/// When stdout is closed.
pub fn print_json(settings: &impl serde::Serialize) -> Result<(), BoxError> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(settings)?)?;
    Ok(())
}

/// Runs a future on a new runtime.
///
/// # Errors
/// Those of the future, and of a system without threads.
pub fn block_on(work: impl Future<Output = Result<(), BoxError>>) -> Result<(), BoxError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Says why a process ends.
pub fn fail(name: &str, error: &BoxError, code: u8) -> ExitCode {
    let mut text = format!("{name}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("\n  because: {cause}"));
        source = cause.source();
    }
    eprintln!("{text}");
    ExitCode::from(code)
}

async fn run<S: Service>(settings: S::Settings) -> Result<(), BoxError> {
    let lifecycle = Lifecycle::new();
    raise_file_limit();
    stop_on_signals(&lifecycle)?;
    let running = start::<S>(settings, &lifecycle).await?;
    lifecycle.set_ready();
    tracing::info!(event = "service_ready", service = S::NAME, address = %running.address);
    end(S::NAME, running.done.await?)
}

/// Turns how a drain went into the end of the process.
///
/// # Errors
/// When streams were cut.
pub fn end(name: &str, drained: Drained) -> Result<(), BoxError> {
    match drained {
        Drained::Whole => {
            tracing::info!(event = "service_stopped", service = name, cut = 0);
            Ok(())
        }
        Drained::Cut { connections } => {
            tracing::error!(event = "service_stopped", service = name, cut = connections);
            Err(format!("{connections} connections were cut: they did not end before the drain deadline").into())
        }
    }
}

/// Lets the process open as many files as the system allows it. Many systems start a process with 1,024, which a
/// thousand streams (a connection in, a connection out) exceed.
pub fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(event = "file_limit_not_raised", error = %error);
    }
}

/// Ends a life on the first SIGTERM or SIGINT, and the process at once on the second.
///
/// # Errors
/// When the system refuses signal handlers.
pub fn stop_on_signals(lifecycle: &Lifecycle) -> Result<(), BoxError> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let lifecycle = lifecycle.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            if first {
                tracing::info!(event = "service_draining");
                lifecycle.stop();
            } else {
                std::process::exit(130);
            }
        }
    });
    Ok(())
}

/// Asks `/ready` of the service at this address, as a container's health check does.
///
/// # Errors
/// When it is not there, or not ready.
pub async fn healthcheck(server: &ServerSettings) -> Result<(), BoxError> {
    let mut address = server.address();
    // A service that listens everywhere is asked here.
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let status = tokio::time::timeout(Duration::from_secs(3), ready_status(address))
        .await
        .map_err(|_| format!("{address} does not answer"))??;
    if status.contains(" 200 ") { Ok(()) } else { Err(format!("{address} answers {status:?}").into()) }
}

/// The status line of `GET /ready`. Two lines of HTTP/1.1 do not need a client library.
async fn ready_status(address: SocketAddr) -> Result<String, BoxError> {
    let mut stream =
        TcpStream::connect(address).await.map_err(|error| format!("{address} cannot be reached: {error}"))?;
    let request = format!("GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(16_384).read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
