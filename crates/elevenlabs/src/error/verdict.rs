//! The kinds of bad news, and how each is recognised.

use evervoice_core::tts::ProviderFailure;

/// A kind of bad news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No connection, or it is gone.
    Unreachable,
    /// Too slow.
    Slow,
    /// It is overloaded, or asks us to be slower.
    Busy,
    /// We ask for more at once than the plan allows.
    Crowded,
    /// Key, plan or quota.
    Refused,
    /// A voice or model that does not exist, or that this interface does not have.
    NoSuchThing,
    /// This request is wrong.
    Rejected,
    /// It failed.
    Broken,
}

use Verdict::{Broken, Busy, Crowded, NoSuchThing, Refused, Rejected, Slow, Unreachable};

/// Names in `code`, `status` and `error`. Those of the two interfaces differ for the same thing.
const NAMES: [(&str, Verdict); 24] = [
    ("unauthorized", Refused),
    ("invalid_api_key", Refused),
    ("missing_api_key", Refused),
    ("subscription_required", Refused),
    ("output_format_not_allowed", Refused),
    ("quota_exceeded", Refused),
    ("insufficient_credits", Refused),
    ("payment_required", Refused),
    ("detected_unusual_activity", Refused),
    ("voice_not_found", NoSuchThing),
    ("voice_id_does_not_exist", NoSuchThing),
    ("model_not_found", NoSuchThing),
    ("unsupported_model", NoSuchThing),
    ("text_too_long", Rejected),
    ("max_character_limit_exceeded", Rejected),
    ("too_many_concurrent_requests", Crowded),
    ("concurrent_limit_exceeded", Crowded),
    ("rate_limit_exceeded", Busy),
    ("system_busy", Busy),
    ("max_active_conversations", Busy),
    ("service_unavailable", Busy),
    ("input_timeout_exceeded", Unreachable),
    ("internal_error", Broken),
    ("internal_server_error", Broken),
];

/// Words in a message or close reason that has no name. The reason of a close frame may be cut, so these are beginnings.
const WORDS: [(&str, Verdict); 8] = [
    ("something went wrong", Broken),
    ("quota", Refused),
    ("invalid api key", Refused),
    ("unusual activity", Refused),
    ("does not exist", NoSuchThing),
    ("voice_settings", Rejected),
    ("maximum simultaneous contexts", Busy),
    ("have not received a new text input", Unreachable),
];

impl Verdict {
    pub(super) fn of_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, verdict)| *verdict)
    }

    pub(super) fn of_words(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        WORDS.iter().find(|(words, _)| text.contains(words)).map(|(_, verdict)| *verdict)
    }

    pub(super) fn of_status(status: u16) -> Self {
        match status {
            401..=403 => Refused,
            408 | 504 => Slow,
            429 | 503 => Busy,
            400..=499 => Rejected,
            _ => Broken,
        }
    }

    /// 1008 says nothing: it is used for everything.
    pub(super) fn of_close_code(code: Option<u16>) -> Self {
        match code {
            Some(1008 | 1011) => Broken,
            Some(1013) => Busy,
            _ => Unreachable,
        }
    }

    pub(super) fn failure(self) -> ProviderFailure {
        match self {
            Unreachable => ProviderFailure::Unreachable,
            Slow => ProviderFailure::Timeout,
            Busy | Crowded => ProviderFailure::Busy,
            Refused => ProviderFailure::Refused,
            NoSuchThing | Rejected => ProviderFailure::Rejected,
            Broken => ProviderFailure::Broken,
        }
    }
}
