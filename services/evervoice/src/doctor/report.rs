//! What was found: lines of a table, or JSON.

use std::io::Write;

use evervoice_core::service::BoxError;
use serde::Serialize;

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Ok,
    /// It is not asked for.
    Off,
    /// It works, and something about it wants attention.
    Warning,
    /// It does not do what it is configured for.
    Broken,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Off => "off",
            Self::Warning => "warning",
            Self::Broken => "BROKEN",
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What it is.
    pub wrong: String,
    /// What to do about it.
    pub mend: String,
}

/// What a provider made of a sentence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heard {
    /// The sentence.
    pub sentence: String,
    /// From the request to the first sound, over a connection that was open already, in ms.
    pub first_audio_ms: f64,
    /// Length of the sound, in ms.
    pub length_ms: u64,
    /// Root mean square of all samples, in dB below full scale.
    pub level_dbfs: f64,
    /// Loudest sample, in dB below full scale.
    pub peak_dbfs: f64,
    /// What the recogniser understood; `None` without a model of that language.
    pub recognised: Option<String>,
    /// Wrong, missing and surplus words by words of the sentence.
    pub word_error_rate: Option<f64>,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What it is.
    pub part: String,
    /// The worst of its findings.
    pub state: State,
    /// What else there is to know.
    pub note: Option<String>,
    /// For providers that spoke.
    #[serde(flatten)]
    pub heard: Option<Heard>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Line {
    /// A part that works.
    pub fn ok(part: impl Into<String>, note: impl Into<String>) -> Self {
        Self { part: part.into(), state: State::Ok, note: Some(note.into()), heard: None, findings: Vec::new() }
    }

    /// A part that nobody asked for, and how to have it.
    pub fn off(part: impl Into<String>, wrong: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(part).with(State::Off, wrong, mend)
    }

    /// A part that works less well than it should.
    pub fn warning(part: impl Into<String>, wrong: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(part).with(State::Warning, wrong, mend)
    }

    /// A part that does not work.
    pub fn broken(part: impl Into<String>, wrong: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(part).with(State::Broken, wrong, mend)
    }

    /// A part of which nothing is known yet.
    pub fn new(part: impl Into<String>) -> Self {
        Self { part: part.into(), state: State::Ok, note: None, heard: None, findings: Vec::new() }
    }

    /// Adds a finding.
    pub fn with(mut self, state: State, wrong: impl Into<String>, mend: impl Into<String>) -> Self {
        self.state = self.state.max(state);
        self.findings.push(Finding { wrong: wrong.into(), mend: mend.into() });
        self
    }

    fn cells(&self) -> [String; 7] {
        let heard = self.heard.as_ref();
        let of = |show: fn(&Heard) -> String| heard.map_or_else(String::new, show);
        let findings = self.findings.iter().map(|finding| format!("{} → {}", finding.wrong, finding.mend));
        let remarks: Vec<String> = self.note.iter().cloned().chain(findings).collect();
        [
            self.part.clone(),
            self.state.name().to_owned(),
            of(|heard| format!("{:.0} ms", heard.first_audio_ms)),
            of(|heard| format!("{:.1} s", heard.length_ms as f64 / 1000.0)),
            of(|heard| format!("{:.0} dBFS", heard.level_dbfs)),
            of(|heard| match heard.word_error_rate {
                Some(rate) => format!("{:.0} % wrong", rate * 100.0),
                None => "-".to_owned(),
            }),
            remarks.join("; "),
        ]
    }
}

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
    secret: String,
}

const HEAD: [&str; 7] =
    ["part", "state", "first audio", "length", "level", "recognised", "what is wrong → how to mend it"];

impl Report {
    /// Never shows this text, wherever it comes from: errors repeat what others said.
    pub fn hide(&mut self, secret: &str) {
        secret.clone_into(&mut self.secret);
    }

    /// Adds a line.
    pub fn add(&mut self, mut line: Line) {
        if !self.secret.is_empty() {
            let findings = line.findings.iter_mut().flat_map(|finding| [&mut finding.wrong, &mut finding.mend]);
            for text in findings.chain(&mut line.note).filter(|text| text.contains(&self.secret)) {
                *text = text.replace(&self.secret, "***");
            }
        }
        self.lines.push(line);
    }

    /// Adds lines.
    pub fn extend(&mut self, lines: impl IntoIterator<Item = Line>) {
        lines.into_iter().for_each(|line| self.add(line));
    }

    /// Whether nothing is broken.
    pub fn ok(&self) -> bool {
        self.lines.iter().all(|line| line.state != State::Broken)
    }

    /// For programs: whether nothing is broken, and every line.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({ "ok": self.ok(), "lines": self.lines })
    }

    /// Prints the table.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn print(&self) -> Result<(), BoxError> {
        Ok(std::io::stdout().lock().write_all(self.table().as_bytes())?)
    }

    fn table(&self) -> String {
        let rows: Vec<[String; 7]> =
            std::iter::once(HEAD.map(str::to_owned)).chain(self.lines.iter().map(Line::cells)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: [usize; 6] = std::array::from_fn(width);
        let mut text = String::new();
        for row in &rows {
            for (cell, width) in row.iter().zip(widths) {
                text.push_str(&format!("{cell:width$}  "));
            }
            // Several lines, such as the mistakes of a configuration, stay in their column.
            let indent = format!("\n{}", " ".repeat(widths.iter().map(|width| width + 2).sum()));
            text.push_str(row[6].trim_end().replace('\n', &indent).as_str());
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        let broken = self.lines.iter().filter(|line| line.state == State::Broken).count();
        text.push_str(&match broken {
            0 => "\nNothing is broken.\n".to_owned(),
            1 => "\n1 part is broken.\n".to_owned(),
            _ => format!("\n{broken} parts are broken.\n"),
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_a_secret_is_never_shown() {
        let mut report = Report::default();
        report.hide("sk_secret");
        report.add(Line::ok("port", "free"));
        let said = Line::broken("elevenlabs_http", "it said: bad key sk_secret\nsecond line", "set ELEVEN_API_KEY");
        report.add(said);
        let (table, json) = (report.table(), report.json().to_string());
        assert!(!table.contains("sk_secret") && !json.contains("sk_secret"), "{table}{json}");
        let lines: Vec<&str> = table.lines().collect();
        let column = lines[0].find("what").unwrap();
        assert_eq!(lines[1].find("free"), Some(column));
        assert_eq!(lines[2].find("it said"), Some(column));
        assert_eq!(lines[3].find("second"), Some(column));
        assert!(lines[3].ends_with("→ set ELEVEN_API_KEY"), "{table}");
        assert!(table.ends_with("1 part is broken.\n") && !report.ok());
    }

    #[test]
    fn the_worst_finding_is_the_state() {
        let line = Line::new("x").with(State::Broken, "a", "b").with(State::Warning, "c", "d");
        assert_eq!((line.state, line.findings.len()), (State::Broken, 2));
        let mut report = Report::default();
        report.extend([Line::off("x", "a", "b"), Line::warning("y", "a", "b")]);
        assert!(report.ok());
    }
}
