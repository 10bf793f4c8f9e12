//! [`FrontEnd`]: written text → one [`Phrase`] per sentence, as the encoder of the built-in voice takes it.

use std::collections::HashSet;

use crate::features::{Symbol, features};
use crate::normalize::{Clause, Pause, normalize_for, spoken};
use crate::{Lexicon, Phone, TextError};

/// Most symbols in one [`Phrase`]; a longer sentence is cut at the edge of a clause, else of a word, so that the first
/// audio of any text comes soon and memory stays bounded.
pub const LONGEST_PHRASE: usize = 400;

/// What a voice says about itself, as its `voice.json` has it.
#[derive(Debug, Clone)]
pub struct VoiceTables {
    /// Symbol names by id: `^`, `,`, `.`, `?` and ARPAbet phones with stress.
    pub symbols: Vec<String>,
    /// Words that carry no stress in a sentence, lowercase.
    pub function_words: HashSet<String>,
    /// Words that begin a question with rising pitch, lowercase.
    pub yesno_starters: HashSet<String>,
}

/// A voice whose tables do not fit this front end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The voice has no symbol of this name.
    #[error("the voice has no symbol \"{0}\"")]
    MissingSymbol(String),
}

/// A spoken word and where its phones are in the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpokenWord {
    /// Lowercase letters and apostrophes, or one capital for the name of a letter.
    pub text: String,
    /// Index of its first symbol.
    pub first_symbol: usize,
    /// Index of its last symbol.
    pub last_symbol: usize,
}

/// One sentence, the unit the encoder takes. `T` symbols: the initial silence, then words and pauses.
#[derive(Debug, Clone, PartialEq)]
pub struct Phrase {
    /// Symbol ids, `T` values.
    pub ids: Vec<i64>,
    /// Features, `T` rows of [`FEATURES`](crate::FEATURES) values.
    pub feats: Vec<f32>,
    /// The words in order.
    pub words: Vec<SpokenWord>,
    /// The spoken form, with its pauses as `,` `.` `?`.
    pub text: String,
}

/// Lexicon and tables of one voice: everything between written text and the encoder.
pub struct FrontEnd {
    lexicon: Lexicon,
    function_words: HashSet<String>,
    yesno_starters: HashSet<String>,
    phone_ids: Vec<i64>,
    start_id: i64,
    pause_ids: [i64; 3],
}

impl FrontEnd {
    /// Fits the front end to a voice.
    ///
    /// # Errors
    /// [`TableError::MissingSymbol`] if the voice lacks a phone or a pause.
    pub fn new(lexicon: Lexicon, voice: VoiceTables) -> Result<Self, TableError> {
        let id = |name: &str| {
            let at = voice.symbols.iter().position(|s| s == name);
            at.and_then(|i| i64::try_from(i).ok()).ok_or_else(|| TableError::MissingSymbol(name.to_owned()))
        };
        let phone_ids: Result<Vec<i64>, TableError> = Phone::all().map(|p| id(p.as_str())).collect();
        Ok(Self {
            phone_ids: phone_ids?,
            start_id: id("^")?,
            pause_ids: [id(",")?, id(".")?, id("?")?],
            lexicon,
            function_words: voice.function_words,
            yesno_starters: voice.yesno_starters,
        })
    }

    /// The lexicon in use.
    pub fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    /// The sentences of a text, ready for the encoder, in order; never an empty list.
    ///
    /// # Errors
    /// [`TextError`] if there is nothing to speak or the text is in another script.
    pub fn phrases(&self, text: &str) -> Result<Vec<Phrase>, TextError> {
        let clauses = normalize_for(text, &self.lexicon, &|w| self.yesno_starters.contains(w))?;
        let mut out = Vec::new();
        let mut draft = Draft::default();
        for clause in &clauses {
            self.add(clause, &mut draft, &mut out);
            if clause.end != Pause::Comma {
                self.close(&mut draft, &mut out);
            }
        }
        self.close(&mut draft, &mut out);
        Ok(out)
    }

    /// Appends a clause to the draft, closing the draft first (or in between) where it would grow too long.
    fn add(&self, clause: &Clause, draft: &mut Draft, out: &mut Vec<Phrase>) {
        let words: Vec<Vec<Symbol>> = (0..clause.words.len()).map(|i| self.word_symbols(&clause.words, i)).collect();
        let size: usize = words.iter().map(Vec::len).sum();
        if draft.symbols.len() + size + 1 > LONGEST_PHRASE {
            self.close(draft, out);
        }
        let mut pending: Vec<String> = Vec::new();
        for (text, symbols) in clause.words.iter().zip(words) {
            if symbols.is_empty() {
                continue;
            }
            if draft.symbols.len() + symbols.len() + 1 > LONGEST_PHRASE {
                draft.pause(&mut pending, Pause::Comma);
                self.close(draft, out);
            }
            if draft.symbols.is_empty() {
                draft.symbols.push(Symbol::Start);
            }
            draft.words.push(SpokenWord {
                text: text.clone(),
                first_symbol: draft.symbols.len(),
                last_symbol: draft.symbols.len() + symbols.len() - 1,
            });
            draft.symbols.extend(symbols);
            pending.push(text.clone());
        }
        draft.pause(&mut pending, clause.end);
    }

    fn word_symbols(&self, words: &[String], i: usize) -> Vec<Symbol> {
        let Some(word) = words.get(i) else {
            return Vec::new();
        };
        let phones = self.lexicon.pronounce(word, words.get(i + 1).map(String::as_str));
        // A letter name counts as the word it is spelled like ("A" as "a"): so the networks were trained.
        let content = !self.function_words.contains(&word.to_ascii_lowercase());
        let n = phones.len();
        phones
            .into_iter()
            .enumerate()
            .map(|(k, phone)| Symbol::Phone { phone, first: k == 0, last: k + 1 == n, content })
            .collect()
    }

    fn close(&self, draft: &mut Draft, out: &mut Vec<Phrase>) {
        let Draft { symbols, words, clauses } = std::mem::take(draft);
        if symbols.is_empty() {
            return;
        }
        out.push(Phrase {
            ids: symbols.iter().map(|&s| self.id(s)).collect(),
            feats: features(&symbols),
            words,
            text: spoken(&clauses),
        });
    }

    fn id(&self, symbol: Symbol) -> i64 {
        match symbol {
            Symbol::Start => self.start_id,
            Symbol::Phone { phone, .. } => self.phone_ids[phone.index()],
            Symbol::Pause(Pause::Comma) => self.pause_ids[0],
            Symbol::Pause(Pause::Period) => self.pause_ids[1],
            Symbol::Pause(Pause::Question) => self.pause_ids[2],
        }
    }
}

/// A sentence being built.
#[derive(Default)]
struct Draft {
    symbols: Vec<Symbol>,
    words: Vec<SpokenWord>,
    clauses: Vec<Clause>,
}

impl Draft {
    /// Ends the clause of the words added since the last pause.
    fn pause(&mut self, words: &mut Vec<String>, end: Pause) {
        if words.is_empty() {
            return;
        }
        self.symbols.push(Symbol::Pause(end));
        let words = std::mem::take(words);
        self.clauses.push(Clause { words, end });
    }
}
