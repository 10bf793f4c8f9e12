//! The emulator as a whole.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::faults::Faults;
use crate::log::Received;
use crate::net::{self, Tls};
use crate::state::State;
use crate::{Clock, Config};

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is taken, or is not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The certificate could not be used.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// The key that was made could not be used.
    #[error("cannot use the key: {0}")]
    Key(String),
}

/// A pretend ElevenLabs that listens until it is stopped or dropped.
pub struct Emulator {
    state: Arc<State>,
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    certificate: String,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Emulator").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Emulator {
    /// Listens, on the runtime of the caller.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (listener, address) = listen(config.listen).await?;
        let secure = if config.tls { Some((listen(config.tls_listen).await?, Tls::new()?)) } else { None };
        let state = Arc::new(State::new(config));
        state.tasks.spawn(net::serve(state.clone(), listener, None));
        let (mut tls_address, mut certificate) = (None, String::new());
        if let Some(((listener, address), tls)) = secure {
            tls_address = Some(address);
            certificate = tls.authority;
            state.tasks.spawn(net::serve(state.clone(), listener, Some(tls.acceptor)));
        }
        Ok(Self { state, address, tls_address, certificate })
    }

    /// `http://127.0.0.1:PORT`
    pub fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `ws://127.0.0.1:PORT`
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// `https://127.0.0.1:PORT`, for clients that trust [`Emulator::certificate_pem`].
    ///
    /// # Panics
    /// Without [`Config::tls`].
    pub fn https_url(&self) -> String {
        format!("https://{}", self.tls_address.expect("TLS is configured"))
    }

    /// `wss://127.0.0.1:PORT`, for clients that trust [`Emulator::certificate_pem`].
    ///
    /// # Panics
    /// Without [`Config::tls`].
    pub fn wss_url(&self) -> String {
        format!("wss://{}", self.tls_address.expect("TLS is configured"))
    }

    /// Where plain HTTP is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where TLS is served, if it is.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// The authority to trust, as PEM: what `SSL_CERT_FILE` names. Empty without [`Config::tls`].
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// Replaces all faults, and starts their counts and their random numbers anew. Utterances and bodies under way keep
    /// those drawn for them.
    pub fn set_faults(&self, faults: Faults) {
        self.state.faults.set(faults);
    }

    /// Everything received, in order.
    pub fn log(&self) -> Vec<Received> {
        self.state.log.all()
    }

    /// Forgets the log and switches all faults off.
    pub fn reset(&self) {
        self.state.log.clear();
        self.state.faults.set(Faults::default());
    }

    /// The clock of inactivity and late closes.
    pub fn clock(&self) -> &Clock {
        &self.state.config.clock
    }

    /// How many requests and sockets generate now. Idle sockets do not count.
    pub fn generating(&self) -> usize {
        self.state.generating.get()
    }

    /// How many WebSockets are open.
    pub fn open_sockets(&self) -> usize {
        self.state.sockets.get()
    }

    /// How many contexts are open on all sockets together; each socket of `/stream-input` that got a message has one.
    pub fn open_contexts(&self) -> usize {
        self.state.contexts.get()
    }

    /// Closes everything and waits until it is closed.
    pub async fn stop(self) {
        self.state.shutdown.cancel();
        self.state.tasks.close();
        self.state.tasks.wait().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.state.shutdown.cancel();
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
