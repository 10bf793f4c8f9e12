//! Reading and checking.
//!
//! `figment` merges the layers but stops at the first mistake. So each leaf of the file and each variable is first
//! tried alone on top of the defaults: what fails there is a mistake of that leaf, and all of them are reported.

use std::path::Path;

use figment::{
    Figment,
    providers::{Format, Serialized, Yaml},
    value::{Dict, Value},
};

use super::{ConfigError, Environment, Mistakes, Settings};

/// Reads the settings of a service.
///
/// # Errors
/// [`ConfigError`] with every mistake: a file that is missing or not YAML, unknown keys, wrong types, `${VAR}` without a
/// value, values out of range.
pub fn load<T: Settings>(file: Option<&Path>, environment: &Environment) -> Result<T, ConfigError> {
    load_part(file, &[], environment)
}

/// Reads the settings of a part out of a file that others read too: the top-level keys in `others` are theirs.
///
/// # Errors
/// As of [`load`].
pub fn load_part<T: Settings>(
    file: Option<&Path>,
    others: &[&str],
    environment: &Environment,
) -> Result<T, ConfigError> {
    let mut mistakes = Mistakes::default();
    let defaults = leaves_of(&Figment::from(Serialized::defaults(T::default())));
    let mut merged = Figment::from(Serialized::defaults(T::default()));

    for (key, value) in file.map_or_else(Vec::new, |file| file_leaves(file, &mut mistakes)) {
        if others.contains(&key.split('.').next().unwrap_or_default()) {
            continue;
        }
        if !is_known(&defaults, &key) {
            mistakes.add(&key, unknown(&defaults, &key));
        } else if let Some(candidates) = expand::<T>(value, &key, environment, &mut mistakes) {
            merged = accept::<T>(merged, &key, &key, candidates, &mut mistakes);
        }
    }
    let mut set_by = Vec::new();
    for (variable, key) in T::VARIABLES {
        if let Some(text) = environment.get(variable) {
            set_by.push((*key, *variable));
            merged = accept::<T>(merged, variable, key, readings(text), &mut mistakes);
        }
    }

    let settings = merged.extract::<T>();
    match &settings {
        Ok(settings) => {
            let mut found = Mistakes::default();
            settings.check(&mut found);
            for mistake in found.0 {
                // A mistake is told where it was made.
                let variable = set_by.iter().find(|(key, _)| *key == mistake.place).map(|(_, variable)| *variable);
                mistakes.add(variable.unwrap_or(&mistake.place), mistake.what);
            }
        }
        Err(error) if mistakes.list().is_empty() => mistakes.add(error.path.join("."), error.kind.to_string()),
        Err(_) => {}
    }
    match settings {
        Ok(settings) if mistakes.list().is_empty() => Ok(settings),
        _ => Err(ConfigError { mistakes: mistakes.0 }),
    }
}

/// Puts the first of `candidates` that has the right type under `key`.
fn accept<T: Settings>(
    merged: Figment,
    place: &str,
    key: &str,
    candidates: Vec<Value>,
    mistakes: &mut Mistakes,
) -> Figment {
    let mut problem = None;
    for candidate in candidates {
        let alone = Figment::from(Serialized::defaults(T::default())).merge((key, candidate.clone()));
        match alone.extract::<T>() {
            Ok(_) => return merged.merge((key, candidate)),
            // The first reading is the one the user most likely meant.
            Err(error) => problem = problem.or(Some(error.kind)),
        }
    }
    mistakes.add(place, problem.map_or_else(|| "has no value".to_owned(), describe));
    merged
}

/// The kinds of mistakes in words, without the value: it may be a secret.
fn describe(kind: figment::error::Kind) -> String {
    use figment::error::Kind;
    match kind {
        Kind::InvalidType(_, expected) => format!("must be {expected}"),
        Kind::InvalidValue(_, expected) => format!("must be {expected}"),
        Kind::UnknownVariant(_, known) => format!("must be one of {}", known.join(", ")),
        other => other.to_string(),
    }
}

