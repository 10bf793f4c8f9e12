//! Speech over WebSockets out of a warm pool.
//!
//! # Layout, in the order of one utterance
//! - [`provider`]: a request becomes an utterance, and the utterance a stream
//! - [`llm`]: the same for text that comes in pieces; `phrases`: where it may be cut
//! - `place`: how an utterance gets its place on a socket; `script`: what is said to the service
//! - `utterance`: one text over a socket, an explicit state machine
//! - [`connector`]: opens sockets for the pool, and wakes the model
//! - [`connection`]: a socket as its users and the pool see it; `task`: what reads it all the time
//! - `context`: an utterance's place on a socket and the queue of its sound; `socket`: reading and writing at once

pub mod connection;
pub mod connector;
mod context;
pub mod llm;
mod phrases;
mod place;
pub mod provider;
mod script;
mod socket;
mod task;
mod utterance;

#[cfg(test)]
mod tests;

pub use connection::WsConnection;
pub use connector::{Key, WsConnector};
pub use llm::{LlmStream, TextSender};
pub use provider::WebSocketProvider;
