//! The list of models: `configs/models.yml`, compiled in, or a file of the same shape.
//!
//! A manifest is checked when it is read, so whoever holds a [`Manifest`] may use every name in it as a
//! directory name and every sum as a sum.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format, Yaml};
use serde::{Deserialize, Serialize};

const BUILT_IN: &str = include_str!("../../../configs/models.yml");

/// How alike two names must be (Jaro-Winkler, 0 to 1) for one to be offered in place of the other.
const ALIKE: f64 = 0.8;

/// Every model that can be fetched by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The models, in the order in which they are listed.
    pub models: Vec<Model>,
    /// Short name → name of a model in this list.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
}

/// One downloadable model. `configs/models.yml` says what each field means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name to pull, and the name of its directory.
    pub name: String,
    /// What it is used for.
    pub kind: Kind,
    /// BCP 47 tag of the language.
    pub language: String,
    /// Where the archive (.zip) is published.
    pub url: String,
    /// Size of the archive in bytes.
    pub bytes: u64,
    /// SHA-256 of the archive in lower-case hex, if one was published.
    pub sha256: Option<String>,
    /// SPDX expression.
    pub licence: String,
    /// Where size and sum were published.
    pub source: String,
    /// One line for a reader of the list.
    #[serde(default)]
    pub note: String,
}

/// What a model is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A Vosk model directory for the recogniser.
    Recognizer,
    /// A voice for speech synthesis.
    Voice,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Recognizer => "recognizer",
            Kind::Voice => "voice",
        })
    }
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("cannot read the manifest {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not a manifest: no YAML, a missing field, a field that does not exist.
    #[error("the manifest is not valid: {0}")]
    Syntax(#[from] Box<figment::Error>),
    /// The text is a manifest with values that must not be used.
    #[error("the manifest is not valid: {}", .0.join("; "))]
    Values(Vec<String>),
}

/// A name that is neither a model nor an alias.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UnknownModel {
    /// The name that was asked for.
    pub name: String,
    /// The known name that is most like it, if one is.
    pub nearest: Option<String>,
    /// Every name that would have been found: models first, then aliases.
    pub known: Vec<String>,
}

impl fmt::Display for UnknownModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no model \"{}\"", self.name)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean {nearest}?")?;
        }
        write!(f, " Known names: {}", self.known.join(", "))
    }
}

impl Manifest {
    /// The list in `file`, or without one the list that is compiled in.
    pub fn load(file: Option<&Path>) -> Result<Self, ManifestError> {
        file.map_or_else(Self::built_in, Self::read)
    }

    /// The list that is compiled in (`configs/models.yml`).
    pub fn built_in() -> Result<Self, ManifestError> {
        Self::parse(BUILT_IN)
    }

    /// The list in a file of the same shape as `configs/models.yml`.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ManifestError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// The list in a YAML text. Every wrong value is named, not only the first.
    pub fn parse(yaml: &str) -> Result<Self, ManifestError> {
        let manifest: Manifest = Figment::from(Yaml::string(yaml)).extract().map_err(Box::new)?;
        let mistakes = manifest.mistakes();
        if mistakes.is_empty() { Ok(manifest) } else { Err(ManifestError::Values(mistakes)) }
    }

    /// The model called `name`, or the one that `name` is an alias of.
    pub fn find(&self, name: &str) -> Result<&Model, UnknownModel> {
        let canonical = self.aliases.get(name).map_or(name, String::as_str);
        self.models.iter().find(|model| model.name == canonical).ok_or_else(|| self.unknown(name))
    }

    /// The aliases of the model called `name`.
    pub fn aliases_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.aliases.iter().filter(move |(_, target)| *target == name).map(|(alias, _)| alias.as_str())
    }

    fn unknown(&self, name: &str) -> UnknownModel {
        let known: Vec<String> =
            self.models.iter().map(|model| model.name.clone()).chain(self.aliases.keys().cloned()).collect();
        let nearest = known
            .iter()
            .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, candidate)| candidate.clone());
        UnknownModel { name: name.to_owned(), nearest, known }
    }

    fn mistakes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (index, model) in self.models.iter().enumerate() {
            found.extend(model.mistakes().map(|mistake| format!("{}: {mistake}", model.name)));
            if self.models[..index].iter().any(|other| other.name == model.name) {
                found.push(format!("{}: listed twice", model.name));
            }
        }
        for (alias, target) in &self.aliases {
            if !self.models.iter().any(|model| model.name == *target) {
                found.push(format!("alias {alias}: there is no model \"{target}\" in the list"));
            }
        }
        found
    }
}

