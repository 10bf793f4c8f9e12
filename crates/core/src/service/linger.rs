//! Connections that end while the service stops.
//!
//! What has been written to a connection may still be in the kernel, on its way to a client that takes its time. The kernel goes on
//! sending when the process has ended, but not in a container: its network ends with its last process, and so does what was on its
//! way. So a stream that is dropped during a drain holds the drain until the other end has taken everything.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use rustix::ioctl;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    runtime::Handle,
    time::{sleep, timeout},
};

use super::Lifecycle;

/// How often the kernel is asked.
const PAUSE: Duration = Duration::from_millis(10);

/// How long the other end gets to close after it has taken everything. Some keep a finished connection.
const CLOSING: Duration = Duration::from_secs(8);

/// A stream whose last bytes are waited for when the service stops.
pub(super) struct Lingering {
    /// There until it is dropped.
    stream: Option<TcpStream>,
    lifecycle: Lifecycle,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream, lifecycle: Lifecycle) -> Self {
        Self { stream: Some(stream), lifecycle }
    }

    fn stream(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpStream>> {
        self.get_mut().stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        if !self.lifecycle.is_stopping() || on_its_way(&stream) == 0 {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        // Taken here, so that the drain does not end between.
        let held = self.lifecycle.hold();
        runtime.spawn(async move {
            // The drain's deadline is the limit.
            if stream.shutdown().await.is_ok() {
                while on_its_way(&stream) > 0 {
                    sleep(PAUSE).await;
                }
                // A proxy between may have taken it, and end with the container: the client closes when it has everything.
                let closed = async { while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {} };
                let _ = timeout(CLOSING, closed).await;
            }
            drop(held);
        });
    }
}

/// Bytes that were written and that the other end has not acknowledged; 0 when the connection is gone.
fn on_its_way(stream: &TcpStream) -> u32 {
    // SIOCOUTQ of linux/sockios.h, the same number as TIOCOUTQ on x86 and ARM.
    const SIOCOUTQ: ioctl::Opcode = 0x5411;
    // SAFETY: for a TCP socket (tcp(7)) this request writes one `int` and reads nothing.
    #[expect(unsafe_code, reason = "the kernel tells it by ioctl alone")]
    let asked = unsafe { ioctl::ioctl(stream, ioctl::Getter::<SIOCOUTQ, u32>::new()) };
    match stream.take_error() {
        Ok(None) => asked.unwrap_or(0),
        _ => 0,
    }
}

impl AsyncRead for Lingering {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// More than the client's kernel takes: the rest stays here until the client reads.
    async fn unread(lifecycle: &Lifecycle) -> (TcpStream, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut stream = Lingering::new(listener.accept().await.unwrap().0, lifecycle.clone());
        let mut written = 0;
        while let Ok(Ok(more)) = timeout(Duration::from_millis(50), stream.write(&[7; 65_536])).await {
            written += more;
        }
        assert!(on_its_way(stream.stream.as_ref().unwrap()) > 0);
        (client, written)
    }

    #[tokio::test]
    async fn a_drain_waits_until_the_last_byte_is_taken() {
        let lifecycle = Lifecycle::new();
        lifecycle.stop();
        let (mut client, written) = unread(&lifecycle).await;
        assert_eq!(lifecycle.open_sockets(), 1);
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), written);
        drop(client);
        timeout(Duration::from_secs(10), lifecycle.sockets_done()).await.expect("it is still held");
    }

    #[tokio::test]
    async fn a_client_that_breaks_off_is_not_waited_for() {
        let lifecycle = Lifecycle::new();
        lifecycle.stop();
        let (client, _) = unread(&lifecycle).await;
        drop(client);
        timeout(Duration::from_secs(10), lifecycle.sockets_done()).await.expect("it is still held");
    }

    #[tokio::test]
    async fn a_service_that_goes_on_waits_for_nothing() {
        let lifecycle = Lifecycle::new();
        let (_client, _) = unread(&lifecycle).await;
        assert_eq!(lifecycle.open_sockets(), 0);
    }
}