/// Texts may mean a number, a truth value or themselves: all readings, the likeliest first.
fn readings(text: &str) -> Vec<Value> {
    let literal = serde_json::from_str::<Value>(text).ok().filter(|value| value.as_str().is_none());
    literal.into_iter().chain([Value::from(text)]).collect()
}

fn file_leaves(file: &Path, mistakes: &mut Mistakes) -> Vec<(String, Value)> {
    let place = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            mistakes.add(place, format!("cannot be read: {error}"));
            return Vec::new();
        }
    };
    match Figment::from(Yaml::string(&text)).extract::<Dict>() {
        Ok(dict) => flatten("", dict),
        // An empty file, or one with comments only, is no mistake.
        Err(_) if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) => Vec::new(),
        Err(error) => {
            mistakes.add(place, error.kind.to_string());
            Vec::new()
        }
    }
}

fn leaves_of(figment: &Figment) -> Vec<(String, Value)> {
    figment.extract::<Dict>().map_or_else(|_| Vec::new(), |dict| flatten("", dict))
}

fn flatten(prefix: &str, dict: Dict) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    for (name, value) in dict {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Dict(_, inner) if !inner.is_empty() => leaves.extend(flatten(&key, inner)),
            leaf => leaves.push((key, leaf)),
        }
    }
    leaves
}

/// A key of the defaults, or one below a default that is an empty map (a map from names that the user chooses).
fn is_known(defaults: &[(String, Value)], key: &str) -> bool {
    defaults.iter().any(|(known, value)| {
        let below = key.strip_prefix(known.as_str()).is_some_and(|rest| rest.starts_with('.'));
        known == key || (below && matches!(value, Value::Dict(_, inner) if inner.is_empty()))
    })
}

fn unknown(defaults: &[(String, Value)], key: &str) -> String {
    let nearest = defaults.iter().map(|(known, _)| (strsim::jaro_winkler(known, key), known));
    match nearest.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((similarity, known)) if similarity > 0.8 => format!("there is no such key; is {known:?} meant?"),
        _ => "there is no such key".to_owned(),
    }
}

