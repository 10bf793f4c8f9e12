//! A server for one request: it reads the request, sends prepared bytes and hangs up.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

/// A request as it came over the wire.
pub struct Request {
    pub line: String,
    pub head: String,
    pub body: Vec<u8>,
}

/// Answers one request with `pieces`, a short pause after each.
pub fn serve(pieces: Vec<Vec<u8>>) -> (String, JoinHandle<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = read(&mut stream);
        for piece in pieces {
            // A client that has heard enough hangs up; what it made of it is for the test to say.
            if stream.write_all(&piece).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        request
    });
    (url, thread)
}

/// Reads one request.
pub fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the request ended within its head");
        bytes.extend_from_slice(&buffer[..count]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length: usize =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap();
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the request ended within its body");
        body.extend_from_slice(&buffer[..count]);
    }
    let line = head.lines().next().unwrap().to_owned();
    Request { line, head, body }
}

/// The head of a streamed 200 with further header lines, each ended by CRLF.
pub fn head(further: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n{further}\r\n")
        .into_bytes()
}

/// One HTTP chunk.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// What ends a chunked body that came whole.
pub fn end() -> Vec<u8> {
    b"0\r\n\r\n".to_vec()
}

/// A refusal with a body that has a length.
pub fn refusal(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}").into_bytes()
}
