//! The raw events of a measurement: those of the bench, and those that the ElevenLabs client logs, in one row.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Serialize, Serializer};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::cases::Case;
use super::stats::thousandths;

/// Whose log events are raw events too.
const CLIENT: &str = "evervoice_elevenlabs";

/// A line of the raw log: `event`, `ts`, and its fields in the order in which they were given.
#[derive(Debug, Clone, PartialEq)]
pub struct RawEvent(Vec<(&'static str, Value)>);

impl RawEvent {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// Whether it is the event of this name.
    pub fn is(&self, name: &str) -> bool {
        self.get("event").and_then(Value::as_str) == Some(name)
    }
}

impl Serialize for RawEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Collects events. Cloning it shares them.
#[derive(Debug, Clone, Default)]
pub struct Probe(Arc<Mutex<Collected>>);

#[derive(Debug, Default)]
struct Collected {
    events: Vec<RawEvent>,
    current: Option<(Case, u32)>,
}

impl Probe {
    /// What this thread logs from here on is collected too, until the guard is dropped.
    pub fn listen(&self) -> DefaultGuard {
        tracing::subscriber::set_default(tracing_subscriber::registry().with(self.clone()))
    }

    /// Events from here on belong to a run: they get its `case` and `run`.
    pub fn begin(&self, case: Case, run: u32) {
        self.locked(|collected| collected.current = Some((case, run)));
    }

    /// Events from here on belong to no run.
    pub fn end(&self) {
        self.locked(|collected| collected.current = None);
    }

    /// Adds an event of now.
    pub fn record(&self, event: &str, fields: impl IntoIterator<Item = (&'static str, Value)>) {
        let mut line = vec![("event", Value::from(event)), ("ts", Value::from(now()))];
        self.locked(|collected| {
            if let Some((case, run)) = collected.current {
                line.push(("case", serde_json::to_value(case).unwrap_or_default()));
                line.push(("run", run.into()));
            }
            line.extend(fields.into_iter().map(|(name, value)| (name, rounded(value))));
            collected.events.push(RawEvent(line));
        });
    }

    /// How many there are: a mark for [`Probe::since`].
    pub fn count(&self) -> usize {
        self.locked(|collected| collected.events.len())
    }

    /// The events after a mark.
    pub fn since(&self, mark: usize) -> Vec<RawEvent> {
        self.locked(|collected| collected.events[mark..].to_vec())
    }

    /// All of them, a line of JSON each.
    pub fn lines(&self) -> String {
        let events = self.since(0);
        let lines = events.iter().map(|event| serde_json::to_string(event).unwrap_or_default() + "\n");
        lines.collect()
    }

    /// The lock is held for the step only; what a panic left behind is still a row of whole events.
    fn locked<T>(&self, step: impl FnOnce(&mut Collected) -> T) -> T {
        step(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for Probe {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !event.metadata().target().starts_with(CLIENT) {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(name) = fields.event {
            self.record(&name, fields.others);
        }
    }
}

#[derive(Default)]
struct Fields {
    event: Option<String>,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        match (field.name(), value.into()) {
            ("event", Value::String(name)) => self.event = Some(name),
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }
}

fn rounded(value: Value) -> Value {
    match value.as_f64() {
        Some(number) if value.is_f64() => thousandths(number).into(),
        _ => value,
    }
}

/// This moment in UTC as RFC 3339 with microseconds, as in the logs of the services.
pub fn now() -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_events_and_those_of_the_client_are_one_row() {
        let probe = Probe::default();
        let guard = probe.listen();
        probe.begin(Case::WsShort, 2);
        probe.record("ws_handshake_start", []);
        let mark = probe.count();
        tracing::debug!(target: "evervoice_elevenlabs::events", event = "ws_first_audio", ms = 1.23456, bytes = 9);
        tracing::info!(target: "reqwest", event = "other");
        tracing::info!(target: "evervoice_elevenlabs", "no name");
        drop(guard);
        tracing::info!(target: "evervoice_elevenlabs", event = "too_late");

        let lines = probe.lines();
        assert_eq!(lines.lines().count(), 2, "{lines}");
        let [first] = &probe.since(mark)[..] else { panic!("{lines}") };
        assert!(first.is("ws_first_audio") && first.get("ms") == Some(&1.235.into()));
        let ts = first.get("ts").and_then(Value::as_str).unwrap();
        let expected =
            format!(r#"{{"event":"ws_first_audio","ts":"{ts}","case":"ws_short","run":2,"ms":1.235,"bytes":9}}"#);
        assert_eq!(lines.lines().last(), Some(expected.as_str()));
        assert!(ts.ends_with('Z') && ts.len() == 27, "{ts}");
    }
}
