//! Why there is no connection.

use std::{error::Error, sync::Arc, time::Duration};

use super::Closed;

/// Why a request got no connection.
#[derive(Debug, thiserror::Error)]
pub enum PoolError<E: Error + 'static> {
    /// The attempt that this request waited for failed.
    #[error("cannot connect: {0}")]
    Connect(#[source] Arc<E>),
    /// The last attempts failed, and the next one is not due yet.
    #[error("not connecting for another {} ms: {last}", .after.as_millis())]
    Backoff {
        /// When it is worth asking again.
        after: Duration,
        /// What failed last.
        #[source]
        last: Failure<E>,
    },
    /// It fails until someone changes the settings. It is tried again now and then, when asked for.
    #[error("{0}")]
    Hopeless(#[source] Failure<E>),
    /// There are as many connections, keys or waiting requests as there may be, and no place came free in time.
    #[error("all connections are in use")]
    Exhausted,
    /// A connection was being opened, but it took too long.
    #[error("no connection was opened in time")]
    TimedOut,
    /// The pool is being closed.
    #[error("the connection pool is being closed")]
    Closing,
}

/// What went wrong with the last connection of a key.
#[derive(Debug, thiserror::Error)]
pub enum Failure<E: Error + 'static> {
    /// It could not be opened.
    #[error("cannot connect: {0}")]
    Connect(#[source] Arc<E>),
    /// It could not be warmed.
    #[error("cannot warm up: {0}")]
    Warm(#[source] Arc<E>),
    /// It ended before it was of any use, or for a reason that will not go away.
    #[error("connection lost: {}", .0.reason)]
    Closed(Closed),
}

// Derived, these would ask for `E: Clone`.
impl<E: Error + 'static> Clone for PoolError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Connect(error) => Self::Connect(Arc::clone(error)),
            Self::Backoff { after, last } => Self::Backoff { after: *after, last: last.clone() },
            Self::Hopeless(last) => Self::Hopeless(last.clone()),
            Self::Exhausted => Self::Exhausted,
            Self::TimedOut => Self::TimedOut,
            Self::Closing => Self::Closing,
        }
    }
}

impl<E: Error + 'static> Clone for Failure<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Connect(error) => Self::Connect(Arc::clone(error)),
            Self::Warm(error) => Self::Warm(Arc::clone(error)),
            Self::Closed(closed) => Self::Closed(closed.clone()),
        }
    }
}
