//! One way to make an HTTP client, shared by the gateway, the model manager and the command-line clients.
//!
//! TLS is rustls with the `ring` provider and the roots of the operating system
//! (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them, as everywhere that OpenSSL's names are honoured).
//! A machine without any roots still gets a working client for `http://`; only `https://` fails there,
//! at the handshake and with an error that names the certificate.
//!
//! Proxies come from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` (or their lower-case names) and
//! `NO_PROXY`, as with curl, with one difference: loopback addresses never go through a proxy, because the
//! services of this project talk to each other there.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{ClientBuilder, NoProxy, Proxy};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};

/// How long connecting (name, TCP and TLS together) may take before it counts as failed.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Hosts that are reached directly, whatever the proxy variables say.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// What servers see as `User-Agent`.
const USER_AGENT: &str = concat!("evervoice/", env!("CARGO_PKG_VERSION"));

/// A builder with this project's defaults: native roots, proxies from the environment, TCP_NODELAY,
/// [`CONNECT_TIMEOUT`] and `User-Agent`. Callers add their own read or total timeout.
///
/// It reads certificate files each time, so make one client and clone it.
pub fn builder() -> ClientBuilder {
    builder_trusting("")
}

/// [`builder`], which also trusts the certificates in `pem`; what is no certificate there is left out.
pub fn builder_trusting(pem: &str) -> ClientBuilder {
    builder_with(tls_trusting(pem), |name| std::env::var(name).ok())
}

/// [`builder_trusting`] with the environment as an argument.
fn builder_with(tls: ClientConfig, variable: impl Fn(&str) -> Option<String>) -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        // Speech comes in small writes; waiting to fill a packet would only add delay.
        .tcp_nodelay(true)
        // What reqwest itself would take from the environment has no exception for loopback.
        .no_proxy();
    proxies(variable).into_iter().fold(builder, ClientBuilder::proxy)
}

/// TLS as every client of this project speaks it: the `ring` provider, TLS 1.2 and 1.3, the roots of the operating system (or of
/// `SSL_CERT_FILE` and `SSL_CERT_DIR`) and those of `pem`.
fn tls_trusting(pem: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    // Unreadable certificates are left out one by one; a missing store leaves an empty set.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem.as_bytes()).flatten());
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The proxies of the environment, most specific first. A value that is no address is left out, as curl does.
fn proxies(variable: impl Fn(&str) -> Option<String>) -> Vec<Proxy> {
    let either = |name: &str| {
        variable(name).or_else(|| variable(&name.to_ascii_lowercase())).filter(|value| !value.trim().is_empty())
    };
    let exempt = match either("NO_PROXY") {
        Some(listed) => format!("{LOOPBACK},{listed}"),
        None => LOOPBACK.to_owned(),
    };
    [
        either("HTTPS_PROXY").map(Proxy::https),
        either("HTTP_PROXY").map(Proxy::http),
        either("ALL_PROXY").map(Proxy::all),
    ]
    .into_iter()
    .filter_map(|proxy| proxy?.ok())
    .map(|proxy| proxy.no_proxy(NoProxy::from_string(&exempt)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Answers every request with `name`, so a test can see who was asked.
    fn server(name: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head);
                let length = name.len();
                let _ =
                    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}");
            }
        });
        port
    }

    async fn ask(client: &reqwest::Client, url: &str) -> String {
        let answer = client.get(url).send().await.unwrap();
        answer.text().await.unwrap()
    }

    #[tokio::test]
    async fn loopback_never_goes_through_a_proxy_and_other_hosts_do() {
        let (proxy, target) = (server("proxy"), server("target"));
        let client =
            builder_with(tls_trusting(""), |name| (name == "HTTP_PROXY").then(|| format!("http://127.0.0.1:{proxy}")))
                .build()
                .unwrap();
        assert_eq!(ask(&client, "http://speech.invalid/").await, "proxy", "the proxy variable is honoured");
        for host in ["127.0.0.1", "localhost"] {
            assert_eq!(ask(&client, &format!("http://{host}:{target}/")).await, "target");
        }
    }

    #[tokio::test]
    async fn lower_case_and_no_proxy_are_honoured() {
        let proxy = server("proxy");
        let client = builder_with(tls_trusting(""), |name| match name {
            "all_proxy" => Some(format!("http://127.0.0.1:{proxy}")),
            "no_proxy" => Some("direct.invalid".to_owned()),
            _ => None,
        })
        .build()
        .unwrap();
        assert_eq!(ask(&client, "http://speech.invalid/").await, "proxy");
        let direct = client.get("http://direct.invalid/").send().await;
        assert!(direct.unwrap_err().is_connect());
    }

    #[tokio::test]
    async fn a_bad_proxy_address_is_left_out() {
        let target = server("target");
        let client = builder_with(tls_trusting(""), |_| Some("::not an address::".to_owned())).build().unwrap();
        assert_eq!(ask(&client, &format!("http://127.0.0.1:{target}/")).await, "target");
    }
}
