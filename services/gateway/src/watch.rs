//! Whether a service that says nothing still lives.
//!
//! Silence proves nothing: a long recognition is silent, and so is a dialogue in which nobody speaks. But so is a process that is
//! paused, whose kernel goes on taking connections, and a host whose network is gone. So the gateway asks: when somebody has
//! waited in silence for a while, `GET /live` goes to the very address that is waited for, over a connection of its own. One
//! question serves everybody who waits for that address, and nothing is asked while nobody waits, or something comes.
//!
//! What a question cannot find is a connection that only the other side has lost (the service is back after its network was
//! gone): the kernel finds that by asking too, see [`KEEPALIVE`].

use std::{
    collections::HashMap,
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::Url;
use rustix::net::sockopt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    sync::watch::{self, Receiver},
    time::{Instant, sleep_until, timeout, timeout_at},
};

use crate::{config::UpstreamSettings, events::Events};

/// How the kernel asks after a connection on which nothing comes: after this time, then at this interval, so many times. A host that is
/// gone is known after five seconds, one that knows nothing of the connection (any more) after two.
pub const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(2), Duration::from_secs(1), 3);

/// How often a service is asked before its silence counts: one packet may be lost, and this process may have been paused itself.
const TRIES: usize = 2;

/// The service was waited for in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// It lives, but is too slow.
    #[error("nothing came within {} s", .0.as_secs_f64())]
    TooLong(Duration),
    /// It does not even answer `/live`.
    #[error("nothing came, and /live was not answered")]
    Unresponsive,
}

impl Silence {
    /// Code of the problem that a client is told.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong(_) => "upstream_timeout",
            Self::Unresponsive => "upstream_unresponsive",
        }
    }
}

/// The watch over one service.
pub struct Watch {
    name: &'static str,
    /// `host:port`
    address: String,
    /// Path of `/live` there.
    path: String,
    after: Duration,
    limit: Duration,
    events: Events,
    /// The latest question to each address; `None` is whoever has the service's name.
    questions: Mutex<HashMap<Option<SocketAddr>, Question>>,
}

#[derive(Clone)]
struct Question {
    began: Instant,
    /// Whether somebody was there, once that is known.
    answered: Receiver<Option<bool>>,
}

impl Question {
    fn is_open(&self) -> bool {
        // Whoever asks has gone after the answer.
        self.answered.borrow().is_none() && self.answered.has_changed().is_ok()
    }
}

impl Watch {
    pub fn new(name: &'static str, base: &Url, settings: &UpstreamSettings, events: Events) -> Arc<Self> {
        Arc::new(Self {
            name,
            address: address(base),
            path: format!("{}/live", base.path().trim_end_matches('/')),
            after: settings.probe_after(),
            limit: settings.probe_timeout(),
            events,
            questions: Mutex::default(),
        })
    }

    /// Waits for something of the service: until it falls silent, or for at most `patience`. `peer` is the address that it is to come
    /// from, where that is known.
    ///
    /// # Errors
    /// [`Silence`]
    pub async fn wait<T>(
        self: &Arc<Self>,
        peer: Option<SocketAddr>,
        patience: Option<Duration>,
        work: impl Future<Output = T>,
    ) -> Result<T, Silence> {
        // What has come counts, however late it is looked at: hence `biased`, and no question before a poll of the work.
        let watched = async {
            let (mut work, mut silent) = (pin!(work), pin!(self.silent(peer)));
            tokio::select! {
                biased;
                done = &mut work => Ok(done),
                () = &mut silent => Err(Silence::Unresponsive),
            }
        };
        match patience {
            Some(patience) => timeout(patience, watched).await.unwrap_or(Err(Silence::TooLong(patience))),
            None => watched.await,
        }
    }

    /// Until the service is found to be silent.
    async fn silent(self: &Arc<Self>, peer: Option<SocketAddr>) {
        let mut known_to_live = Instant::now();
        loop {
            sleep_until(known_to_live + self.after).await;
            match self.ask(peer, known_to_live).await {
                Some(asked) => known_to_live = asked,
                None => return,
            }
        }
    }

    /// Asks whether the service lives, or has somebody else's answer to a question that began after `since`: when that
    /// question began.
    async fn ask(self: &Arc<Self>, peer: Option<SocketAddr>, since: Instant) -> Option<Instant> {
        loop {
            let mut question = self.question(peer, since);
            // A question that came to nothing is no proof.
            let answered =
                question.answered.wait_for(Option::is_some).await.map_or(true, |answer| *answer != Some(false));
            // One that was open before this silence began says nothing about it.
            if question.began > since {
                return answered.then_some(question.began);
            }
        }
    }

    fn question(self: &Arc<Self>, peer: Option<SocketAddr>, since: Instant) -> Question {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        // An old answer helps nobody: the service may have gone or come back.
        questions.retain(|_, question| question.is_open() || question.began.elapsed() < self.after);
        if let Some(question) = questions.get(&peer).filter(|question| question.is_open() || question.began > since) {
            return question.clone();
        }
        let (answer, answered) = watch::channel(None);
        let question = Question { began: Instant::now(), answered };
        questions.insert(peer, question.clone());
        let watch = Arc::clone(self);
        // A task of its own: those who wait for the answer may leave.
        tokio::spawn(async move {
            let lives = watch.lives(peer).await;
            if !lives {
                watch.events.upstream_silent(watch.name, peer);
            }
            answer.send_replace(Some(lives));
        });
        question
    }

