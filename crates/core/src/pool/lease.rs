//! A place on a connection, and how it is given back.

use std::{fmt, sync::Arc};

use super::Connector;

/// A connection, and the right to use one place on it.
pub struct Lease<C: Connector> {
    connection: Arc<C::Connection>,
    slot: Slot,
    waited: bool,
}

/// The right to use one place on a connection. Dropping it frees the place, so it is given to whoever knows when the far
/// end is really done. A connection of [`Capacity::Once`](super::Capacity::Once) is closed then.
#[must_use = "dropping a slot frees the place"]
pub struct Slot {
    owner: Arc<dyn Owner>,
    place: Place,
}

/// Which place it is, and how it comes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) connection: u64,
    /// It was taken to warm the connection, not for a request.
    pub(super) warm: bool,
    /// The connection is not to be used again.
    pub(super) spoiled: bool,
}

/// Whom a slot goes back to.
pub(super) trait Owner: Send + Sync {
    /// Takes a place back.
    fn release(self: Arc<Self>, place: Place);
}

impl<C: Connector> Lease<C> {
    pub(super) fn new(connection: Arc<C::Connection>, slot: Slot, waited: bool) -> Self {
        Self { connection, slot, waited }
    }

    pub(super) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The connection.
    pub fn connection(&self) -> &Arc<C::Connection> {
        &self.connection
    }

    /// Whether the connection had been open before this request, so that it may have died unseen: then a failure is worth
    /// one more attempt through [`acquire_fresh`](super::Pool::acquire_fresh).
    pub fn waited(&self) -> bool {
        self.waited
    }

    /// The connection and the place on it, for two owners.
    pub fn into_parts(self) -> (Arc<C::Connection>, Slot) {
        (self.connection, self.slot)
    }
}

impl Slot {
    /// The number of the connection.
    pub(super) fn connection(&self) -> u64 {
        self.place.connection
    }

    pub(super) fn new(owner: Arc<dyn Owner>, connection: u64, warm: bool) -> Self {
        Self { owner, place: Place { connection, warm, spoiled: false } }
    }

    /// Gives the place back and tells that the connection is broken: it gets no new users, and is closed when its last slot
    /// is back.
    pub fn spoil(mut self) {
        self.place.spoiled = true;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        Arc::clone(&self.owner).release(self.place);
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.place.connection).finish()
    }
}

impl<C: Connector> fmt::Debug for Lease<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("slot", &self.slot).field("waited", &self.waited).finish_non_exhaustive()
    }
}
