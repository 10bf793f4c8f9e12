//! The simulated round trip: bytes arrive half of it later, in order, and a connection takes one of it to begin with.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Link;
use crate::Clock;
use crate::clock::Sleep;

/// What may be under way in one direction. A sender waits beyond it.
const UNDER_WAY: usize = 8 << 20;

/// The stream of a connection with a simulated round trip.
#[derive(Debug)]
pub(crate) struct Delayed {
    link: Arc<Link>,
    clock: Clock,
    half: Duration,
    /// When the simulated handshake is over: nothing arrives as if sent before.
    connected: Duration,
    arriving: VecDeque<(Duration, Bytes)>,
    arrived: Option<Sleep>,
    ended: Option<io::Result<()>>,
    leaving: Arc<Leaving>,
}

/// Bytes on their way to the far end.
#[derive(Debug, Default)]
struct Leaving {
    queue: Mutex<LeavingQueue>,
    sender: AtomicWaker,
    pump: AtomicWaker,
}

#[derive(Debug, Default)]
struct LeavingQueue {
    bytes: VecDeque<(Duration, Bytes)>,
    size: usize,
    shut_down: bool,
}

impl Leaving {
    fn lock(&self) -> MutexGuard<'_, LeavingQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delayed {
    pub(crate) fn new(link: Arc<Link>, clock: Clock, rtt: Duration) -> Self {
        let leaving = Arc::new(Leaving::default());
        tokio::spawn(pump(link.clone(), clock.clone(), leaving.clone()));
        let (connected, half) = (clock.now() + rtt, rtt / 2);
        Self { link, clock, half, connected, arriving: VecDeque::new(), arrived: None, ended: None, leaving }
    }

    /// Takes what is there, so that it has its time of arrival from now, not from when it is used.
    fn take_in(&mut self, context: &mut Context<'_>) {
        let mut space = [0; 16 << 10];
        while self.ended.is_none() {
            let mut buffer = ReadBuf::new(&mut space);
            match self.link.poll_read(context, &mut buffer) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let due = self.clock.now().max(self.connected) + self.half;
                    self.arriving.push_back((due, Bytes::copy_from_slice(buffer.filled())));
                }
                Poll::Ready(end) => self.ended = Some(end),
            }
        }
    }
}

impl AsyncRead for Delayed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.take_in(context);
        let Some((due, bytes)) = this.arriving.front_mut() else {
            return match this.ended.take() {
                None => Poll::Pending,
                Some(end) => {
                    this.ended = Some(Ok(()));
                    Poll::Ready(end)
                }
            };
        };
        if *due > this.clock.now() {
            let sleep = this.arrived.get_or_insert_with(|| this.clock.sleep_until(*due));
            ready!(Pin::new(sleep).poll(context));
        }
        this.arrived = None;
        let count = bytes.len().min(buffer.remaining());
        buffer.put_slice(&bytes[..count]);
        bytes.advance(count);
        if bytes.is_empty() {
            this.arriving.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Delayed {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.link.alive()?;
        self.leaving.sender.register(context.waker());
        let mut queue = self.leaving.lock();
        if queue.shut_down {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if queue.size >= UNDER_WAY {
            return Poll::Pending;
        }
        queue.size += bytes.len();
        queue.bytes.push_back((self.clock.now() + self.half, Bytes::copy_from_slice(bytes)));
        drop(queue);
        self.leaving.pump.wake();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.link.alive())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.leaving.lock().shut_down = true;
        self.leaving.pump.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Delayed {
    fn drop(&mut self) {
        self.leaving.lock().shut_down = true;
        self.leaving.pump.wake();
    }
}

/// Hands bytes on when they are due. Ends when all are handed on and there will be no more.
async fn pump(link: Arc<Link>, clock: Clock, leaving: Arc<Leaving>) {
    loop {
        let next = std::future::poll_fn(|context| {
            leaving.pump.register(context.waker());
            let mut queue = leaving.lock();
            match queue.bytes.pop_front() {
                Some((due, bytes)) => {
                    queue.size -= bytes.len();
                    Poll::Ready(Some((due, bytes)))
                }
                None if queue.shut_down => Poll::Ready(None),
                None => Poll::Pending,
            }
        });
        let Some((due, mut bytes)) = next.await else { break };
        leaving.sender.wake();
        clock.sleep_until(due).await;
        while !bytes.is_empty() {
            match std::future::poll_fn(|context| link.poll_write(context, &bytes)).await {
                Ok(written) => bytes.advance(written),
                Err(_) => {
                    leaving.lock().shut_down = true;
                    leaving.sender.wake();
                    return;
                }
            }
        }
    }
    // The far end may be gone already.
    let _ = link.shutdown();
}
