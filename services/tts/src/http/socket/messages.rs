//! Text messages on `/ws/tts`, read and written.

use axum::extract::ws::Message;
use evervoice_core::{
    api::{TtsCommand, TtsEvent},
    service::{Problem, body},
};
use serde_json::{Value, json};

/// A command, or the problem with it and the `id` it was sent under.
pub fn parse(text: &str) -> Result<TtsCommand, (Option<String>, Problem)> {
    let mut value: Value = body::json(text.as_bytes()).map_err(|problem| (None, problem))?;
    let Some(object) = value.as_object_mut() else {
        return Err((None, Problem::unprocessable("invalid_field", "a message is a JSON object")));
    };
    let id = match object.remove("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id),
        Some(_) => return Err((None, Problem::unprocessable("invalid_field", "`id` must be a string"))),
    };
    let kind = object.remove("type").unwrap_or_else(|| json!("speak"));
    let bare = |command: TtsCommand| match object.is_empty() {
        true => Ok(command),
        false => Err(format!("{kind} has no other field than `id`")),
    };
    let named = id.clone();
    let command = match kind.as_str() {
        Some("cancel") => bare(TtsCommand::Cancel { id: named, played_ms: None }),
        Some("flush") => bare(TtsCommand::Flush { id: named }),
        Some("end") => bare(TtsCommand::End { id: named }),
        Some("speak") => {
            serde_json::from_value(value).map(|body| TtsCommand::Speak { id: named, body }).map_err(|e| e.to_string())
        }
        Some("text") => {
            serde_json::from_value(value).map(|body| TtsCommand::Text { id: named, body }).map_err(|e| e.to_string())
        }
        _ => Err(format!("type {kind} is not known; known are speak, text, flush, end and cancel")),
    };
    command.map_err(|what| (id, Problem::unprocessable("invalid_field", what)))
}

pub fn event_message(event: &TtsEvent) -> Message {
    Message::Text(serde_json::to_string(event).unwrap_or_default().into())
}

pub fn problem_message(id: Option<&str>, problem: &Problem, request_id: &str) -> Message {
    let mut body = serde_json::to_value(problem.body(request_id)).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        // The member `type` names the message here, as in every other; the kind of problem is its `code`.
        members.insert("type".to_owned(), json!("problem"));
        members.insert("id".to_owned(), json!(id));
    }
    Message::Text(body.to_string().into())
}
