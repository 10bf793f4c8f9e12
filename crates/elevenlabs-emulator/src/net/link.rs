//! One TCP connection, with the means to treat it badly.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A hand on a connection besides its stream: it ends the connection in ways that no protocol has.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: u64,
    tcp: TcpStream,
    reset: AtomicBool,
    hung_up: AtomicBool,
    waker: AtomicWaker,
}

impl Link {
    pub(crate) fn new(id: u64, tcp: TcpStream) -> Arc<Self> {
        Arc::new(Self {
            id,
            tcp,
            reset: AtomicBool::new(false),
            hung_up: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        })
    }

    /// Every use of the stream fails from now on; when all have let go of it the far end gets a TCP reset.
    pub(crate) fn reset(&self) {
        // A close with a linger time of 0 is a reset. If the system refuses, the far end sees an ordinary close.
        let _ = rustix::net::sockopt::set_socket_linger(&self.tcp, Some(Duration::ZERO));
        self.reset.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// The stream reads as ended, so that whoever reads it closes it.
    pub(crate) fn hang_up(&self) {
        self.hung_up.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(super) fn alive(&self) -> io::Result<()> {
        if self.reset.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    pub(super) fn poll_read(&self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.waker.register(context.waker());
        self.alive()?;
        if self.hung_up.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(self.tcp.poll_read_ready(context))?;
            match self.tcp.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    pub(super) fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.alive()?;
        loop {
            ready!(self.tcp.poll_write_ready(context))?;
            match self.tcp.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    pub(super) fn shutdown(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(&self.tcp, rustix::net::Shutdown::Write)?)
    }
}

/// The stream of a connection without a simulated round trip.
#[derive(Debug)]
pub(crate) struct Direct(pub(crate) Arc<Link>);

impl AsyncRead for Direct {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read(context, buffer)
    }
}

impl AsyncWrite for Direct {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.alive())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.shutdown())
    }
}
