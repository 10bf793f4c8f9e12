//! The accept loop.
//!
//! Our own, a page long, because the one of the HTTP framework has no deadline for request heads (a client that sends
//! a byte a second would hold its connection for ever) and none for the drain.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::task::TaskTracker;

use super::{Lifecycle, linger::Lingering, settings::ServerSettings};

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every stream ended by itself.
    Whole,
    /// The deadline came first: this many connections were cut.
    Cut {
        /// HTTP connections and WebSockets.
        connections: usize,
    },
}

/// Serves until the life ends, then lets running streams end within the drain deadline.
pub async fn serve(listener: TcpListener, app: Router, settings: &ServerSettings, lifecycle: &Lifecycle) -> Drained {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs_f64(settings.header_timeout));
    let connections = TaskTracker::new();
    let room = Arc::new(Semaphore::new(settings.max_connections));
    let mut stopped = None;
    loop {
        let accepted = tokio::select! {
            () = lifecycle.closing() => break,
            () = lifecycle.stopping(), if stopped.is_none() => {
                stopped = Some(Instant::now());
                continue;
            }
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                // Chunks of speech are small and each is wanted now.
                let _ = stream.set_nodelay(true);
                let service = TowerToHyperService::new(app.clone());
                let mut stream = TimeoutStream::new(Lingering::new(stream, lifecycle.clone()));
                stream.set_write_timeout(Some(Duration::from_secs_f64(settings.write_timeout)));
                let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service).with_upgrades();
                let lifecycle = lifecycle.clone();
                connections.spawn(async move {
                    let mut connection = pin!(connection);
                    // An error is a client that went away; what it cost is in the access log of its request.
                    tokio::select! {
                        _ = connection.as_mut() => {}
                        () = lifecycle.closing() => {
                            connection.as_mut().graceful_shutdown();
                            let _ = connection.await;
                        }
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, or the client gave up: neither ends the service, and the first passes.
                tracing::warn!(event = "accept_error", error = %error);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    let drain = async {
        connections.wait().await;
        // Only now: a connection that was just being upgraded has become a socket that is held.
        lifecycle.sockets_done().await;
    };
    // The deadline counts from the beginning of the drain, also for a service that went on listening.
    let deadline = stopped.unwrap_or_else(Instant::now) + Duration::from_secs_f64(settings.drain_timeout);
    match timeout_at(deadline.max(Instant::now() + LAST_WORDS), drain).await {
        Ok(()) => Drained::Whole,
        Err(_) => Drained::Cut { connections: connections.len() + lifecycle.open_sockets() },
    }
}

/// What a drain gets in any case: idle connections need a moment to close.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The next connection, when there is room for one.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    Ok((listener.accept().await?.0, place))
}
