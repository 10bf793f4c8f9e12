//! The files of a measurement, under names of their own: an earlier report is never written over.

use std::path::{Path, PathBuf};

use super::cases::Outcome;
use super::markdown::markdown;
use super::plot;
use super::probe::Probe;
use super::report::Report;
use crate::error::ClientError;
use crate::file;

/// Where a measurement was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    md: PathBuf,
    json: PathBuf,
    svg: PathBuf,
    probe: PathBuf,
}

impl Saved {
    /// Names in `directory` for a measurement that began at `date`, which is as of [`super::probe::now`].
    fn names(directory: &Path, date: &str, number: u32) -> Saved {
        let digits: String = date.chars().filter(char::is_ascii_digit).collect();
        let mut stamp = format!("{}-{}", &digits[..8], &digits[8..12]);
        if number > 1 {
            stamp += &format!("-{number}");
        }
        Saved {
            md: directory.join(format!("tts_summary_{stamp}.md")),
            json: directory.join(format!("tts_summary_{stamp}.json")),
            svg: directory.join(format!("tts_plot_{stamp}.svg")),
            probe: directory.join(format!("tts_probe_{stamp}.jsonl")),
        }
    }

    /// All of them.
    pub fn paths(&self) -> [&Path; 4] {
        [&self.md, &self.json, &self.svg, &self.probe]
    }
}

/// Makes the directory for the reports, before anything is measured.
pub fn make_directory(directory: &Path) -> Result<(), ClientError> {
    std::fs::create_dir_all(directory).map_err(|error| ClientError::file(directory, error))
}

/// Writes the report, the picture and, last, the raw events, of which that of the saving is the last.
pub fn save(directory: &Path, report: &Report, outcomes: &[Outcome], probe: &Probe) -> Result<Saved, ClientError> {
    let saved = free(directory, &report.conditions.date);
    let picture = plot::svg(outcomes).map_err(|error| ClientError::file(&saved.svg, error))?;
    file::write(&saved.svg, &picture)?;
    file::write(&saved.json, &report.json())?;
    let plot = saved.svg.file_name().unwrap_or_default().to_string_lossy();
    file::write(&saved.md, &markdown(report, &plot))?;
    let path = |path: &Path| path.display().to_string();
    probe.end();
    probe.record("report_saved", [("path_md", path(&saved.md).into()), ("path_json", path(&saved.json).into())]);
    file::write(&saved.probe, &probe.lines())?;
    Ok(saved)
}

/// The first names of a minute that nobody has.
fn free(directory: &Path, date: &str) -> Saved {
    let mut number = 1;
    loop {
        let saved = Saved::names(directory, date, number);
        if !saved.paths().iter().any(|path| path.exists()) {
            return saved;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::report;
    use super::*;

    #[test]
    fn two_measurements_of_a_minute_are_both_kept() {
        let directory = tempfile::tempdir().unwrap();
        let (report, outcomes) = report::tests::sample();
        let first = save(directory.path(), &report, &outcomes, &Probe::default()).unwrap();
        let second = save(directory.path(), &report, &outcomes, &Probe::default()).unwrap();
        let names = |saved: &Saved| saved.paths().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
        assert_eq!(
            names(&first),
            [
                "tts_summary_20261121-0800.md",
                "tts_summary_20261121-0800.json",
                "tts_plot_20261121-0800.svg",
                "tts_probe_20261121-0800.jsonl"
            ]
        );
        assert_eq!(names(&second)[3], "tts_probe_20261121-0800-2.jsonl");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 8);
        let raw = std::fs::read_to_string(first.paths()[3]).unwrap();
        assert!(raw.contains(r#""event":"report_saved""#) && raw.contains("path_md"), "{raw}");
    }
}