/// Replaces `${VAR}` and `${VAR:-default}` in a text. `None` when a variable has no value: a mistake, except for the key's
/// own variable, which leaves the key at its default when it is not set.
fn expand<T: Settings>(
    value: Value,
    key: &str,
    environment: &Environment,
    mistakes: &mut Mistakes,
) -> Option<Vec<Value>> {
    if let Value::Array(tag, items) = value {
        let item = |item: Value| match item.as_str() {
            // In a list, a text stays a text, also when it looks like a number.
            Some(_) => expand::<T>(item, key, environment, mistakes).and_then(|mut readings| readings.pop()),
            None => Some(item),
        };
        let items: Vec<Option<Value>> = items.into_iter().map(item).collect();
        return Some(vec![Value::Array(tag, items.into_iter().collect::<Option<_>>()?)]);
    }
    let Some(text) = value.as_str().filter(|text| text.contains("${")) else { return Some(vec![value]) };
    let (mut out, mut rest, mut complete) = (String::new(), text, true);
    while let Some(start) = rest.find("${") {
        out.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('}') else {
            mistakes.add(key, "has a ${ without its }");
            return None;
        };
        let inside = &rest[start + 2..start + length];
        let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
        match environment.get(name).or(default) {
            Some(value) => out.push_str(value),
            None => {
                if !T::VARIABLES.contains(&(name, key)) {
                    mistakes.add(key, format!("the environment variable {name} is not set"));
                }
                complete = false;
            }
        }
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    complete.then(|| readings(&out))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Demo {
        port: u16,
        host: String,
        limits: Limits,
        models: BTreeMap<String, String>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Limits {
        seconds: f64,
        threads: Option<usize>,
    }

    impl Default for Demo {
        fn default() -> Self {
            let limits = Limits { seconds: 15.0, threads: None };
            Self { port: 8000, host: "localhost".into(), limits, models: BTreeMap::new() }
        }
    }

    impl Settings for Demo {
        const VARIABLES: &'static [(&'static str, &'static str)] =
            &[("DEMO_PORT", "port"), ("DEMO_HOST", "host"), ("DEMO_SECONDS", "limits.seconds")];

        fn check(&self, mistakes: &mut Mistakes) {
            mistakes.range("limits.seconds", self.limits.seconds, 1.0..=60.0);
        }
    }

    fn read(yaml: &str, variables: &[(&str, &str)]) -> Result<Demo, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("demo.yml");
        std::fs::write(&file, yaml).unwrap();
        load(Some(&file), &variables.iter().copied().collect())
    }

    fn places(result: Result<Demo, ConfigError>) -> Vec<String> {
        result.unwrap_err().mistakes.into_iter().map(|mistake| mistake.place).collect()
    }

    #[test]
    fn layers_win_in_order() {
        assert_eq!(read("# nothing\n", &[]).unwrap(), Demo::default());
        let yaml = "port: 1\nhost: ${HOST_NAME:-box}\nlimits: {threads: 3}\nmodels: {en: /m/en}";
        let demo = read(yaml, &[("DEMO_PORT", "2"), ("DEMO_SECONDS", "20")]).unwrap();
        assert_eq!((demo.port, demo.host.as_str()), (2, "box"));
        assert_eq!((demo.limits.seconds, demo.limits.threads), (20.0, Some(3)));
        assert_eq!(demo.models["en"], "/m/en");
    }

    #[test]
    fn what_belongs_to_others_is_left_alone_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("demo.yml");
        std::fs::write(&file, "port: 1\nother: {port: x, text: \"${NOT_SET}\"}\nothers: 1\n").unwrap();
        let part = |others: &[&str]| load_part::<Demo>(Some(&file), others, &Environment::default());
        assert_eq!(part(&["other", "others"]).unwrap().port, 1);
        assert_eq!(places(part(&["other"])), ["others"]);
    }

    #[test]
    fn a_variable_may_hold_a_number_for_a_text_key() {
        assert_eq!(read("host: \"${NAME}\"\nport: ${P}", &[("NAME", "12345"), ("P", "9")]).unwrap().host, "12345");
    }

    #[test]
    fn the_own_variable_of_a_key_may_be_missing() {
        let yaml = "host: ${DEMO_HOST}\n";
        assert_eq!(read(yaml, &[]).unwrap().host, "localhost");
        assert_eq!(read(yaml, &[("DEMO_HOST", "box")]).unwrap().host, "box");
        assert_eq!(places(read("host: ${DEMO_PORT}", &[])), ["host"], "that of another key may not");
    }

    #[test]
    fn every_mistake_is_reported_at_once_and_no_value_is_shown() {
        let yaml = "prot: 1\nhost: ${MISSING}\nlimits:\n  seconds: secret-text\n  colour: red\n";
        let error = read(yaml, &[("DEMO_PORT", "99999")]).unwrap_err();
        let text = error.to_string();
        assert!(!text.contains("secret-text"), "{text}");
        assert!(text.contains("is \"port\" meant?"), "{text}");
        let mut places: Vec<_> = error.mistakes.into_iter().map(|mistake| mistake.place).collect();
        places.sort();
        assert_eq!(places, ["DEMO_PORT", "host", "limits.colour", "limits.seconds", "prot"]);
    }

    #[test]
    fn ranges_and_broken_files_are_told() {
        assert_eq!(places(read("limits: {seconds: 99}", &[])), ["limits.seconds"]);
        assert_eq!(places(read("", &[("DEMO_SECONDS", "99")])), ["DEMO_SECONDS"]);
        assert!(places(read("port: [", &[]))[0].ends_with("demo.yml"));
        assert_eq!(places(load(Some(Path::new("/nowhere.yml")), &Environment::default())), ["/nowhere.yml"]);
    }
}
