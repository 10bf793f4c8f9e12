//! A service behind that says nothing: because it works, because it drains, or because it hangs.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use evervoice_gateway::GatewaySettings;
use futures_util::{SinkExt, StreamExt, future::join_all};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    accept_async, connect_async,
    tungstenite::{Error, Message},
};

use crate::harness::{TestGateway, problem, write};

/// Longer than anything here takes: who needs more hangs.
const HANGS: Duration = Duration::from_secs(40);

const HEAD: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
const WHOLE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nabcd";

/// Whoever answers `/live`, and how often that was asked.
#[derive(Clone, Default)]
struct Pulse {
    asked: watch::Sender<usize>,
    hangs: Arc<AtomicBool>,
}

impl Pulse {
    async fn answer(&self, mut stream: TcpStream) {
        self.asked.send_modify(|asked| *asked += 1);
        if self.hangs.load(Ordering::SeqCst) {
            return sleep(HANGS).await;
        }
        finish(&mut stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nlive\n").await;
    }

    fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    /// Waits for so many questions more.
    async fn until_asked(&self, more: usize) {
        let enough = self.asked() + more;
        self.asked.subscribe().wait_for(|asked| *asked >= enough).await.unwrap();
    }

    /// From now on nothing is answered, as by a process that is paused.
    async fn hang(&self) {
        self.hangs.store(true, Ordering::SeqCst);
        sleep(HANGS).await;
    }
}

/// A service that answers `/live`, and does `serve` with every other connection.
async fn living<F, T>(serve: F) -> (SocketAddr, Pulse)
where
    F: Fn(TcpStream, Pulse) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, pulse) = (listener.local_addr().unwrap(), Pulse::default());
    let own = pulse.clone();
    tokio::spawn(async move {
        loop {
            let ((stream, _), pulse, serve) = (listener.accept().await.unwrap(), own.clone(), serve.clone());
            tokio::spawn(async move {
                let mut start = [0; 9];
                while stream.peek(&mut start).await.is_ok_and(|read| (1..start.len()).contains(&read)) {
                    sleep(Duration::from_millis(1)).await;
                }
                if start.starts_with(b"GET /live") { pulse.answer(stream).await } else { serve(stream, pulse).await }
            });
        }
    });
    (address, pulse)
}

/// Writes the rest of an answer, and waits until the other side has taken it.
async fn finish(stream: &mut TcpStream, text: &str) {
    write(stream, text).await;
    let _ = stream.read_to_end(&mut vec![]).await;
}

/// Asks soon, and soon takes no for an answer.
fn hasty(settings: &mut GatewaySettings) {
    (settings.upstream.probe_after, settings.upstream.probe_timeout) = (0.1, 0.2);
}

/// Asks soon, but a busy machine may take its time to answer.
fn patient(settings: &mut GatewaySettings) {
    (settings.upstream.probe_after, settings.upstream.probe_timeout) = (0.1, 20.0);
}

fn unresponsive() -> (u16, String) {
    (504, "upstream_unresponsive".to_owned())
}

/// As a paused container: the kernel takes connections, and that is all.
#[tokio::test]
async fn a_service_that_takes_connections_only_is_504_and_is_served_by_as_soon_as_it_is_back() {
    let paused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = TestGateway::with(paused.local_addr().unwrap(), hasty).await;
    let in_vain = async {
        for path in ["/api/tts", "/api/tts/wav", "/api/stt/bytes", "/api/echo-bytes"] {
            assert_eq!(problem(gateway.post(path, "{}").await).await, unresponsive(), "{path}");
        }
        let socket = connect_async(format!("ws://{}/ws/tts", gateway.address)).await;
        let Err(Error::Http(answer)) = socket else { panic!("upgraded to nothing") };
        assert_eq!(answer.status(), 504);
    };
    timeout(HANGS, in_vain).await.expect("a client hangs");
    let metrics = gateway.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("upstream_silent_total{upstream=\"tts\"}"), "{metrics}");
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = paused.accept().await.unwrap();
            tokio::spawn(async move { finish(&mut stream, WHOLE).await });
        }
    });
    assert_eq!(gateway.post("/api/tts", "{}").await.bytes().await.unwrap(), "abcd");
}

