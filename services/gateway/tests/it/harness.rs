//! A gateway on a free port, and a neighbour that does as it is told.

use std::{future::Future, net::SocketAddr};

use evervoice_core::service::{Lifecycle, shell::start};
use evervoice_gateway::{Gateway, GatewaySettings};
use reqwest::Response;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub struct TestGateway {
    pub address: SocketAddr,
    pub client: reqwest::Client,
    pub lifecycle: Lifecycle,
}

impl TestGateway {
    /// A gateway whose services are both at `upstream`.
    pub async fn before(upstream: SocketAddr) -> Self {
        Self::with(upstream, |_| {}).await
    }

    pub async fn with(upstream: SocketAddr, change: impl FnOnce(&mut GatewaySettings)) -> Self {
        let mut settings = GatewaySettings::default();
        settings.server.port = 0;
        settings.upstream.tts_url = format!("http://{upstream}");
        settings.upstream.asr_url = format!("http://{upstream}");
        change(&mut settings);
        let lifecycle = Lifecycle::new();
        let running = start::<Gateway>(settings, &lifecycle).await.unwrap();
        lifecycle.set_ready();
        let client = evervoice_http_client::builder().build().unwrap();
        Self { address: running.address, client, lifecycle }
    }

    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.client.post(format!("http://{}{path}", self.address)).body(body).send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("http://{}{path}", self.address)).send().await.unwrap()
    }
}

/// Status and code of a problem.
pub async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["code"].as_str().unwrap().to_owned())
}

/// A neighbour that reads the head of each request and then does `serve`.
pub async fn neighbour<F, T>(serve: F) -> SocketAddr
where
    F: Fn(String, TcpStream) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![];
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap_or(b'\n'));
                if head.ends_with(b"\n\n\n\n") {
                    break;
                }
            }
            tokio::spawn(serve(String::from_utf8(head).unwrap(), stream));
        }
    });
    address
}

/// An address at which nobody listens.
pub async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Writes an answer.
pub async fn write(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes()).await;
}
