//! What is said to the service, in which order.

use super::context::Context;
use crate::{config::ElevenLabsSettings, protocol::ClientMessage, voice::VoiceSettings};

/// The first message of an utterance.
pub(super) fn open(context: &Context, settings: &ElevenLabsSettings, speed: f32) -> String {
    let voice = VoiceSettings::new(settings, speed);
    context.encode(ClientMessage::Open {
        voice: &voice,
        schedule: (!settings.ws_auto_mode).then_some(&settings.chunk_length_schedule),
        key: settings.ws_key_in_first_message.then(|| settings.api_key.expose()),
    })
}

/// A piece of text. The service wants every piece to end with white space.
pub(super) fn text(context: &Context, text: &str, first: bool, flush: bool) -> String {
    let space = if text.ends_with(char::is_whitespace) { "" } else { " " };
    let text = format!("{text}{space}");
    context.encode(ClientMessage::Text { text: &text, try_trigger_generation: first, flush })
}

/// All messages of an utterance whose text is known, but for the end of a context: told at once, it was seen to overtake
/// the text, and nothing was spoken. It is told after the first sound.
pub(super) fn whole(context: &Context, settings: &ElevenLabsSettings, speed: f32, all: &str) -> Vec<String> {
    let mut messages = vec![open(context, settings, speed), text(context, all, true, true)];
    if context.single() {
        messages.push(context.encode(ClientMessage::Close));
    }
    messages
}
