//! What the gateway adds to the first byte: an answer of three bytes, asked for directly, through the gateway, and
//! through a bare pass-through of the same HTTP library without metrics, logs or limits. Interleaved.

use std::net::SocketAddr;

use axum::{Router, body::Body, extract::Request, response::Response, routing::post};
use evervoice_core::service::{Lifecycle, shell::start};
use evervoice_gateway::{Gateway, GatewaySettings};
use tokio::net::TcpListener;

use crate::measure::{block_on, client, first_byte, percentile};

async fn listen(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

async fn bare(service: SocketAddr) -> SocketAddr {
    let client = client();
    let pass = move |request: Request| {
        let client = client.clone();
        async move {
            let body = reqwest::Body::wrap_stream(request.into_body().into_data_stream());
            let answer = client.post(format!("http://{service}/api/tts")).body(body).send().await.unwrap();
            Response::new(Body::from_stream(answer.bytes_stream()))
        }
    };
    listen(Router::new().route("/api/tts", post(pass))).await
}

pub fn run() {
    block_on(async {
        let service = listen(Router::new().route("/api/tts", post(|_: String| async { "abc" }))).await;
        let mut settings = GatewaySettings::default();
        settings.server.port = 0;
        settings.upstream.tts_url = format!("http://{service}");
        let gateway = start::<Gateway>(settings, &Lifecycle::new()).await.unwrap().address;
        let ways = [service, gateway, bare(service).await].map(|address| format!("http://{address}/api/tts"));
        let client = client();
        let mut times = [vec![], vec![], vec![]];
        for at in 0..5_200 {
            for (way, times) in ways.iter().zip(&mut times) {
                let ms = first_byte(&client, way, "{}").await;
                // The first ones open connections.
                if at >= 200 {
                    times.push(ms);
                }
            }
        }
        let [direct, gateway, bare] = times.each_mut().map(|times| percentile(times, 0.5));
        println!(
            "first byte, median of 5000: direct {direct:.3}, gateway {gateway:.3}, bare pass-through {bare:.3} ms"
        );
        println!("the gateway adds {:.3} ms, the bare pass-through {:.3} ms", gateway - direct, bare - direct);
        let [direct, gateway, bare] = times.each_mut().map(|times| percentile(times, 0.99));
        println!("p99: direct {direct:.3}, gateway {gateway:.3}, bare pass-through {bare:.3} ms");
    });
}
