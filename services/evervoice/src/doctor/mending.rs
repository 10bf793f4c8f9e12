//! What to do about a failure of a provider.

use evervoice_core::{
    fault::with_sources,
    tts::{ProviderFailure, TtsError},
};
use evervoice_tts::config::ProviderName;

/// What happened, without the provider's name: it stands beside.
pub fn tell(error: &TtsError) -> String {
    match error {
        TtsError::Provider { failure, source, .. } => format!("{failure}: {}", with_sources(&**source)),
        error => with_sources(error),
    }
}

/// What a person can do about it.
pub fn mend(name: ProviderName, error: &TtsError) -> String {
    let address = match name {
        ProviderName::ElevenLabsWs => "ELEVEN_WS_BASE_URL",
        _ => "ELEVEN_HTTP_BASE_URL",
    };
    let TtsError::Provider { failure, source, .. } = error else {
        return "look at local.voices, local.default_voice and language_code in tts_config.yml".to_owned();
    };
    // The service names the thing in its message.
    let told = with_sources(&**source).to_ascii_lowercase();
    match failure {
        ProviderFailure::Refused if told.contains("quota") || told.contains("credits") => {
            "the account has used up its characters: wait for the next month or take a larger plan".to_owned()
        }
        ProviderFailure::Refused => "check ELEVEN_API_KEY, and what the account's plan allows".to_owned(),
        ProviderFailure::Rejected if told.contains("voice") => {
            "check ELEVEN_VOICE_ID: the account must have this voice".to_owned()
        }
        ProviderFailure::Rejected if told.contains("model") => {
            "check ELEVEN_MODEL_ID, such as eleven_flash_v2_5".to_owned()
        }
        ProviderFailure::Rejected => "check ELEVEN_VOICE_ID, ELEVEN_MODEL_ID and the output formats".to_owned(),
        ProviderFailure::Unreachable if told.contains("certificate") => {
            "trust the certificate's authority with SSL_CERT_FILE, and look at the clock of this machine".to_owned()
        }
        ProviderFailure::Unreachable => {
            format!("is the network there? look at DNS, firewall and proxy, and at {address}")
        }
        ProviderFailure::Timeout => format!("look at the network and at {address}; a regional address may be nearer"),
        ProviderFailure::Busy => "try again later, or take a plan with more requests at once".to_owned(),
        ProviderFailure::Broken => "try again; if it stays, ask the service, or try another model or format".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use evervoice_core::fault::Retry;

    use super::*;

    #[test]
    fn each_failure_has_its_remedy() {
        use ProviderFailure::{Broken, Busy, Refused, Rejected, Timeout, Unreachable};
        for (failure, said, remedy) in [
            (Refused, "invalid_api_key", "ELEVEN_API_KEY"),
            (Refused, "quota_exceeded", "larger plan"),
            (Rejected, "A voice with voice_id x does not exist", "ELEVEN_VOICE_ID"),
            (Rejected, "the model x", "ELEVEN_MODEL_ID"),
            (Unreachable, "dns error", "ELEVEN_WS_BASE_URL"),
            (Unreachable, "invalid peer certificate", "SSL_CERT_FILE"),
            (Timeout, "no first sound within 5000 ms", "ELEVEN_WS_BASE_URL"),
            (Busy, "HTTP 429", "later"),
            (Broken, "HTTP 500", "try again"),
        ] {
            let error = TtsError::Provider { provider: "x", failure, retry: Retry::Never, source: said.into() };
            let mend = mend(ProviderName::ElevenLabsWs, &error);
            assert!(mend.contains(remedy), "{said}: {mend}");
            assert!(tell(&error).ends_with(said));
        }
        assert!(mend(ProviderName::Local, &TtsError::NothingToSpeak).contains("tts_config.yml"));
    }
}
