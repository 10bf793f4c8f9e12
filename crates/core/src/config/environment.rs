//! Environment variables, with the file `.env` behind them.

use std::{collections::BTreeMap, io, path::Path};

/// Variables by name. Tests build one from a list; a process reads its own once, at start.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process, and behind them those of `.env` in the working directory, if it is there.
    ///
    /// # Errors
    /// When `.env` is there and cannot be read; the message names the line, never its value.
    pub fn of_process() -> io::Result<Self> {
        Self::with_file(Path::new(".env"), std::env::vars_os().filter_map(utf8))
    }

    fn with_file(file: &Path, process: impl Iterator<Item = (String, String)>) -> io::Result<Self> {
        let mut variables = BTreeMap::new();
        match dotenvy::from_path_iter(file) {
            Ok(lines) => {
                for (number, line) in lines.enumerate() {
                    let (name, value) = line.map_err(|_| {
                        let what = format!("{}: entry {} is not NAME=value", file.display(), number + 1);
                        io::Error::new(io::ErrorKind::InvalidData, what)
                    })?;
                    variables.insert(name, value);
                }
            }
            Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io::Error::other(error)),
        }
        variables.extend(process);
        Ok(Self(variables))
    }

    /// The value of a variable. An empty one counts as not set, as in docker-compose files.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

fn utf8((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_wins_over_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(".env");
        std::fs::write(&file, "# a comment\nA=file\nB=\"from file\"\n").unwrap();
        let process = [("A".to_owned(), "process".to_owned())];
        let environment = Environment::with_file(&file, process.into_iter()).unwrap();
        assert_eq!(environment.get("A"), Some("process"));
        assert_eq!(environment.get("B"), Some("from file"));
        assert_eq!(environment.get("C"), None);
    }

    #[test]
    fn a_broken_file_is_told_without_its_values() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(".env");
        std::fs::write(&file, "A=1\nsk_secret value\n").unwrap();
        let error = Environment::with_file(&file, [].into_iter()).unwrap_err().to_string();
        assert!(error.contains("entry 2") && !error.contains("secret"), "{error}");
    }
}
