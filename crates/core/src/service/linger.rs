//! Connections that end while the service stops.
//!
//! What has been written to a connection may still be on its way to a client that takes its time: in the kernel, or in a proxy on this
//! machine such as the one behind a container's published port. On a host both go on when the process has ended. A container's
//! network ends with its last process, its proxies too, and so does what was on its way. Only the client knows when it has
//! everything, and then it closes. So a stream that is dropped during a drain holds the drain until the other end has closed.
//!
//! Some clients keep a finished connection. So nobody is waited for longer than a listener needs who hears everything as sound
//! ([`SLOWEST`]), and one who has had nothing for a while is not waited for at all.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    runtime::Handle,
    time::{Instant, timeout_at},
};

use super::Lifecycle;

/// Bytes per second that the slowest listener takes: those of `ulaw_8000`, played as they come.
const SLOWEST: u32 = 8_000;

/// How much later than that the slowest listener may be: what it buffers before it plays, and the way.
const LATE: Duration = Duration::from_secs(1);

/// A stream whose last bytes are waited for when the service stops.
pub(super) struct Lingering {
    /// There until it is dropped.
    stream: Option<TcpStream>,
    lifecycle: Lifecycle,
    /// When the slowest listener has played all that was written.
    played: Instant,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream, lifecycle: Lifecycle) -> Self {
        Self { stream: Some(stream), lifecycle, played: Instant::now() }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn written(&mut self, result: io::Result<usize>) -> Poll<io::Result<usize>> {
        if let Ok(bytes) = result {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            self.played = self.played.max(Instant::now()) + Duration::from_secs(1) * bytes / SLOWEST;
        }
        Poll::Ready(result)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        let until = self.played + LATE;
        if !self.lifecycle.is_stopping() || until <= Instant::now() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        // Taken here, so that the drain does not end between. The drain's deadline is the other limit.
        let held = self.lifecycle.hold();
        runtime.spawn(async move {
            let closed = async {
                let _ = stream.shutdown().await;
                while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
            };
            let _ = timeout_at(until, closed).await;
            drop(held);
        });
    }
}

impl AsyncRead for Lingering {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(this.stream()?.poll_write(cx, bytes));
        this.written(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(this.stream()?.poll_write_vectored(cx, slices));
        this.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        net::{TcpListener, TcpStream},
        time::timeout,
    };

    use super::*;

    /// A client, and the service's end of its connection.
    async fn connection(lifecycle: &Lifecycle) -> (TcpStream, Lingering) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, Lingering::new(listener.accept().await.unwrap().0, lifecycle.clone()))
    }

    /// Writes more than the client's kernel takes: the rest stays here until the client reads. The number of bytes.
    async fn fill(stream: &mut Lingering) -> usize {
        let mut written = 0;
        while let Ok(Ok(more)) = timeout(Duration::from_millis(50), stream.write(&[7; 65_536])).await {
            written += more;
        }
        written
    }

    async fn done(lifecycle: &Lifecycle) -> bool {
        timeout(Duration::from_secs(60), lifecycle.sockets_done()).await.is_ok()
    }

    #[tokio::test]
    async fn a_drain_waits_until_the_last_byte_is_taken() {
        let lifecycle = Lifecycle::new();
        lifecycle.stop();
        let (mut client, mut stream) = connection(&lifecycle).await;
        let written = fill(&mut stream).await;
        drop(stream);
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), written);
        assert_eq!(lifecycle.open_sockets(), 1, "the client may be a proxy that has passed nothing on");
        drop(client);
        assert!(done(&lifecycle).await);
    }

    #[tokio::test]
    async fn a_client_that_breaks_off_is_not_waited_for() {
        let lifecycle = Lifecycle::new();
        lifecycle.stop();
        let (client, mut stream) = connection(&lifecycle).await;
        fill(&mut stream).await;
        drop((stream, client));
        assert!(done(&lifecycle).await);
    }

    #[tokio::test]
    async fn a_client_that_keeps_its_connection_is_waited_for_while_it_could_listen() {
        let lifecycle = Lifecycle::new();
        lifecycle.stop();
        let (_client, mut stream) = connection(&lifecycle).await;
        stream.write_all(&[7; 16_000]).await.unwrap();
        tokio::time::pause();
        let began = Instant::now();
        drop(stream);
        assert!(done(&lifecycle).await);
        let waited = began.elapsed();
        assert!((Duration::from_millis(2_900)..Duration::from_millis(3_100)).contains(&waited), "{waited:?}");
    }

    #[tokio::test]
    async fn a_connection_that_has_been_idle_is_not_waited_for() {
        let lifecycle = Lifecycle::new();
        let (_client, mut stream) = connection(&lifecycle).await;
        stream.write_all(&[7; 16_000]).await.unwrap();
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(4)).await;
        lifecycle.stop();
        drop(stream);
        assert_eq!(lifecycle.open_sockets(), 0);
    }

    #[tokio::test]
    async fn a_service_that_goes_on_waits_for_nothing() {
        let lifecycle = Lifecycle::new();
        let (_client, mut stream) = connection(&lifecycle).await;
        stream.write_all(&[7; 16_000]).await.unwrap();
        drop(stream);
        assert_eq!(lifecycle.open_sockets(), 0);
    }
}
