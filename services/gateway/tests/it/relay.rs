//! WebSockets through the gateway, with a service that misbehaves.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpListener, net::TcpStream, sync::mpsc};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, accept_async, connect_async,
    tungstenite::{
        self, Message,
        protocol::frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use crate::harness::{TestGateway, neighbour, write};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A gateway before a service that takes one WebSocket and does `serve` with it.
async fn joined<F, T>(serve: F) -> (TestGateway, Client)
where
    F: FnOnce(WebSocketStream<TcpStream>) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move { serve(accept_async(listener.accept().await.unwrap().0).await.unwrap()).await });
    let gateway = TestGateway::before(address).await;
    let (client, _) = connect_async(format!("ws://{}/ws/tts", gateway.address)).await.unwrap();
    (gateway, client)
}

/// Everything the client still gets: texts and closes.
async fn rest(client: &mut Client) -> Vec<String> {
    let mut events = vec![];
    while let Some(Ok(message)) = client.next().await {
        match message {
            Message::Text(text) => events.push(text.to_string()),
            Message::Close(frame) => events.push(format!("close {:?}", frame.map(|frame| u16::from(frame.code)))),
            _ => {}
        }
    }
    events
}

#[tokio::test]
async fn a_service_that_dies_is_a_problem_not_a_clean_end() {
    let (_gateway, mut client) = joined(async |mut service| {
        service.send(Message::Binary(vec![1; 100].into())).await.unwrap();
        // The connection is dropped without a close.
    })
    .await;
    let events = rest(&mut client).await;
    assert!(events[0].contains("upstream_broken") && events[0].contains("\"problem\""), "{events:?}");
    assert_eq!(events[1], "close Some(1011)");
}

#[tokio::test]
async fn closes_pass_both_ways() {
    let (_gateway, mut client) = joined(async |mut service| {
        let message = service.next().await.unwrap().unwrap();
        assert!(message.is_close());
        while service.next().await.is_some() {}
    })
    .await;
    client.close(None).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(5), rest(&mut client)).await.unwrap();
    assert!(answer.len() <= 1, "{answer:?}");
}

/// What the service still has to say comes through although the client goes on sending to a service that reads nothing.
#[tokio::test]
async fn a_client_that_takes_nothing_is_still_heard() {
    let (heard, mut hears) = mpsc::channel(1);
    let (_gateway, mut client) = joined(async move |service| {
        let (mut sink, mut stream) = service.split();
        tokio::spawn(async move { while sink.send(Message::Binary(vec![0; 65_536].into())).await.is_ok() {} });
        while let Some(Ok(message)) = stream.next().await {
            if message.is_text() {
                heard.send(message.to_string()).await.unwrap();
            }
        }
    })
    .await;
    // Nothing is read: every buffer on the way fills up.
    tokio::time::sleep(Duration::from_millis(300)).await;
    client.send(Message::Text("cancel".into())).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(10), hears.recv()).await;
    assert_eq!(heard.expect("the cancel did not get through"), Some("cancel".to_owned()));
}

/// What the service says of a gateway that stops is what it says of itself: the rest at once, then a close.
#[tokio::test]
async fn a_gateway_that_stops_asks_for_the_rest() {
    let (gateway, mut client) = joined(async |mut service| {
        let drain = service.next().await.unwrap().unwrap();
        service.send(drain).await.unwrap();
        service.close(None).await.unwrap();
    })
    .await;
    gateway.lifecycle.stop();
    let events = tokio::time::timeout(Duration::from_secs(10), rest(&mut client)).await.unwrap();
    assert_eq!(events[0], r#"{"type": "drain"}"#);
    assert!(events[1].starts_with("close"), "{events:?}");
}

/// A service keeps the conversation of a client that broke off; one that closed has ended it.
#[tokio::test]
async fn a_client_that_breaks_off_is_no_client_that_closes() {
    let (ended, mut ends) = mpsc::channel(1);
    let (_gateway, client) = joined(async move |mut service| {
        let last = service.next().await;
        ended.send(matches!(last, None | Some(Err(_)))).await.unwrap();
    })
    .await;
    drop(client);
    let broke_off = tokio::time::timeout(Duration::from_secs(10), ends.recv()).await;
    assert_eq!(broke_off.expect("the service still waits"), Some(true));
}

#[tokio::test]
async fn what_is_no_message_is_refused_with_a_close() {
    let (_gateway, mut client) = joined(async |mut service| while let Some(Ok(_)) = service.next().await {}).await;
    let text = Frame::message(vec![0xC3, 0x28], OpCode::Data(Data::Text), true);
    client.send(Message::Frame(text)).await.unwrap();
    let events = tokio::time::timeout(Duration::from_secs(10), rest(&mut client)).await.unwrap();
    assert_eq!(events, ["close Some(1008)"]);
}

/// The query of a conversation that goes on comes through, and so does a refusal before the upgrade.
#[tokio::test]
async fn a_resume_is_handed_on_and_so_is_its_refusal() {
    let (sender, mut heads) = mpsc::channel(1);
    let refusing = neighbour(move |head, mut stream| {
        let sender = sender.clone();
        async move {
            sender.send(head).await.unwrap();
            let body =
                r#"{"type":"urn:x","title":"Gone","status":410,"detail":"d","code":"resume_expired","request_id":"i"}"#;
            let head = "HTTP/1.1 410 Gone\r\nContent-Type: application/problem+json";
            write(&mut stream, &format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
        }
    })
    .await;
    let gateway = TestGateway::before(refusing).await;
    let refused = connect_async(format!("ws://{}/ws/tts?resume=abc&after=3&id=a", gateway.address)).await;
    let Err(tungstenite::Error::Http(answer)) = refused else { panic!("upgraded") };
    assert_eq!(answer.status().as_u16(), 410);
    assert!(heads.recv().await.unwrap().starts_with("GET /ws/tts?resume=abc&after=3&id=a HTTP/1.1\r\n"));
}