impl Model {
    /// The name of the archive, in its published place and in a mirror.
    pub fn file_name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or(&self.url)
    }

    fn mistakes(&self) -> impl Iterator<Item = &'static str> {
        let web = self.url.starts_with("https://") || self.url.starts_with("http://");
        [
            (!is_plain_name(&self.name), "name: letters, digits, dot, dash and underscore only, and no dot in front"),
            (!web, "url: must begin with https:// or http://"),
            (
                !is_plain_name(self.file_name()) || !self.url.ends_with(".zip"),
                "url: must end in the name of a .zip file",
            ),
            (self.bytes == 0, "bytes: must be more than 0"),
            (
                self.sha256.as_deref().is_some_and(|sum| !is_sha256(sum)),
                "sha256: must be 64 lower-case hex digits or null",
            ),
        ]
        .into_iter()
        .filter_map(|(wrong, mistake)| wrong.then_some(mistake))
    }
}

/// Whether `name` can stand as one directory or file name anywhere: no separator, not hidden, not `..`.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_sha256(sum: &str) -> bool {
    sum.len() == 64 && sum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: &str = "
models:
  - name: tiny
    kind: recognizer
    language: en-US
    url: https://models.invalid/tiny.zip
    bytes: 10
    sha256: null
    licence: MIT
    source: nowhere
aliases:
  t: tiny
";

    #[test]
    fn the_built_in_list_is_valid_and_every_alias_leads_to_a_model() {
        let manifest = Manifest::built_in().unwrap();
        for alias in ["tiny.en", "base.en", "small.en"] {
            assert_eq!(manifest.find(alias).unwrap().name, "vosk-model-small-en-us-0.15");
        }
        assert_eq!(manifest.find("small-ru").unwrap().name, "vosk-model-small-ru-0.22");
        assert!(manifest.find("vosk-model-small-ru-0.22").unwrap().sha256.is_some());
        for model in &manifest.models {
            assert!(model.source.len() > 20, "{} says where its facts are from", model.name);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones_and_offers_the_nearest() {
        let manifest = Manifest::built_in().unwrap();
        let error = manifest.find("vosk-model-small-en-0.15").unwrap_err();
        assert_eq!(error.nearest.as_deref(), Some("vosk-model-small-en-us-0.15"));
        let text = error.to_string();
        for model in &manifest.models {
            assert!(text.contains(&model.name), "{text}");
        }
        assert_eq!(manifest.find("zzz").unwrap_err().nearest, None);
    }

    #[test]
    fn every_wrong_value_is_named() {
        let text = ONE
            .replace("name: tiny", "name: ../tiny")
            .replace("sha256: null", "sha256: ABC")
            .replace("bytes: 10", "bytes: 0")
            .replace("tiny.zip", "tiny.tar");
        let ManifestError::Values(mistakes) = Manifest::parse(&text).unwrap_err() else {
            panic!("expected wrong values");
        };
        assert_eq!(mistakes.len(), 5, "{mistakes:?}");
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let text = ONE.replace("licence: MIT", "licence: MIT\n    license: MIT");
        assert!(matches!(Manifest::parse(&text), Err(ManifestError::Syntax(_))));
    }

    #[test]
    fn aliases_are_listed_with_their_model() {
        let manifest = Manifest::parse(ONE).unwrap();
        assert_eq!(manifest.aliases_of("tiny").collect::<Vec<_>>(), ["t"]);
        assert_eq!(manifest.find("t").unwrap().file_name(), "tiny.zip");
    }

    proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in "(?s).{0,200}") {
            let _ = Manifest::parse(&text);
        }

        #[test]
        fn a_plain_name_is_one_path_component(name in "[./a\\\\-]{0,6}") {
            if is_plain_name(&name) {
                let components: Vec<_> = Path::new(&name).components().collect();
                prop_assert!(matches!(components[..], [std::path::Component::Normal(_)]));
            }
        }
    }
}
