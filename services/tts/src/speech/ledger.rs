//! Which sound says which words: what a listener has heard who has played so much of it.

use std::time::Duration;

use super::{continued::of_word, parts::Phrase};

/// Which part of an utterance's sound says which part of its text.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    text: String,
    /// Places that are known, in order; between two of them sound and text pass evenly.
    points: Vec<Point>,
    sound: Duration,
    /// Where the text of the present phrase begins.
    phrase: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Point {
    sound: Duration,
    text: usize,
    /// Whether a phrase ends here, or begins.
    edge: bool,
}

impl Ledger {
    /// The next sound says this phrase.
    pub fn phrase(&mut self, phrase: &Phrase) {
        self.phrase_end();
        // What was said before is said when its sound is over.
        self.points.push(Point { sound: self.sound, text: self.text.len(), edge: true });
        self.text.push_str(&phrase.lead);
        self.phrase = self.text.len();
        self.points.push(Point { sound: self.sound, text: self.phrase, edge: true });
        self.text.push_str(&phrase.text);
    }

    /// Sound that ends `held` before `text_end` bytes of the phrase, where that is known.
    pub fn sound(&mut self, sound: Duration, text_end: Option<usize>, held: Duration) {
        self.sound += sound;
        if let Some(end) = text_end.map(|end| (self.phrase + end).min(self.text.len())) {
            self.points.push(Point { sound: self.sound + held, text: end, edge: false });
        }
    }

    /// All sound of the phrase is there: nothing of it is said later.
    pub fn phrase_end(&mut self) {
        for point in self.points.iter_mut().rev().take_while(|point| point.sound > self.sound) {
            point.sound = self.sound;
        }
    }

    /// What has been heard of the text when so much of the sound has been played: whole words.
    pub fn heard(&self, played: Duration) -> &str {
        let after = self.points.partition_point(|point| point.sound <= played);
        let from = after.checked_sub(1).map_or(Point::default(), |at| self.points[at]);
        let last = Point { sound: self.sound, text: self.text.len(), edge: true };
        let to = self.points.get(after).copied().unwrap_or(last);
        // Of a phrase without sound nothing has been heard.
        let length = to.sound.saturating_sub(from.sound).as_secs_f64();
        let share = if length > 0.0 { (played - from.sound).as_secs_f64() / length } else { 0.0 };
        let end = from.text + ((to.text - from.text) as f64 * share.min(1.0)) as usize;
        let said = self.points[..after].iter().rev().find(|point| point.edge).map_or(0, |edge| edge.text);
        self.whole_words(said, end)
    }

    /// The longest beginning of the text, no longer than `end`, that ends where a word does. Up to `said` it is whole.
    fn whole_words(&self, said: usize, end: usize) -> &str {
        let mut end = self.text.floor_char_boundary(end);
        let inside = |end: usize| {
            let (before, after) = self.text.split_at(end);
            let (last, next) = (before.chars().next_back(), after.chars().next());
            let word = |c: char| of_word(c) && c != '|';
            last.is_some_and(word) && next.is_some_and(word)
        };
        while end > said && inside(end) {
            end = self.text.floor_char_boundary(end - 1);
        }
        self.text[..end].trim_end_matches(|c: char| c.is_whitespace() || c == '|')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn phrase(lead: &str, text: &str) -> Phrase {
        Phrase { index: 0, lead: lead.into(), text: text.into(), reason: "sentence" }
    }

    #[test]
    fn whole_words_that_were_heard() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.heard(ms(10)), "");
        ledger.phrase(&phrase(" ", "Привет, мир!"));
        ledger.sound(ms(500), Some("Привет, ".len()), ms(0));
        ledger.sound(ms(300), None, ms(0));
        ledger.sound(ms(200), Some("Привет, мир!".len()), ms(0));
        ledger.phrase(&phrase("| ", "How are you?"));
        assert_eq!(ledger.heard(ms(0)), "");
        assert_eq!(ledger.heard(ms(400)), "");
        assert_eq!(ledger.heard(ms(500)), " Привет,");
        assert_eq!(ledger.heard(ms(999)), " Привет,");
        assert_eq!(ledger.heard(ms(5_000)), " Привет, мир!", "of a phrase without sound nothing was heard");
        ledger.sound(ms(1_200), Some("How are you?".len()), ms(0));
        assert_eq!(ledger.heard(ms(1_000 + 400)), " Привет, мир!| How", "evenly between two known places");
        assert_eq!(ledger.heard(ms(1_000 + 1_200)), " Привет, мир!| How are you?");
    }

    #[test]
    fn sound_that_is_held_back_has_not_been_heard() {
        let mut ledger = Ledger::default();
        ledger.phrase(&phrase("", "one two"));
        ledger.sound(ms(100), Some("one".len()), ms(16));
        assert_eq!((ledger.heard(ms(100)), ledger.heard(ms(116))), ("", "one"));
        ledger.sound(ms(100), Some("one two".len()), ms(16));
        assert_eq!(ledger.heard(ms(200)), "one");
        ledger.phrase_end();
        assert_eq!(ledger.heard(ms(200)), "one two");
    }

    #[test]
    fn scripts_without_spaces_are_heard_too() {
        let mut ledger = Ledger::default();
        for text in ["你好。", "今天天气很好。"] {
            ledger.phrase(&phrase("", text));
            ledger.sound(ms(700), Some(text.len()), ms(0));
        }
        assert_eq!(ledger.heard(ms(700)), "你好。");
        assert_eq!(ledger.heard(ms(700 + 300)), "你好。今天天");
        assert_eq!(ledger.heard(ms(1_400)), "你好。今天天气很好。");
    }

    #[test]
    fn what_is_said_stays_said_though_its_word_goes_on() {
        let mut ledger = Ledger::default();
        ledger.phrase(&phrase("", "a very long wo"));
        ledger.sound(ms(400), None, ms(0));
        ledger.phrase(&phrase("", "rd of it"));
        ledger.sound(ms(400), None, ms(0));
        assert_eq!(ledger.heard(ms(450)), "a very long wo");
    }

    #[test]
    fn where_no_place_is_known_sound_passes_evenly() {
        let mut ledger = Ledger::default();
        ledger.phrase(&phrase("", "one two"));
        ledger.sound(ms(100), None, ms(0));
        assert_eq!(ledger.heard(ms(50)), "one");
        assert_eq!(ledger.heard(ms(100)), "one two");
    }
}
