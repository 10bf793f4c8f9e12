//! The two questions every error of Evervoice answers: whose fault is it, and may the same thing be tried again.
//!
//! One place turns the answers into an HTTP status: `service::problem`.

use std::time::Duration;

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request was wrong; the same request will fail again. Maps to 4xx.
    Caller,
    /// Something that we depend on failed (another service, a provider). Maps to 502, 503 or 504.
    Upstream,
    /// We are full, too slow or broken. Maps to 500, 503 or 504.
    Us,
}

/// Whether the same request may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: it will fail again.
    Never,
    /// At once, over a fresh connection.
    Fresh,
    /// After this delay.
    After(Duration),
}

/// An error and what caused it, in one line: only the last cause of a failed connection says that a certificate is unknown.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
