//! The key of the account, which is never printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// An API key. Its memory is wiped when it is dropped; written in any way it is `***`, or nothing when there is none.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "String")]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.expose_secret().trim().is_empty()
    }

    /// The key itself, for the header `xi-api-key`.
    pub fn expose(&self) -> &str {
        self.0.expose_secret().trim()
    }

    fn mask(&self) -> &'static str {
        if self.is_empty() { "" } else { "***" }
    }
}

impl From<String> for ApiKey {
    fn from(key: String) -> Self {
        Self(key.into())
    }
}

impl From<&str> for ApiKey {
    fn from(key: &str) -> Self {
        Self(key.into())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mask())
    }
}

impl Serialize for ApiKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.mask())
    }
}

impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed() {
        let key: ApiKey = serde_json::from_str("\"sk_secret\"").unwrap();
        assert_eq!(key.expose(), "sk_secret");
        assert_eq!(format!("{key:?}"), "***");
        assert_eq!(serde_json::to_string(&key).unwrap(), "\"***\"");
        assert_eq!(serde_json::to_string(&ApiKey::default()).unwrap(), "\"\"");
    }
}
