//! Text messages on `/ws/tts`, read and written.

use axum::extract::ws::Message;
use evervoice_core::{
    api::{FillerContext, ProblemKind, SpeakBody, TtsCommand, TtsEvent, TtsProblem, whole_ms},
    service::{Problem, body},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The fields of a `cancel`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    #[serde(default, deserialize_with = "whole_ms")]
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
    // A `config` has no id, it is about all that follow; nor has a `drain`, it is about the connection.
    let id = match if kind == "config" || kind == "drain" { None } else { object.remove("id") } {
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
        Some("drain") if !bare => Err("drain has no fields".to_owned()),
        Some("drain") => Ok(TtsCommand::Drain),
        _ => Err(format!(
            "type {kind} is not known; known are speak, text, flush, end, cancel, filler, config and drain"
        )),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The JSON examples of the manual in blocks of this kind.
    fn examples(kind: &str) -> Vec<&'static str> {
        let manual = include_str!("../../../PROTOCOL.md");
        let opening = format!("```json {kind}\n");
        manual.split(&opening).skip(1).map(|block| block.split("```").next().unwrap()).collect()
    }

    #[test]
    fn every_example_of_the_manual_is_a_message() {
        let (client, server) = (examples("client"), examples("server"));
        let json = include_str!("../../../PROTOCOL.md").matches("```json").count();
        assert_eq!(client.len() + server.len(), json, "an example is of nobody");
        let mut commands: Vec<String> = client.iter().map(|example| format!("{:?}", parse(example).unwrap())).collect();
        for example in server {
            let read: Value = serde_json::from_str(example).unwrap();
            // What is written again from the type is all of the example: it has no field that does not exist.
            let written = match serde_json::from_str::<TtsEvent>(example) {
                Ok(event) => serde_json::to_value(event),
                Err(_) => serde_json::to_value(serde_json::from_str::<TtsProblem>(example).unwrap()),
            };
            assert_eq!(written.unwrap(), read);
            commands.push(read["type"].to_string());
        }
        for name in ["Speak", "Text", "Flush", "End", "Cancel", "Filler", "Config"] {
            assert!(commands.iter().any(|command| command.starts_with(name)), "no example of {name}");
        }
        for name in ["start", "phrase", "mark", "provider", "cancelled", "end", "resumed", "problem"] {
            assert!(commands.contains(&format!("\"{name}\"")), "no example of {name}");
        }
    }

    /// `RENEW_SCHEMA=1 cargo test -p evervoice-tts the_schema` writes the file.
    #[test]
    fn the_schema_is_that_of_the_types() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol.schema.json");
        let schema = serde_json::to_string_pretty(&evervoice_core::api::tts_schema()).unwrap() + "\n";
        if std::env::var_os("RENEW_SCHEMA").is_some() {
            std::fs::write(&file, &schema).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        let how = "protocol.schema.json is old; RENEW_SCHEMA=1 cargo test -p evervoice-tts the_schema writes it anew";
        assert!(written == schema, "{how}");
    }

    #[test]
    fn the_schema_knows_no_other_fields_either() {
        let schema = evervoice_core::api::tts_schema();
        let commands = schema["$defs"]["TtsCommand"]["oneOf"].as_array().unwrap();
        assert_eq!(commands.len(), 8);
        for command in commands.iter().chain([&schema["$defs"]["Speak"]]) {
            assert!(command["properties"].is_object() && command["additionalProperties"] == false, "{command}");
        }
        assert!(schema["$defs"]["Speak"]["properties"].get("type").is_none());
    }

    #[test]
    fn what_was_played_may_have_a_fraction() {
        for (told, expected) in [("1280", 1280), ("12.9", 12), ("0", 0), ("-0.0", 0), ("1e300", u64::MAX)] {
            let message = format!(r#"{{"type": "cancel", "played_ms": {told}}}"#);
            assert_eq!(parse(&message).unwrap(), TtsCommand::Cancel { id: None, played_ms: Some(expected) }, "{told}");
        }
        for wrong in ["-1", "-0.5", "\"5\"", "[5]"] {
            let (_, problem) = parse(&format!(r#"{{"type": "cancel", "played_ms": {wrong}}}"#)).unwrap_err();
            assert_eq!(problem.code, "invalid_field", "{wrong}");
        }
    }

    #[test]
    fn fields_that_do_not_exist_are_refused_by_name() {
        for (message, told) in [
            (r#"{"type": "cancel", "played": 1}"#, "played_ms"),
            (r#"{"type": "filler", "txt": "x"}"#, "context"),
            (r#"{"type": "config", "lead": 1}"#, "lead_ms"),
            (r#"{"type": "config", "barge_in": {"level": 1}}"#, "min_level_dbfs"),
            (r#"{"type": "text", "text": "x", "final": true}"#, "voice"),
            (r#"{"type": "flush", "text": "x"}"#, "flush"),
            (r#"{"type": "drain", "id": "x"}"#, "drain"),
            (r#"{"type": 5}"#, "speak, text, flush, end, cancel, filler, config and drain"),
        ] {
            let (_, problem) = parse(message).unwrap_err();
            assert!(problem.code == "invalid_field" && problem.detail.contains(told), "{message}: {}", problem.detail);
        }
    }
}
