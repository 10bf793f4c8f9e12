//! Sockets: listening, TLS, the simulated network.

mod delayed;
mod link;
mod tls;

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::http;
use crate::log::Event;
use crate::state::State;

pub(crate) use link::Link;
pub(crate) use tls::Tls;

/// The bytes of a connection, whatever is below.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Accepts connections until the emulator stops.
pub(crate) async fn serve(state: Arc<State>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = state.shutdown.cancelled() => return,
        };
        match accepted {
            Ok((tcp, _)) => {
                let connection = connection(state.clone(), tcp, tls.clone());
                let shutdown = state.shutdown.clone();
                state.tasks.spawn(async move { shutdown.run_until_cancelled(connection).await });
            }
            // Out of file descriptors, most likely: some will be free again.
            Err(_) => state.real.sleep(std::time::Duration::from_millis(20)).await,
        }
    }
}

async fn connection(state: Arc<State>, tcp: TcpStream, tls: Option<TlsAcceptor>) {
    // Small frames must not wait for the acknowledgement of others. If it cannot be set they merely come later.
    let _ = tcp.set_nodelay(true);
    let link = Link::new(state.connection_id(), tcp);
    state.log.add(link.id, Event::Connect { tls: tls.is_some() });
    let rtt = state.config.rtt;
    let plain: Box<dyn Stream> = if rtt.is_zero() {
        Box::new(link::Direct(link.clone()))
    } else {
        Box::new(delayed::Delayed::new(link.clone(), state.real.clone(), rtt))
    };
    let stream: Box<dyn Stream> = match tls {
        None => plain,
        Some(tls) => match tls.accept(plain).await {
            Ok(stream) => Box::new(stream),
            // A client that does not trust the certificate says so and leaves.
            Err(_) => return,
        },
    };
    let service = service_fn(move |request| http::answer(state.clone(), link.clone(), request));
    // An error here is a client that left, or a fault that was asked for.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}