#[tokio::test]
async fn a_service_that_works_in_silence_is_waited_for() {
    let (address, _) = living(|mut stream, pulse| async move {
        pulse.until_asked(3).await;
        write(&mut stream, &format!("{HEAD}4\r\nabcd\r\n")).await;
        pulse.until_asked(3).await;
        finish(&mut stream, "2\r\nef\r\n0\r\n\r\n").await;
    })
    .await;
    let gateway = TestGateway::with(address, patient).await;
    let asked = async {
        let response = gateway.post("/api/tts", "{}").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.bytes().await.unwrap(), "abcdef");
    };
    timeout(HANGS, asked).await.expect("nobody was asked");
}

/// A service that shuts down listens no more, but ends what it has begun.
#[tokio::test]
async fn a_service_that_drains_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = TestGateway::with(listener.local_addr().unwrap(), |settings| {
        (settings.upstream.probe_after, settings.upstream.probe_timeout) = (0.1, 0.5);
    })
    .await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        // Long enough for the gateway to ask, and to give up if a refusal counted as silence.
        sleep(Duration::from_secs(2)).await;
        finish(&mut stream, WHOLE).await;
    });
    assert_eq!(gateway.post("/api/stt/bytes", "x").await.bytes().await.unwrap(), "abcd");
}

#[tokio::test]
async fn a_body_of_a_service_that_hangs_breaks_off() {
    let (address, _) = living(|mut stream, pulse| async move {
        write(&mut stream, &format!("{HEAD}4\r\nabcd\r\n")).await;
        pulse.hang().await;
    })
    .await;
    let gateway = TestGateway::with(address, hasty).await;
    let response = gateway.post("/api/tts", "{}").await;
    assert_eq!(response.status(), 200);
    let mut body = response.bytes_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), "abcd");
    let end = timeout(HANGS, body.next()).await.expect("the client hangs");
    assert!(end.unwrap().is_err(), "a cut stream ended like a whole one");
    // The transcript of an echo is a body too.
    let echo = timeout(HANGS, gateway.post("/api/echo-bytes", "x")).await.expect("the client hangs");
    assert_eq!(problem(echo).await, unresponsive());
}

#[tokio::test]
async fn a_dialogue_in_which_nobody_speaks_goes_on_until_the_service_hangs() {
    let (address, pulse) = living(|stream, pulse| async move {
        let mut socket = accept_async(stream).await.unwrap();
        pulse.until_asked(3).await;
        socket.send(Message::Text("at last".into())).await.unwrap();
        socket.next().await.unwrap().unwrap();
        pulse.hang().await;
    })
    .await;
    // The answers are on this machine, and the two of a busy one need not be late together.
    let gateway = TestGateway::with(address, |settings| {
        (settings.upstream.probe_after, settings.upstream.probe_timeout) = (0.1, 2.0);
    })
    .await;
    let (mut client, _) = connect_async(format!("ws://{}/ws/tts", gateway.address)).await.unwrap();
    let conversation = async {
        assert_eq!(client.next().await.unwrap().unwrap().into_text().unwrap().as_str(), "at last");
        assert!(pulse.asked() >= 3);
        client.send(Message::Text("speak".into())).await.unwrap();
        let told = client.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(told.contains("\"problem\"") && told.contains("upstream_unresponsive"), "{told}");
        let Message::Close(Some(frame)) = client.next().await.unwrap().unwrap() else { panic!("no close") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1011, "upstream_unresponsive"));
    };
    timeout(HANGS, conversation).await.expect("the client hangs");
}

/// However many wait, the service is asked once at a time.
#[tokio::test]
async fn all_who_wait_share_a_question() {
    const WAITING: usize = 200;
    let (address, pulse) = living(|mut stream, pulse| async move {
        pulse.until_asked(4).await;
        // Time for everybody else to ask.
        sleep(Duration::from_secs(1)).await;
        finish(&mut stream, WHOLE).await;
    })
    .await;
    let gateway = TestGateway::with(address, |settings| {
        (settings.upstream.probe_after, settings.upstream.probe_timeout) = (0.5, 20.0);
    })
    .await;
    let answers = join_all((0..WAITING).map(|_| gateway.post("/api/tts", "{}")));
    for answer in timeout(HANGS, answers).await.expect("nobody was asked") {
        assert_eq!(answer.status(), 200);
    }
    assert!(pulse.asked() < WAITING / 4, "{} questions for {WAITING} who wait", pulse.asked());
}
