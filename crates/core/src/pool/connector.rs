//! What the pool needs of whoever opens connections, and of the connections themselves.

use std::{error::Error, fmt::Debug, hash::Hash, num::NonZeroUsize, time::Duration};

use async_trait::async_trait;

use super::Slot;

/// Opens connections to one far end.
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// What makes two connections interchangeable: everything that is fixed when a connection is opened.
    type Key: Clone + Debug + Eq + Hash + Send + Sync + 'static;
    /// An open connection.
    type Connection: Connection;
    /// Why a connection could not be opened or warmed.
    type Error: Error + Send + Sync + 'static;

    /// Opens a connection and waits for the handshake. The pool sets no time limit; the connector has its own.
    async fn connect(&self, key: &Self::Key) -> Result<Self::Connection, Self::Error>;

    /// Lets the far end do the work once, so that the next user finds it awake (a model that is loaded), and returns when it
    /// has. It is given a place on the connection like any user. An error makes the pool close the connection.
    async fn warm(&self, connection: &Self::Connection, slot: Slot) -> Result<(), Self::Error>;

    /// Whether another attempt would fail in the same way before someone changes the settings, as in [`Closed::hopeless`].
    fn hopeless(&self, _error: &Self::Error) -> bool {
        false
    }

    /// How long the far end asked to be left alone, if it did.
    fn retry_after(&self, _error: &Self::Error) -> Option<Duration> {
        None
    }
}

/// How many may use a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// One, once: after that it is closed.
    Once,
    /// So many at the same time, again and again.
    Shared(NonZeroUsize),
}

/// Why a connection is no longer of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// What the far end or the network said, for the log.
    pub reason: String,
    /// Whether a new connection of the same key would fare no better before someone changes the settings: a wrong
    /// key, a voice that does not exist, a quota that is used up.
    pub hopeless: bool,
}

/// An open connection. It is shared, so it acts through `&self`; whoever opened it has a task behind it that reads all the time.
#[async_trait]
pub trait Connection: Send + Sync + 'static {
    /// How many may use it.
    fn capacity(&self) -> Capacity;

    /// Waits until it is of no more use. Returns at once when it already is; may be called again.
    async fn closed(&self) -> Closed;

    /// Whether it has been of use: the far end did real work on it. A completed handshake is no proof of good credentials;
    /// a use that ended in order is, even one that was cancelled.
    /// The pool asks under its lock: this only reads, and takes no lock under which a slot may be dropped.
    fn proven(&self) -> bool;

    /// Asks the far end for a sign of life and waits for it. The pool sets the time limit.
    async fn ping(&self) -> Result<(), Closed>;

    /// Ends it in order. Users still on it lose it.
    async fn close(&self);
}
