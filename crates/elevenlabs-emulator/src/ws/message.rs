//! What the messages of clients mean. They are flat JSON; the two endpoints read them differently.

use serde_json::Value;

use super::Kind;
use super::ending::End;
use super::frames::ErrorFrame;
use super::session::Session;
use crate::faults::Fault;

/// The context of messages that name none.
const UNNAMED: &str = "default";
/// Names of schemas in the documentation. They are not on the wire; a client that sends them has misread it.
const WRAPPERS: [&str; 10] = [
    "initializeconnection",
    "initialiseconnection",
    "initialisecontext",
    "initializecontext",
    "sendtext",
    "sendtextmulti",
    "flushcontext",
    "closecontext",
    "closeconnection",
    "finaloutput",
];

impl Session {
    /// Takes a message that is a JSON value, or a string where it was none.
    pub(super) fn message(&mut self, message: &Value) -> Result<(), End> {
        let Some(fields) = message.as_object() else {
            return Err(End::Error(ErrorFrame::invalid_message("Messages must be JSON objects.")));
        };
        let wrapper = fields.keys().find(|key| WRAPPERS.contains(&key.to_lowercase().as_str()));
        if let Some(wrapper) = wrapper.filter(|_| self.state.faults.guesses().wrapper_frames_fail) {
            let why = format!("'{wrapper}' is the name of a schema, not a field: messages are flat.");
            return Err(End::Error(ErrorFrame::invalid_message(&why)));
        }
        self.check_key(message)?;
        match self.params.kind {
            Kind::Single => self.single(message),
            Kind::Multi => self.multi(message),
        }
    }

    /// The key may come in the first message. The documentation spells it in two ways.
    fn check_key(&mut self, message: &Value) -> Result<(), End> {
        if self.key_is_good {
            return Ok(());
        }
        let names = ["xi-api-key", "xi_api_key", "authorization"];
        let key = names.iter().find_map(|name| message[name].as_str()).unwrap_or_default();
        if !self.state.knows_key(key.trim_start_matches("Bearer ")) {
            return Err(End::Error(ErrorFrame::wrong_key()));
        }
        self.key_is_good = true;
        Ok(())
    }

    fn check_voice(&self) -> Result<(), End> {
        let voice = &self.params.voice;
        if self.is_armed(Fault::WsVoiceMissing) || !self.state.knows_voice(voice) {
            return Err(End::Error(ErrorFrame::voice_missing(voice)));
        }
        Ok(())
    }

    fn single(&mut self, message: &Value) -> Result<(), End> {
        self.check_voice()?;
        let text = message["text"].as_str().unwrap_or_default();
        let flush = message["flush"] == Value::Bool(true);
        let is_text = message["text"].is_string();
        if is_text && text.is_empty() && (!flush || self.state.faults.guesses().empty_flush_closes) {
            let state = self.state.clone();
            if !self.contexts.contains_key("") {
                self.open_context("", message)?;
            }
            self.contexts.values_mut().for_each(|context| context.end(&state));
            return Ok(());
        }
        self.text("", message, text, flush)
    }

    fn multi(&mut self, message: &Value) -> Result<(), End> {
        if message["close_socket"] == Value::Bool(true) {
            if self.contexts.is_empty() {
                return Err(End::Close(1000, ""));
            }
            let state = self.state.clone();
            self.contexts.values_mut().for_each(|context| context.end(&state));
            self.close_when_done = true;
            return Ok(());
        }
        let named = message["context_id"].as_str();
        let name = named.unwrap_or(UNNAMED).to_owned();
        let text = message["text"].as_str().unwrap_or_default();
        if message["close_context"] == Value::Bool(true) {
            let state = self.state.clone();
            if let Some(context) = self.contexts.get_mut(&name) {
                context.end(&state);
            }
            return Ok(());
        }
        let flush = message["flush"] == Value::Bool(true);
        let known = self.contexts.contains_key(&name);
        // A keep-alive without a context keeps the socket, and opens nothing.
        let keeps_socket = named.is_none() && text.is_empty() && !flush;
        let flushes_nothing = text.is_empty() && flush && !self.state.faults.guesses().flush_opens_context;
        if !known && (keeps_socket || flushes_nothing) {
            return Ok(());
        }
        self.check_voice()?;
        self.text(&name, message, text, flush)
    }

    /// Text for a context, which this may open.
    fn text(&mut self, name: &str, message: &Value, text: &str, flush: bool) -> Result<(), End> {
        let state = self.state.clone();
        let auto_mode = self.params.auto_mode;
        let now = state.config.clock.now();
        let (context, is_first) = match self.contexts.contains_key(name) {
            true => (self.contexts.get_mut(name), false),
            false => (Some(self.open_context(name, message)?), true),
        };
        let Some(context) = context.filter(|context| !context.ending) else { return Ok(()) };
        context.last_input = now;
        let settings = message.get("voice_settings").filter(|settings| !settings.is_null());
        if settings.is_some() && settings != context.settings.as_ref() {
            return Err(End::Error(ErrorFrame::changed_voice_settings()));
        }
        // The space of the first message is not spoken. Later spaces are: even one meant as a keep-alive.
        let text = if is_first && text.trim().is_empty() { "" } else { text };
        if auto_mode {
            context.add_phrase(&state, text);
        } else if !text.is_empty() {
            context.add_text(&state, text, message["try_trigger_generation"] == Value::Bool(true));
        }
        if flush {
            context.generate(&state);
        }
        Ok(())
    }
}
