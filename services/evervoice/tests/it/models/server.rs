//! An HTTP server that serves one file, and misbehaves as it is told.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server does with its next request.
#[derive(Clone)]
pub enum Act {
    /// Sends what was asked for, with `ETag`.
    Serve,
    /// Sends the head and so many bytes of the body, then hangs up.
    HangUpAfter(usize),
    /// Sends the head and so many bytes of the body, then nothing for longer than the client waits.
    FallSilentAfter(usize),
    /// Sends this status line and these header lines (each ended by CRLF) without a body.
    Refuse(&'static str, &'static str),
    /// Sends a page that is not the file.
    SignInPage,
    /// Sends the whole file without a length, and one byte more.
    TooMuch,
}

/// The running server.
pub struct Server {
    /// `http://127.0.0.1:PORT`
    pub base: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves `file` under `etag`: one act per request, and [`Act::Serve`] after the last.
    pub fn start(file: Vec<u8>, etag: &'static str, acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        let file = Arc::new(file);
        std::thread::spawn(move || {
            let mut acts = acts.into_iter();
            for mut stream in listener.incoming().flatten() {
                let head = read_head(&mut stream);
                seen.lock().unwrap().push(head.clone());
                let (act, file) = (acts.next().unwrap_or(Act::Serve), file.clone());
                // A thread each, so that falling silent keeps nobody else waiting. A client that hung up is none
                // of the server's business.
                std::thread::spawn(move || answer(&mut stream, &head, &file, etag, act).ok());
            }
        });
        Server { base, heads }
    }

    /// The heads of all requests so far, in lower case.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut one = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut one).unwrap_or(0) == 1 {
        bytes.push(one[0]);
    }
    String::from_utf8_lossy(&bytes).to_ascii_lowercase()
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn answer(stream: &mut TcpStream, head: &str, file: &[u8], etag: &str, act: Act) -> std::io::Result<()> {
    let close = "Connection: close\r\n";
    let part = match act {
        Act::Refuse(status, headers) => {
            return write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n{close}{headers}\r\n");
        }
        Act::SignInPage => {
            let page = "<html>please sign in</html>";
            return write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{close}\r\n{page}", page.len());
        }
        Act::TooMuch => {
            write!(stream, "HTTP/1.1 200 OK\r\n{close}\r\n")?;
            stream.write_all(file)?;
            return stream.write_all(b"!");
        }
        Act::Serve => file.len(),
        Act::HangUpAfter(count) | Act::FallSilentAfter(count) => count,
    };
    let same = field(head, "if-range").is_none_or(|tag| tag == etag);
    let range = field(head, "range").filter(|_| same);
    let from: usize =
        range.map_or(0, |range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
    let body = &file[from..];
    let (status, place) = match range {
        Some(_) => {
            ("206 Partial Content", format!("Content-Range: bytes {from}-{}/{}\r\n", file.len() - 1, file.len()))
        }
        None => ("200 OK", String::new()),
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: {etag}\r\n{place}{close}\r\n")?;
    stream.write_all(&body[..part.min(length)])?;
    stream.flush()?;
    if matches!(act, Act::FallSilentAfter(_)) {
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}
