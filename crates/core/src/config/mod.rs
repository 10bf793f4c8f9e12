//! Configuration: defaults ← YAML file (with `${VAR}`) ← environment (with `.env` behind it).
//!
//! Unknown keys are refused, and every mistake is reported at once, each with the place where it stands.
//! A part of the system describes its own settings by implementing [`Settings`]; [`load`] does the rest.

mod environment;
mod load;

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

pub use environment::Environment;
pub use load::{load, load_part};

/// The settings of one service.
pub trait Settings: Default + Serialize + DeserializeOwned {
    /// Environment variables that set a key: `(variable, dotted key)`. They win over the file.
    const VARIABLES: &'static [(&'static str, &'static str)];

    /// Adds what is wrong with values that are well-typed: ranges, combinations.
    fn check(&self, mistakes: &mut Mistakes);
}

/// Something that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The key or environment variable. Never its value, which may be a secret.
    pub place: String,
    /// What is wrong, and what is allowed.
    pub what: String,
}

/// Collects [`Mistake`]s.
#[derive(Debug, Default)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Adds one.
    pub fn add(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.0.push(Mistake { place: place.into(), what: what.into() });
    }

    /// Adds one when `value` is outside `range`.
    pub fn range<T: PartialOrd + fmt::Display>(&mut self, place: &str, value: T, range: std::ops::RangeInclusive<T>) {
        if !range.contains(&value) {
            self.add(place, format!("{value} is not allowed; it must be {} to {}", range.start(), range.end()));
        }
    }

    /// The mistakes so far.
    pub fn list(&self) -> &[Mistake] {
        &self.0
    }
}

/// The configuration cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Every mistake that was found.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = if self.mistakes.len() == 1 { "mistake" } else { "mistakes" };
        write!(f, "{} {many} in the configuration:", self.mistakes.len())?;
        for Mistake { place, what } in &self.mistakes {
            write!(f, "\n  {place}: {what}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// For tests: checks that a shipped file is the manual of `T`: it names every key, each with its default.
///
/// # Panics
/// When it does not.
pub fn assert_manual<T: Settings + PartialEq + fmt::Debug>(file: &std::path::Path) {
    let settings: T = load(Some(file), &Environment::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(settings, T::default(), "{} differs from the defaults", file.display());
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let keys = serde_json::to_value(&settings).unwrap_or_else(|error| panic!("{error}"));
    for (section, values) in keys.as_object().into_iter().flatten() {
        assert!(text.contains(&format!("\n{section}:")), "{section} is missing in {}", file.display());
        for key in values.as_object().into_iter().flatten().map(|(key, _)| key) {
            assert!(text.contains(&format!("\n  {key}:")), "{section}.{key} is missing in {}", file.display());
        }
    }
    for (variable, key) in T::VARIABLES {
        assert!(text.contains(variable), "{variable}, which sets {key}, is missing in {}", file.display());
    }
}
