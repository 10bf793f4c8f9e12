//! Collects spoken words and pauses into clauses.

use super::{Clause, Pause};

/// Most letters in one spoken word.
const LONGEST_WORD: usize = 64;

/// Clauses as they grow. A `?` written stays a question until [`Output::finish`] decides whether the voice rises.
#[derive(Default)]
pub(super) struct Output {
    clauses: Vec<Clause>,
    words: Vec<String>,
}

impl Output {
    /// Appends what a rule said: words with spaces between, `,` where it pauses.
    pub(super) fn say(&mut self, text: &str) {
        for part in text.split_whitespace() {
            let word = part.trim_end_matches(',');
            let kept: String = word.chars().filter(|c| c.is_ascii_alphabetic() || *c == '\'').collect();
            if kept.chars().any(|c| c.is_ascii_alphabetic()) {
                let kept = if kept.len() == 1 { kept } else { kept.to_ascii_lowercase() };
                self.push(&kept);
            }
            if word.len() < part.len() {
                self.pause(Pause::Comma);
            }
        }
    }

    /// A run of letters that no word is as long as is cut, so that what follows works on pieces of bounded size.
    fn push(&mut self, word: &str) {
        let mut rest = word;
        while let Some((head, tail)) = rest.split_at_checked(LONGEST_WORD) {
            if !tail.contains(|c: char| c.is_ascii_alphabetic()) {
                break;
            }
            self.words.push(head.to_owned());
            rest = tail;
        }
        self.words.push(rest.to_owned());
    }

    /// Ends the clause. With no word since the last pause, the stronger of the two pauses stays.
    pub(super) fn pause(&mut self, end: Pause) {
        if !self.words.is_empty() {
            let words = std::mem::take(&mut self.words);
            self.clauses.push(Clause { words, end });
        } else if let Some(last) = self.clauses.last_mut() {
            last.end = last.end.max(end);
        }
    }

    /// The last word said in this clause.
    pub(super) fn last_word(&self) -> Option<&str> {
        self.words.last().map(String::as_str)
    }

    /// The clauses; the last one ends a sentence, and `?` stays only where `rises` knows the first word of the
    /// sentence or of the clause, or the question is one word other than a question word.
    pub(super) fn finish(mut self, rises: &dyn Fn(&str) -> bool) -> Vec<Clause> {
        self.pause(Pause::Period);
        if let Some(last) = self.clauses.last_mut()
            && last.end == Pause::Comma
        {
            last.end = Pause::Period;
        }
        let mut sentence_rises = false;
        let mut starts = true;
        for clause in &mut self.clauses {
            let first = clause.words.first().map_or("", String::as_str);
            let first = first.to_ascii_lowercase();
            if starts {
                sentence_rises = rises(&first);
            }
            let lone =
                clause.words.len() == 1 && !["who", "what", "where", "when", "why", "how"].contains(&first.as_str());
            if clause.end == Pause::Question && !(sentence_rises || rises(&first) || lone) {
                clause.end = Pause::Period;
            }
            starts = clause.end != Pause::Comma;
        }
        self.clauses
    }
}
