//! Whether a running emulator answers, as the health check of a container asks. There is no shell in such a container.

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for the whole answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the emulator that was started with `--listen address` for its state.
pub(crate) async fn ask(mut address: SocketAddr) -> Result<(), Error> {
    // Who listens everywhere is asked here.
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let answer = tokio::time::timeout(PATIENCE, answer(address)).await??;
    if answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"open_sockets\"") {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidData, format!("it said {:?}", answer.lines().next().unwrap_or_default())))
}

/// Two lines of HTTP/1.1 do not need a client.
async fn answer(address: SocketAddr) -> Result<String, Error> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /__emulator/state HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(16_384).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
