//! The parameters of both routes: `sr`, `ch`, `fmt`, `lang`, `grammar`.

use axum::{extract::Query, http::Uri};
use evervoice_core::{
    audio::{AudioFormat, Encoding},
    service::Problem,
};
use evervoice_recognizer::Grammar;

/// Sample rates of raw sound, in Hz.
const RATES: [u32; 9] = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const NAMES: &str = "sr, ch, fmt, lang and grammar";

/// What the caller says about the sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundQuery {
    /// Encoding, rate and channels of raw sound.
    pub format: AudioFormat,
    /// What is wrong with `sr`, `ch` or `fmt`. A WAV file is read all the same: it has a format of its own.
    pub wrong_format: Option<Problem>,
    /// Language, as a BCP 47 tag.
    pub language: String,
    /// The only phrases to expect.
    pub grammar: Option<Grammar>,
}

impl SoundQuery {
    /// Reads the query of `uri`.
    ///
    /// # Errors
    /// 400 for parameters that do not exist or are given twice, 422 for values that are not allowed; what is wrong with the
    /// format of raw sound is kept in [`Self::wrong_format`].
    pub fn parse(uri: &Uri) -> Result<Self, Problem> {
        let mut query = Self {
            format: AudioFormat { encoding: Encoding::S16le, sample_rate: 16_000, channels: 1 },
            wrong_format: None,
            language: "en".into(),
            grammar: None,
        };
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::bad_request("invalid_query", "the query is not a list of name=value"))?;
        for (index, (name, value)) in pairs.iter().enumerate() {
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::bad_request("repeated_parameter", format!("parameter {name} is given twice")));
            }
            query.set(name, value)?;
        }
        Ok(query)
    }

    /// For raw sound: the format must be right.
    ///
    /// # Errors
    /// [`Self::wrong_format`].
    pub fn raw(self) -> Result<Self, Problem> {
        match self.wrong_format {
            Some(problem) => Err(problem),
            None => Ok(self),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let format = match name {
            "sr" => rate(value).map(|rate| self.format.sample_rate = rate),
            "ch" => channels(value).map(|channels| self.format.channels = channels),
            "fmt" => encoding(value).map(|encoding| self.format.encoding = encoding),
            _ => return self.set_other(name, value),
        };
        if let Err(problem) = format {
            self.wrong_format.get_or_insert(problem);
        }
        Ok(())
    }

    fn set_other(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        match name {
            "lang" => value.clone_into(&mut self.language),
            "grammar" => self.grammar = Some(Grammar::parse(value)?),
            _ => {
                let detail = format!("there is no parameter {name:?}; the parameters are {NAMES}");
                return Err(Problem::bad_request("unknown_parameter", detail));
            }
        }
        Ok(())
    }
}

fn rate(value: &str) -> Result<u32, Problem> {
    value.parse().ok().filter(|rate| RATES.contains(rate)).ok_or_else(|| {
        let allowed = RATES.map(|rate| rate.to_string()).join(", ");
        Problem::unprocessable("sample_rate_not_supported", format!("sr={value} is not allowed; allowed are {allowed}"))
    })
}

fn channels(value: &str) -> Result<u16, Problem> {
    value.parse().ok().filter(|channels| (1..=2).contains(channels)).ok_or_else(|| {
        Problem::unprocessable("channels_not_supported", format!("ch={value} is not allowed; allowed are 1 and 2"))
    })
}

fn encoding(value: &str) -> Result<Encoding, Problem> {
    value.parse().map_err(|_| {
        let allowed = "s16le, s32le, float32, ulaw and alaw";
        Problem::unprocessable("format_not_supported", format!("fmt={value} is not allowed; allowed are {allowed}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<SoundQuery, Problem> {
        SoundQuery::parse(&format!("/api/stt/bytes{query}").parse().unwrap()).and_then(SoundQuery::raw)
    }

    fn refused(query: &str) -> (u16, String, String) {
        let problem = parse(query).unwrap_err();
        (problem.status.as_u16(), problem.code, problem.detail)
    }

    #[test]
    fn everything_has_a_default() {
        let plain = AudioFormat { encoding: Encoding::S16le, sample_rate: 16_000, channels: 1 };
        for query in ["", "?"] {
            let query = parse(query).unwrap();
            assert_eq!((query.format, query.language.as_str(), query.grammar), (plain, "en", None));
        }
    }

    #[test]
    fn every_listed_value_is_taken() {
        for rate in RATES {
            assert_eq!(parse(&format!("?sr={rate}")).unwrap().format.sample_rate, rate);
        }
        for name in ["s16le", "s32le", "float32", "ulaw", "alaw"] {
            assert_eq!(parse(&format!("?fmt={name}&ch=2")).unwrap().format.encoding.name(), name);
        }
        let query = parse("?grammar=%5B%22turn+on%22%5D&lang=en-GB").unwrap();
        assert_eq!(query.grammar.unwrap().phrases(), ["turn on"]);
        assert_eq!(query.language, "en-GB");
    }

    #[test]
    fn anything_else_is_refused_with_what_is_allowed() {
        for (query, status, code, part) in [
            ("?sr=0", 422, "sample_rate_not_supported", "sr=0 is not allowed; allowed are 8000, 11025"),
            ("?sr=16001", 422, "sample_rate_not_supported", "48000"),
            ("?sr=-1", 422, "sample_rate_not_supported", "sr=-1"),
            ("?sr=99999999999", 422, "sample_rate_not_supported", "44100"),
            ("?sr=", 422, "sample_rate_not_supported", "16000"),
            ("?ch=3", 422, "channels_not_supported", "1 and 2"),
            ("?ch=0", 422, "channels_not_supported", "ch=0"),
            ("?fmt=mp3", 422, "format_not_supported", "fmt=mp3 is not allowed; allowed are s16le"),
            ("?fmt=S16LE", 422, "format_not_supported", "ulaw and alaw"),
            ("?grammar=%5B%5D", 422, "grammar_invalid", "no phrase"),
            ("?grammar=turn+on", 422, "grammar_invalid", "JSON list"),
            ("?rate=16000", 400, "unknown_parameter", "sr, ch, fmt, lang and grammar"),
            ("?sr=8000&sr=16000", 400, "repeated_parameter", "sr is given twice"),
        ] {
            let (got_status, got_code, detail) = refused(query);
            assert_eq!((got_status, got_code.as_str()), (status, code), "{query}");
            assert!(detail.contains(part), "{query}: {detail}");
        }
    }
}
