//! Logs as JSON lines, flat: `{"ts":…,"level":…,"event":…,…}`, on stdout and, where asked for, in a file a day.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{Event, Subscriber, field::Visit};
use tracing_appender::rolling;
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use super::settings::LogSettings;

/// Starts the log of this process. Call once, from `main`.
///
/// # Errors
/// When the filter cannot be read, the directory cannot be written, or a log has been started before.
pub fn start(process: &str, settings: &LogSettings) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter: EnvFilter = settings.level.parse()?;
    let stdout = tracing_subscriber::fmt::layer().event_format(JsonLines).with_writer(std::io::stdout);
    let file = match &settings.dir {
        None => None,
        Some(directory) => {
            std::fs::create_dir_all(directory)?;
            let writer = rolling::Builder::new()
                .rotation(rolling::Rotation::DAILY)
                .filename_prefix(process)
                .filename_suffix("jsonl")
                .max_log_files(settings.keep_days)
                .build(directory)?;
            let writer = std::sync::Mutex::new(writer);
            Some(tracing_subscriber::fmt::layer().event_format(JsonLines).with_writer(writer).boxed())
        }
    };
    tracing_subscriber::registry().with(filter).with(stdout).with(file).try_init()?;
    Ok(())
}

/// Writes an event as one flat JSON object.
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut ts = String::new();
        SystemTime.format_time(&mut Writer::new(&mut ts))?;
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let mut line = Map::new();
        line.insert("ts".into(), ts.into());
        line.insert("level".into(), event.metadata().level().as_str().to_ascii_lowercase().into());
        // Events of libraries have no name of ours; their target says where they come from.
        if !fields.0.contains_key("event") {
            line.insert("event".into(), "log".into());
            line.insert("target".into(), event.metadata().target().into());
        }
        line.extend(fields.0);
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_i64(&mut self, field: &tracing::field::Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_bool(&mut self, field: &tracing::field::Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_f64(&mut self, field: &tracing::field::Field, value: f64) {
        // Thousandths are enough for milliseconds.
        self.0.insert(field.name().into(), ((value * 1000.0).round() / 1000.0).into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_flat_json_line() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let layer = tracing_subscriber::fmt::layer().event_format(JsonLines).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(event = "tts_first_audio", ms = 4.70049, chars = 12, text = "a\n\"b\"");
        });
        let written = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.lines().count(), 1);
        let line: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(line["event"], "tts_first_audio");
        assert_eq!(line["ms"], 4.7);
        assert_eq!(line["chars"], 12);
        assert_eq!(line["text"], "a\n\"b\"");
        assert_eq!(line["level"], "info");
        assert!(line["ts"].as_str().unwrap().ends_with('Z'));
    }
}