    async fn lives(&self, peer: Option<SocketAddr>) -> bool {
        let addresses: Vec<SocketAddr> = match peer {
            Some(peer) => vec![peer],
            // A name that cannot be looked up says nothing about who is waited for.
            None => match timeout(self.limit, lookup_host(&self.address)).await {
                Ok(Ok(found)) => found.collect(),
                _ => return true,
            },
        };
        for _ in 0..TRIES {
            let until = Instant::now() + self.limit;
            // Any of them may be the one that is waited for.
            let silent = join_all(addresses.iter().map(|address| self.is_silent(*address, until))).await;
            if silent.contains(&false) {
                return true;
            }
            // What fails at once would fail twice at once.
            sleep_until(until).await;
        }
        addresses.is_empty()
    }

    async fn is_silent(&self, address: SocketAddr, until: Instant) -> bool {
        match timeout_at(until, self.answer(address)).await {
            Ok(Ok(())) => false,
            Ok(Err(error)) => is_silence(&error),
            Err(_) => true,
        }
    }

    /// `GET /live` by hand: a client with a pool might ask over a connection that is itself lost. Whatever comes, somebody is there.
    async fn answer(&self, address: SocketAddr) -> io::Result<()> {
        let mut stream = TcpStream::connect(address).await?;
        let head = format!("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.path, self.address);
        stream.write_all(head.as_bytes()).await?;
        stream.read(&mut [0; 512]).await.map(|_| ())
    }
}

/// Whether a failed question found silence. A refusal is an answer: a service that drains listens no more, but ends what it has begun,
/// and a host that has lost a process has closed its connections. A failure of our own (no file descriptor) says nothing.
pub fn is_silence(error: &io::Error) -> bool {
    use ErrorKind::{HostUnreachable, NetworkDown, NetworkUnreachable, TimedOut};
    matches!(error.kind(), HostUnreachable | NetworkDown | NetworkUnreachable | TimedOut)
}

/// Where a service is: `host:port`.
pub fn address(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80))
}

/// Has the kernel ask after this connection: [`KEEPALIVE`].
///
/// # Errors
/// Those of the socket.
pub fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    let (idle, interval, count) = KEEPALIVE;
    sockopt::set_tcp_keepidle(stream, idle)?;
    sockopt::set_tcp_keepintvl(stream, interval)?;
    sockopt::set_tcp_keepcnt(stream, count)?;
    Ok(sockopt::set_socket_keepalive(stream, true)?)
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;
    use tokio::{net::TcpListener, sync::oneshot, time::sleep};

    use super::*;
    use crate::GatewaySettings;

    /// Over whoever listens at `address`.
    fn watch(address: SocketAddr) -> Arc<Watch> {
        let settings = GatewaySettings::default().upstream;
        let base = format!("http://{address}").parse().unwrap();
        Watch::new("tts", &base, &settings, Events::register(&mut Registry::default()))
    }

    #[tokio::test(start_paused = true)]
    async fn while_something_comes_nothing_is_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let watch = watch(listener.local_addr().unwrap());
        let piece = watch.after - Duration::from_millis(1);
        for _ in 0..100 {
            watch.wait(None, None, sleep(piece)).await.unwrap();
        }
        assert!(watch.questions.lock().unwrap().is_empty());
    }

    /// This process was paused itself, or busy: what came meanwhile has come, and nobody is asked about it.
    #[tokio::test(start_paused = true)]
    async fn what_has_come_counts_however_late_it_is_looked_at() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let watch = watch(listener.local_addr().unwrap());
        // Often: what is looked at first would else be left to chance.
        for _ in 0..50 {
            let (sender, receiver) = oneshot::channel();
            let mut waiting = pin!(watch.wait(None, None, receiver));
            assert!(futures_util::poll!(waiting.as_mut()).is_pending());
            tokio::time::advance(watch.after + Duration::from_secs(1)).await;
            sender.send(()).unwrap();
            assert_eq!(waiting.await, Ok(Ok(())));
        }
        assert!(watch.questions.lock().unwrap().is_empty());
    }

    /// The settings promise it: two seconds of silence, two questions of one and a half.
    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_service_that_hangs_knows_it_after_five_seconds() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = listener.local_addr().unwrap();
        let watch = watch(peer);
        let began = Instant::now();
        // One question for two who waited when it began; who came later is not told what it found, but asks again.
        let in_vain = async |after: f64| {
            sleep(Duration::from_secs_f64(after)).await;
            let ended = watch.wait(Some(peer), None, std::future::pending::<()>()).await;
            assert_eq!(ended, Err(Silence::Unresponsive));
            began.elapsed().as_secs_f64()
        };
        let (early, beside, late) = tokio::join!(in_vain(0.0), in_vain(0.5), in_vain(2.5));
        // The timer has steps of a millisecond.
        let about = |wanted: f64, found: f64| assert!((found - wanted).abs() < 0.1, "{found} s, not {wanted}");
        about(5.0, early);
        about(5.0, beside);
        about(8.0, late);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_has_an_end_though_the_service_lives() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let watch = watch(listener.local_addr().unwrap());
        let patience = Duration::from_secs(1);
        let ended = watch.wait(None, Some(patience), std::future::pending::<()>()).await;
        assert_eq!(ended, Err(Silence::TooLong(patience)));
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = watch(nobody).answer(nobody).await.unwrap_err();
        assert!(!is_silence(&error), "{error}");
    }

    #[tokio::test]
    async fn the_kernel_asks_after_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        keep_alive(&stream).unwrap();
        assert!(sockopt::socket_keepalive(&stream).unwrap());
        let asks = (sockopt::tcp_keepidle(&stream), sockopt::tcp_keepintvl(&stream), sockopt::tcp_keepcnt(&stream));
        assert_eq!((asks.0.unwrap(), asks.1.unwrap(), asks.2.unwrap()), KEEPALIVE);
    }
}
