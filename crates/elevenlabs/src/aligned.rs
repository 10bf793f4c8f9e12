//! Which part of the text a piece of sound is: the ledger of an utterance.
//!
//! ElevenLabs sends with most pieces of sound when each character of the text is heard. That says where in the text a piece
//! ends, so that someone else can go on from there, and whether all of the text was spoken.

use evervoice_core::{audio::AudioChunk, tts::speakable};

/// When each character is heard. The three lists are of the same length; where they are not, the shortest counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alignment {
    /// The characters, one per entry, as the text had them.
    pub chars: Vec<String>,
    /// Where each starts, in ms from the start of the piece of sound it came with.
    pub start_ms: Vec<f64>,
    /// Where each ends, likewise.
    pub end_ms: Vec<f64>,
}

/// The sound ended before the text did, or there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sound ends before the text does{}", text_end.map(|end| format!(", at byte {end}")).unwrap_or_default())]
pub struct Incomplete {
    /// Where in the text the sound ended, in bytes; `None` when nobody can tell.
    pub text_end: Option<usize>,
}

/// Turns pieces of sound with alignments into chunks that know their place in the text.
///
/// Letters and digits must come as they stand in the text. White space may differ, and so may marks: the far end drops some
/// and turns others into pauses. From the first letter that does not fit, no place is told any more.
#[derive(Debug)]
pub struct Aligned {
    text: String,
    sample_rate: u32,
    ledger: Ledger,
    sound: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ledger {
    /// No alignment has come yet.
    Blank,
    /// All of the text before this byte has been heard.
    At(usize),
    /// Alignments do not fit the text, or are not to be trusted.
    Lost,
}

impl Aligned {
    /// The ledger of `text`. When not `trusted`, alignments are ignored: the far end may speak something else than the
    /// text (SSML, dictionaries), or the sound is delayed by a codec.
    pub fn new(text: &str, sample_rate: u32, trusted: bool) -> Self {
        let ledger = if trusted { Ledger::Blank } else { Ledger::Lost };
        Self { text: text.to_owned(), sample_rate, ledger, sound: false }
    }

