//! Text messages on `/ws/tts`, read and written.

use axum::extract::ws::Message;
use evervoice_core::{
    api::{FillerContext, ProblemKind, SpeakBody, TtsCommand, TtsEvent, TtsProblem},
    service::{Problem, body},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The fields of a `cancel`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    played_ms: Option<u64>,
}

/// The fields of a `filler`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filler {
    context: Option<FillerContext>,
    text: Option<String>,
}

/// A command, or the problem with it and the `id` it was sent under.
pub fn parse(text: &str) -> Result<TtsCommand, (Option<String>, Problem)> {
    let mut value: Value = body::json(text.as_bytes()).map_err(|problem| (None, problem))?;
    let Some(object) = value.as_object_mut() else {
        return Err((None, Problem::unprocessable("invalid_field", "a message is a JSON object")));
    };
    let kind = object.remove("type").unwrap_or_else(|| json!("speak"));
    // A `config` has no id: it is about all that follow.
    let id = match if kind == "config" { None } else { object.remove("id") } {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id),
        Some(_) => return Err((None, Problem::unprocessable("invalid_field", "`id` must be a string"))),
    };
    let bare = object.is_empty();
    let speak = |value| serde_json::from_value::<SpeakBody>(value).map_err(|error| error.to_string());
    let named = id.clone();
    let command = match kind.as_str() {
        Some("flush" | "end") if !bare => Err(format!("{kind} has no other field than `id`")),
        Some("flush") => Ok(TtsCommand::Flush { id: named }),
        Some("end") => Ok(TtsCommand::End { id: named }),
        Some("speak") => speak(value).map(|body| TtsCommand::Speak { id: named, body }),
        Some("text") => speak(value).map(|body| TtsCommand::Text { id: named, body }),
        Some("cancel") => serde_json::from_value(value)
            .map(|Cancel { played_ms }| TtsCommand::Cancel { id: named, played_ms })
            .map_err(|error| error.to_string()),
        Some("filler") => serde_json::from_value(value)
            .map(|Filler { context, text }| TtsCommand::Filler { id: named, context, text })
            .map_err(|error| error.to_string()),
        Some("config") => serde_json::from_value(value).map(TtsCommand::Config).map_err(|error| error.to_string()),
        _ => Err(format!("type {kind} is not known; known are speak, text, flush, end, cancel, filler and config")),
    };
    command.map_err(|what| (id, Problem::unprocessable("invalid_field", what)))
}

pub fn event_message(event: &TtsEvent) -> Message {
    Message::Text(serde_json::to_string(event).unwrap_or_default().into())
}

pub fn problem_message(id: Option<&str>, problem: &Problem, request_id: &str) -> Message {
    let body = problem.body(request_id);
    let message = TtsProblem {
        kind: ProblemKind::Problem,
        id: id.map(ToOwned::to_owned),
        title: body.title,
        status: body.status,
        detail: body.detail,
        code: body.code,
        request_id: body.request_id,
    };
    Message::Text(serde_json::to_string(&message).unwrap_or_default().into())
}
