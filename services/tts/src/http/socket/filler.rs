//! Sound that is at hand before anybody asks: what is said while an answer is on its way, and when nobody can speak.

use bytes::Bytes;
use evervoice_core::{api::FillerContext, audio::OutputFormat};

use crate::http::Context;

/// A text whose sound is at hand.
pub struct Pinned {
    /// What it says.
    pub text: String,
    /// Who spoke it.
    pub provider: &'static str,
    pub format: OutputFormat,
    /// All of it: whole samples.
    pub sound: Bytes,
}

/// What to say to a caller who has just `said` something, but not the `last` one again.
pub fn filler(
    _context: &Context,
    _language: Option<&str>,
    _after: Option<FillerContext>,
    _said: Option<&str>,
    _last: Option<&str>,
    _format: OutputFormat,
) -> Option<Pinned> {
    None
}

/// What to say when nobody can speak.
pub fn outage(_context: &Context, _language: Option<&str>, _format: OutputFormat) -> Option<Pinned> {
    None
}