    /// More text, for an utterance whose text comes in pieces.
    pub fn append(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A piece of sound as chunks, at most two and none empty: up to the last word that ends in it, and what it has of the
    /// next word. Sound without alignment goes with what came before.
    pub fn push(
        &mut self,
        mut samples: Vec<i16>,
        alignment: Option<&Alignment>,
    ) -> impl Iterator<Item = AudioChunk> + Send + use<> {
        self.sound |= !samples.is_empty();
        let word = alignment.and_then(|alignment| self.follow(alignment));
        let text_end = self.text_end();
        let chunks = match word {
            Some(word) => {
                // Saturates: a time that is no number, or outside the sound, cuts at one of its ends.
                let cut = (word.start_ms * f64::from(self.sample_rate) / 1000.0).round() as usize;
                let begun = samples.split_off(cut.min(samples.len()));
                [AudioChunk { samples, text_end: Some(word.text_start) }, AudioChunk { samples: begun, text_end }]
            }
            None => [AudioChunk { samples, text_end }, AudioChunk { samples: vec![], text_end }],
        };
        chunks.into_iter().filter(|chunk| !chunk.samples.is_empty())
    }

    /// Up to where the text has been heard, in bytes; `None` when nobody can tell.
    pub fn text_end(&self) -> Option<usize> {
        match self.ledger {
            Ledger::At(at) => Some(at),
            Ledger::Blank | Ledger::Lost => None,
        }
    }

    /// Whether alignments have told that nothing that can be said is left.
    pub fn heard_all(&self) -> bool {
        self.text_end().is_some_and(|at| !speakable(&self.text[at..]))
    }

    /// Whether all may have been heard, as far as anybody can tell: no alignment tells of more, but for signs, which may be
    /// left out of one.
    pub fn maybe_heard_all(&self) -> bool {
        match self.ledger {
            Ledger::At(at) => !self.text[at..].contains(char::is_alphanumeric),
            Ledger::Blank | Ledger::Lost => true,
        }
    }

    /// Checks, when the far end says that it is done, that it is.
    ///
    /// # Errors
    /// [`Incomplete`] when there was no sound, or alignments have told of less than the whole text.
    pub fn finish(&self) -> Result<(), Incomplete> {
        if self.maybe_heard_all() && self.sound { Ok(()) } else { Err(Incomplete { text_end: self.text_end() }) }
    }

    /// Moves the ledger over the characters of a piece of sound. Returns the word that the piece ends within.
    fn follow(&mut self, alignment: &Alignment) -> Option<Word> {
        let mut at = match self.ledger {
            Ledger::Blank => 0,
            Ledger::At(at) => at,
            Ledger::Lost => return None,
        };
        let mut word = None;
        let timed = alignment.chars.iter().zip(&alignment.start_ms).zip(&alignment.end_ms);
        for ((chars, &start_ms), _) in timed {
            for char in chars.chars() {
                let Some(found) = find(&self.text[at..], char) else {
                    self.ledger = Ledger::Lost;
                    return None;
                };
                let Some(found) = found else { continue };
                let from = at + found;
                if !char.is_whitespace()
                    && let Some(text_start) = word_start(&self.text, at, from)
                {
                    word = Some(Word { text_start, start_ms });
                }
                // What was found need not be `char` itself: white space stands for any other.
                at = from + self.text[from..].chars().next().map_or(0, char::len_utf8);
            }
        }
        self.ledger = Ledger::At(at);
        let begun = !self.text[..at].ends_with(char::is_whitespace);
        let goes_on = self.text[at..].chars().take_while(|char| !char.is_whitespace()).any(char::is_alphanumeric);
        word.filter(|_| begun && goes_on)
    }
}

/// The last word of a piece of sound.
#[derive(Debug, Clone, Copy)]
struct Word {
    /// Where it starts in the text, in bytes.
    text_start: usize,
    /// When it starts, in ms from the start of the piece.
    start_ms: f64,
}

/// Where `char` stands next in `text`, past white space and marks that were not spoken. `Some(None)` when it is not there but
/// may be left out; `None` when it is not there and is something that is said.
fn find(text: &str, char: char) -> Option<Option<usize>> {
    if char.is_whitespace() {
        return Some(text.starts_with(char::is_whitespace).then_some(0));
    }
    if char.is_alphanumeric() {
        let next = text.find(char::is_alphanumeric)?;
        return text[next..].starts_with(char).then_some(Some(next));
    }
    Some(
        text.char_indices()
            .take_while(|(_, next)| !next.is_alphanumeric())
            .find(|(_, next)| *next == char)
            .map(|(at, _)| at),
    )
}

/// Where the word starts that is entered by going from `at` to `to`; `None` when no word is entered.
fn word_start(text: &str, at: usize, to: usize) -> Option<usize> {
    let passed = text[at..to].char_indices().rev().find(|(_, char)| char.is_whitespace());
    match passed {
        Some((space, char)) => Some(at + space + char.len_utf8()),
        None => text[..at].ends_with(char::is_whitespace).then_some(at),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 1000;

    /// Each character of `text` is 10 samples long.
    fn piece(text: &str) -> (Vec<i16>, Alignment) {
        let chars: Vec<String> = text.chars().map(String::from).collect();
        let start_ms: Vec<f64> = (0..chars.len()).map(|at| 10.0 * at as f64).collect();
        let end_ms = start_ms.iter().map(|start| start + 10.0).collect();
        (vec![1; 10 * chars.len()], Alignment { chars, start_ms, end_ms })
    }

    /// Samples and place of each chunk that `text` becomes.
    fn push(aligned: &mut Aligned, text: &str) -> Vec<(usize, Option<usize>)> {
        let (samples, alignment) = piece(text);
        aligned.push(samples, Some(&alignment)).map(|chunk| (chunk.samples.len(), chunk.text_end)).collect()
    }

    #[test]
    fn a_piece_is_cut_where_its_last_word_begins() {
        let mut aligned = Aligned::new("Hello big world.", RATE, true);
        assert_eq!(push(&mut aligned, "Hello bi"), [(60, Some(6)), (20, Some(8))]);
        assert_eq!(push(&mut aligned, "g"), [(10, Some(9))], "the word is whole: a space follows");
        assert_eq!(push(&mut aligned, " "), [(10, Some(10))]);
        assert_eq!(aligned.finish(), Err(Incomplete { text_end: Some(10) }));
        assert_eq!(push(&mut aligned, "wor"), [(30, Some(13))], "nothing before the word to cut off");
        assert_eq!(push(&mut aligned, "ld."), [(30, Some(16))]);
        assert_eq!(aligned.finish(), Ok(()));
    }

    #[test]
    fn white_space_and_marks_may_differ() {
        let mut aligned = Aligned::new("\"Yes\" —\n\nhe  said…", RATE, true);
        assert_eq!(push(&mut aligned, " Yes, - he"), [(100, Some(13))]);
        assert_eq!(push(&mut aligned, " said."), [(60, Some(19))]);
        assert!(aligned.heard_all());
        assert_eq!(aligned.finish(), Ok(()));
    }

    #[test]
    fn no_place_is_told_from_the_first_letter_that_does_not_fit() {
        let mut aligned = Aligned::new("one two three", RATE, true);
        assert_eq!(push(&mut aligned, "one "), [(40, Some(4))]);
        assert_eq!(push(&mut aligned, "2 "), [(20, None)]);
        assert_eq!(push(&mut aligned, "three"), [(50, None)]);
        assert_eq!(aligned.finish(), Ok(()), "sound there was, and nothing says that it is not whole");
    }

    #[test]
    fn sound_without_alignment_keeps_the_place() {
        let mut aligned = Aligned::new("one two", RATE, true);
        let chunks: Vec<AudioChunk> = aligned.push(vec![1, 2], None).collect();
        assert_eq!(chunks, [AudioChunk { samples: vec![1, 2], text_end: None }]);
        push(&mut aligned, "one two");
        let tail: Vec<AudioChunk> = aligned.push(vec![3], None).collect();
        assert_eq!(tail, [AudioChunk { samples: vec![3], text_end: Some(7) }]);
    }

    #[test]
    fn silence_is_never_whole() {
        assert!(Aligned::new("one", RATE, true).finish().is_err());
        assert!(Aligned::new("one", RATE, false).finish().is_err());
    }

    #[test]
    fn alignments_that_are_not_trusted_are_ignored() {
        let mut aligned = Aligned::new("one two", RATE, false);
        assert_eq!(push(&mut aligned, "one t"), [(50, None)]);
        assert_eq!(aligned.finish(), Ok(()));
    }

    #[test]
    fn text_may_come_in_pieces() {
        let mut aligned = Aligned::new("one ", RATE, true);
        push(&mut aligned, "one ");
        assert!(aligned.heard_all());
        aligned.append("two");
        assert!(!aligned.heard_all());
        assert_eq!(push(&mut aligned, "two"), [(30, Some(7))]);
    }

    #[test]
    fn times_that_make_no_sense_lose_no_sample() {
        for ms in [f64::NAN, -5.0, f64::INFINITY, 1e300] {
            let mut aligned = Aligned::new("a bc", RATE, true);
            let alignment = Alignment {
                chars: ["a", " ", "b"].map(String::from).into(),
                start_ms: vec![ms; 3],
                end_ms: vec![ms; 3],
            };
            let samples: usize = aligned.push(vec![1; 30], Some(&alignment)).map(|chunk| chunk.samples.len()).sum();
            assert_eq!(samples, 30);
        }
    }

    proptest! {
        #[test]
        fn any_cut_of_the_text_tells_places_at_its_word_edges(
            text in "[a-zа-я .,!]{1,40}",
            cuts in prop::collection::vec(0usize..40, 0..6),
        ) {
            let chars: Vec<char> = text.chars().collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(chars.len())).collect();
            cuts.extend([0, chars.len()]);
            cuts.sort_unstable();
            let mut aligned = Aligned::new(&text, RATE, true);
            let mut heard = 0;
            for pair in cuts.windows(2) {
                for (samples, text_end) in push(&mut aligned, &chars[pair[0]..pair[1]].iter().collect::<String>()) {
                    heard += samples;
                    let prefix: String = chars[..heard / 10].iter().collect();
                    prop_assert_eq!(text_end, Some(prefix.len()));
                }
            }
            prop_assert_eq!(heard, 10 * chars.len());
            prop_assert_eq!(aligned.finish(), Ok(()));
        }

        #[test]
        fn no_alignment_can_break_it(
            text in any::<String>(),
            chars in prop::collection::vec(any::<String>(), 0..8),
            times in prop::collection::vec(any::<f64>(), 0..8),
            length in 0usize..100,
        ) {
            let mut aligned = Aligned::new(&text, RATE, true);
            let alignment = Alignment { chars, start_ms: times.clone(), end_ms: times };
            let kept: usize = aligned.push(vec![1; length], Some(&alignment)).map(|chunk| chunk.samples.len()).sum();
            prop_assert_eq!(kept, length);
            if let Some(end) = aligned.text_end() {
                prop_assert!(text.is_char_boundary(end));
            }
        }
    }
}
