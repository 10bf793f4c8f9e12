//! English text front end: written text → spoken words → phones with the features the built-in voice expects.
//!
//! | module | what it does |
//! | --- | --- |
//! | `normalize` | written text → clauses of spoken words: numbers, dates, money, units, addresses, markdown … |
//! | `lexicon` | a spoken word → phones: CMUdict, overrides, derived forms, letter-to-sound |
//! | `phones` | the phone set |
//! | `features` | a sentence of phones → symbol ids and 16 numbers per symbol |
//! | `front` | [`FrontEnd`]: all of the above, one [`Phrase`] per sentence |
//!
//! Text it cannot read (another script, or nothing but symbols) is an error, never silence.

mod features;
mod front;
mod lexicon;
mod normalize;
mod phones;

pub use features::FEATURES;
pub use front::{FrontEnd, LONGEST_PHRASE, Phrase, SpokenWord, TableError, VoiceTables};
pub use lexicon::{Lexicon, LexiconError};
pub use normalize::{Clause, Pause, normalize, spoken};
pub use phones::Phone;

/// Why a text cannot be spoken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// No word, number or symbol that has a name is in the text.
    #[error("the text has nothing to speak")]
    NothingToSpeak,
    /// The text has letters of a script that English reading rules cannot read.
    #[error("the text has {script} letters (\"{sample}\"), which an English voice cannot read")]
    UnsupportedScript {
        /// Name of the script: "Cyrillic", "Han", …
        script: &'static str,
        /// The first word in that script.
        sample: String,
    },
}
