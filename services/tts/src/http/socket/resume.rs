//! Conversations that can be taken up again when their connection breaks.
//!
//! A conversation is always in the hands of one task: that of its connection, which keeps it for a while when the connection
//! breaks. Whoever knows the token may claim it; the task hands it over.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::timeout,
};

use super::talk::Talk;

/// Longest time that the task of a connection takes to hand its conversation over; it never waits for its client.
const HANDOVER: Duration = Duration::from_secs(5);

/// A conversation between two connections.
pub struct Kept {
    pub talk: Talk,
    pub seat: Seat,
    /// Its place among the sockets: it may come back although all are taken.
    pub place: OwnedSemaphorePermit,
}

/// Somebody who wants a conversation.
pub type Claim = oneshot::Sender<Kept>;

/// Who has which conversation, by token.
#[derive(Default)]
pub struct Conversations {
    by_token: Mutex<HashMap<String, mpsc::Sender<Claim>>>,
}

/// A conversation's entry in [`Conversations`], as long as it lives.
pub struct Seat {
    pub token: String,
    claims: mpsc::Receiver<Claim>,
    conversations: Arc<Conversations>,
}

impl Conversations {
    /// A new conversation, with a token of 122 random bits.
    pub fn seat(self: &Arc<Self>) -> Seat {
        let token = uuid::Uuid::new_v4().simple().to_string();
        let (sender, claims) = mpsc::channel(1);
        self.lock().insert(token.clone(), sender);
        Seat { token, claims, conversations: Arc::clone(self) }
    }

    /// Whether there is such a conversation.
    pub fn knows(&self, token: &str) -> bool {
        self.lock().contains_key(token)
    }

    /// Takes a conversation from whoever has it; `None` when it is over.
    pub async fn claim(&self, token: &str) -> Option<Kept> {
        let holder = self.lock().get(token).cloned()?;
        let (claim, kept) = oneshot::channel();
        let handed = async move {
            holder.send(claim).await.ok()?;
            kept.await.ok()
        };
        timeout(HANDOVER, handed).await.ok().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Claim>>> {
        self.by_token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Waits until somebody wants the conversation.
    pub async fn claimed(&mut self) -> Claim {
        match self.claims.recv().await {
            Some(claim) => claim,
            // The entry lives as long as this.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.conversations.lock().remove(&self.token);
    }
}

/// Keeps a conversation without a connection until it is claimed or `over`.
pub async fn keep(kept: Kept, over: impl Future<Output = ()>) {
    let mut kept = kept;
    tokio::pin!(over);
    loop {
        let claim = tokio::select! {
            claim = kept.seat.claimed() => claim,
            () = &mut over => return,
        };
        match claim.send(kept) {
            Ok(()) => return,
            // Who wanted it has gone.
            Err(back) => kept = back,
        }
    }
}
