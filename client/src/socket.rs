//! `/ws/tts` of a gateway: how it is opened, and how messages go out.

use futures_util::SinkExt;
use reqwest::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use reqwest::{Client, StatusCode, Upgraded};
use serde::Serialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use crate::error::ClientError;
use crate::gateway;
use crate::options::Common;

/// An open WebSocket.
pub type Socket = WebSocketStream<Upgraded>;

/// Lead of the sound for a client that does not play it, in ms: all of it comes as fast as it is made.
pub const NO_PACING_MS: u64 = 600_000;

/// A new socket. The connection is made like every other, through proxies where they are set, and then upgraded.
///
/// # Errors
/// [`ClientError::Unreachable`], [`ClientError::Refused`] with the problem of the server, or an upgrade that broke off.
pub async fn open(client: &Client, common: &Common) -> Result<Socket, ClientError> {
    let nonce = generate_key();
    let request = client
        .get(common.address("/ws/tts")?)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &nonce);
    let response = gateway::send_expecting(request, common, StatusCode::SWITCHING_PROTOCOLS).await?;
    let accept = response.headers().get(SEC_WEBSOCKET_ACCEPT).map(|value| value.as_bytes());
    if accept != Some(derive_accept_key(nonce.as_bytes()).as_bytes()) {
        return Err(ClientError::Unusable("на переход к WebSocket ответил кто-то другой".to_owned()));
    }
    let upgraded = response.upgrade().await.map_err(|error| gateway::broken(&error, common))?;
    Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await)
}

/// Sends a message as JSON.
pub async fn send(socket: &mut Socket, message: &impl Serialize) -> Result<(), ClientError> {
    let text = serde_json::to_string(message).map_err(|error| ClientError::Usage(error.to_string()))?;
    socket.send(Message::text(text)).await.map_err(lost)
}

/// Says goodbye; the answer is not waited for, and whether it could be said does not matter.
pub async fn close(mut socket: Socket) {
    let _ = socket.close(None).await;
}

/// A connection that failed after it had been made.
pub fn lost(error: tokio_tungstenite::tungstenite::Error) -> ClientError {
    ClientError::Broken(error.to_string())
}
