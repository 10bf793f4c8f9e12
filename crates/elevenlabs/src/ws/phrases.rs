//! Where text that comes in pieces may be cut.

use evervoice_core::tts::speakable;

/// A phrase that ends with a comma or the like must be this long, in characters: shorter ones sound chopped.
const SHORTEST_CLAUSE: usize = 40;
/// A phrase without any mark is cut at a word when it is this long, in characters.
const LONGEST_PHRASE: usize = 250;

/// Collects pieces of text, and gives out what may be sent.
#[derive(Debug)]
pub(super) struct Phrases {
    /// Whether the service takes every message for a phrase of its own (`auto_mode`); otherwise words are enough.
    whole: bool,
    held: String,
}

impl Phrases {
    pub fn new(whole: bool) -> Self {
        Self { whole, held: String::new() }
    }

    /// Adds a piece, cut anywhere.
    pub fn push(&mut self, piece: &str) {
        self.held.push_str(piece);
    }

    /// The next phrase that is whole; cut where nothing is torn.
    pub fn next(&mut self) -> Option<String> {
        let end = self.end()?;
        let rest = self.held.split_off(end);
        Some(std::mem::replace(&mut self.held, rest))
    }

    /// All that is left, if there is anything to say in it.
    pub fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.held);
        if speakable(&rest) {
            return Some(rest);
        }
        self.held = rest;
        None
    }

    /// Where the phrase ends: after the white space behind a mark.
    fn end(&self) -> Option<usize> {
        let (mut last_word, mut mark, mut spoken) = (None, None, false);
        for (chars, (at, char)) in self.held.char_indices().enumerate() {
            // Chinese and Japanese have no white space behind a mark.
            if self.whole && spoken && matches!(char, '。' | '！' | '？') {
                return Some(at + char.len_utf8());
            }
            if !char.is_whitespace() {
                spoken |= speakable(char.encode_utf8(&mut [0; 4]));
                // Quotes and brackets stand between a mark and the white space that makes it one.
                if !matches!(char, '"' | '\'' | '»' | '”' | '’' | ')' | ']') {
                    mark = Some(char);
                }
                continue;
            }
            // Marks alone are not spoken; nothing would come back.
            if !spoken {
                continue;
            }
            let end = at + char.len_utf8();
            let ends = match mark {
                _ if char == '\n' => true,
                Some('.' | '!' | '?' | '…') => true,
                Some(',' | ';' | ':' | '—' | '–') => chars >= SHORTEST_CLAUSE,
                _ => false,
            };
            if self.whole && ends {
                return Some(end);
            }
            last_word = Some(end);
            if self.whole && chars >= LONGEST_PHRASE {
                return last_word;
            }
        }
        last_word.filter(|_| !self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent, piece by piece, and at the end.
    fn sent(whole: bool, pieces: &[&str]) -> Vec<String> {
        let mut phrases = Phrases::new(whole);
        let mut sent = vec![];
        for piece in pieces {
            phrases.push(piece);
            sent.extend(std::iter::from_fn(|| phrases.next()));
        }
        sent.extend(phrases.rest());
        sent
    }

    #[test]
    fn sentences_are_sent_whole() {
        assert_eq!(
            sent(true, &["Hel", "lo wor", "ld. H", "ow ", "are you? Fine"]),
            ["Hello world. ", "How are you? ", "Fine"]
        );
        assert_eq!(sent(true, &["It costs 3.50 now. "]), ["It costs 3.50 now. "]);
        assert_eq!(sent(true, &["你好。再", "见。"]), ["你好。", "再见。"]);
        assert_eq!(sent(true, &["He said \"Yes.\" Then"]), ["He said \"Yes.\" ", "Then"]);
    }

    #[test]
    fn a_clause_is_sent_when_it_is_long() {
        assert_eq!(sent(true, &["Yes, it is. "]), ["Yes, it is. "]);
        let long = "This is a clause that goes on for quite some while, ";
        assert_eq!(sent(true, &[long, "and on."]), [long, "and on."]);
    }

    #[test]
    fn text_without_marks_is_cut_at_a_word() {
        let sent = sent(true, &["word ".repeat(120).as_str()]);
        assert_eq!(sent.concat(), "word ".repeat(120));
        assert!(sent.len() > 1 && sent.iter().all(|phrase| phrase.ends_with(' ')));
    }

    #[test]
    fn words_are_sent_at_once_when_the_service_collects_them() {
        assert_eq!(sent(false, &["Hel", "lo wor", "ld. H", "i"]), ["Hello ", "world. ", "Hi"]);
    }

    #[test]
    fn marks_alone_wait_for_a_word() {
        assert_eq!(sent(true, &["... ", "— ", "Yes. "]), ["... — Yes. "]);
        assert_eq!(sent(true, &["Yes. ", "!! "]), ["Yes. "]);
        assert_eq!(sent(false, &["— ", "yes "]), ["— yes "]);
    }

    #[test]
    fn signs_that_stand_for_a_word_are_words() {
        assert_eq!(sent(false, &["5 ", "€"]), ["5 ", "€"]);
        assert_eq!(sent(false, &["100 ", "% ", "sure"]), ["100 ", "% ", "sure"]);
        assert_eq!(sent(true, &["Which sign? ", "€.\n"]), ["Which sign? ", "€.\n"]);
    }
}
