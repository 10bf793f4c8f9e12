//! The program: its health check.

use std::net::{Ipv6Addr, SocketAddr};
use std::process::{Command, Output};

use elevenlabs_emulator::Event;
use tokio::net::TcpListener;

use crate::support::{emulator, soon};

/// Runs the program to its end.
async fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elevenlabs-emulator"));
    command.args(arguments);
    soon(tokio::task::spawn_blocking(move || command.output())).await.expect("no panic").expect("it runs")
}

async fn healthcheck(listen: SocketAddr) -> Output {
    run(&["healthcheck", "--listen", &listen.to_string()]).await
}

#[tokio::test]
async fn a_running_emulator_is_healthy_also_where_it_listens_everywhere() {
    let emulator = emulator().await;
    let port = emulator.address().port();
    for address in [emulator.address(), (Ipv6Addr::UNSPECIFIED, port).into(), ([0, 0, 0, 0], port).into()] {
        let output = healthcheck(address).await;
        assert!(output.status.success(), "{address}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let seen = emulator.log();
    assert!(seen.iter().all(|received| matches!(received.event, Event::Connect { .. })), "no request: {seen:?}");
}

#[tokio::test]
async fn nobody_a_stranger_and_one_who_says_nothing_are_not() {
    // A listener that is dropped frees its port; one that is kept takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    for (address, why) in [(silent.local_addr().expect("an address"), "timed out"), (free, "refused")] {
        let output = healthcheck(address).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&address.to_string()) && said.contains(why), "{said}");
    }
    let stranger = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = stranger.local_addr().expect("an address");
    let answer = async {
        let (mut stream, _) = stranger.accept().await.expect("a connection");
        let mut head = [0; 512];
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut head).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 404 Not Found\r\n\r\n").await;
    };
    let (output, ()) = tokio::join!(healthcheck(address), answer);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("404"));
}

#[tokio::test]
async fn the_emulators_own_options_do_not_mix_with_it() {
    let output = run(&["--pace", "1", "healthcheck", "--listen", "127.0.0.1:1"]).await;
    assert_eq!(output.status.code(), Some(2));
}
