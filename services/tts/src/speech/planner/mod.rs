//! Cuts a text that is still being written into phrases: what is spoken at once, and when.
//!
//! - here: which of the places for a cut is taken, and when
//! - `edges`: the places for a cut; `sentences`: whether a mark ends a sentence; `growth`: how long phrases may be

mod edges;
#[cfg(test)]
mod golden;
mod growth;
mod sentences;
#[cfg(test)]
mod tests;

use std::time::Duration;

use evervoice_core::tts::speakable;
use tokio::time::Instant;

use super::parts::Phrase;
use edges::{Edge, Kind, Scanner};

/// How a text is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannerSettings {
    /// Longest time from the first word to the first phrase.
    pub first_phrase: Duration,
    /// Longest phrase, in characters.
    pub max_chars: usize,
    /// After how long without more text what has come is spoken.
    pub idle: Duration,
}

/// What is known of the sound of the phrases so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Playback {
    /// When the listener will have heard all phrases so far; `None` before the first.
    pub dry: Option<Instant>,
    /// How long a phrase usually takes to its first sound.
    pub latency: Duration,
    /// Time to make sound, per time to hear it.
    pub real_time_factor: f64,
}

impl Playback {
    /// When the next phrase must leave so that its sound is there in time; `None` when it is late already.
    fn needed(&self) -> Option<Instant> {
        self.dry.and_then(|dry| dry.checked_sub(self.latency.mul_f64(1.5) + MARGIN))
    }
}

/// Time for a phrase to be made, besides its latency.
const MARGIN: Duration = Duration::from_millis(150);

/// The time at which the listener runs dry moves while nothing is heard yet. It is looked at no more often than this.
const GRAIN: Duration = Duration::from_millis(10);

/// How many times the pause after which what has come is spoken, a last word waits that may go on.
const LAST_WORD: u32 = 4;

/// Fewer characters than this, in one word, are no phrase as long as there is time.
const ENOUGH: usize = 8;

/// Marks before a word that are spoken with it; longer runs are skipped.
const IN_FRONT: usize = 16;

/// Bytes of spoken text that are kept, as they may say what a mark is.
const KEPT: usize = sentences::CONTEXT;

/// A text on its way, and where it is cut.
pub struct Planner {
    settings: PlannerSettings,
    /// Some of what has been spoken, and all that has not.
    text: String,
    /// Where in `text` the unspoken begins.
    from: usize,
    scanner: Scanner,
    ahead: Ahead,
    /// Of the phrase before, in characters.
    before: usize,
    index: u64,
    /// When the first word came of what is unspoken.
    since: Option<Instant>,
    /// When the last text came.
    pushed: Option<Instant>,
    /// When there was no phrase the last time.
    asked: Option<Instant>,
    ended: bool,
}

/// What is unspoken: where its first word is.
#[derive(Debug, Default)]
struct Ahead {
    /// Where the next phrase begins, in bytes of the text and in characters from the beginning of the utterance.
    start: (usize, usize),
    /// Up to where the text has been looked at, likewise.
    at: (usize, usize),
    /// Whether there is a word before `at`.
    word: bool,
}

/// A cut.
struct Cut {
    at: usize,
    chars: usize,
    reason: &'static str,
}

impl Planner {
    /// Nothing yet, in a language (a BCP 47 tag) where it is known.
    pub fn new(settings: PlannerSettings, language: Option<&str>) -> Self {
        Self {
            settings,
            text: String::new(),
            from: 0,
            scanner: Scanner::new(language),
            ahead: Ahead::default(),
            before: 0,
            index: 0,
            since: None,
            pushed: None,
            asked: None,
            ended: false,
        }
    }

    /// More text has come.
    pub fn push(&mut self, text: &str, now: Instant) {
        if text.is_empty() {
            return;
        }
        self.text.push_str(text);
        self.pushed = Some(now);
        self.ahead.look(&self.text);
        if self.ahead.word {
            self.since.get_or_insert(now);
        }
        self.scanner.scan(&self.text, self.ended);
    }

    /// What has come is spoken, sentence or not.
    pub fn flush(&mut self) {
        self.scanner.scan(&self.text, true);
        self.scanner.edge_at(self.scanner.solid(), Kind::Flush);
    }

    /// Nothing more comes.
    pub fn end(&mut self) {
        self.ended = true;
        self.scanner.scan(&self.text, true);
    }

    /// When the first word came of what has not been cut.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Whether all of a whole text has been cut.
    pub fn is_done(&self) -> bool {
        self.ended && !self.ahead.word
    }

    /// The phrase that is to be spoken now, if there is one.
    pub fn next(&mut self, now: Instant, playback: Playback) -> Option<Phrase> {
        let cut = self.cut(now, playback);
        self.asked = Some(now);
        Some(self.take(cut?, now))
    }

    /// When [`next`](Self::next) may have a phrase though no text comes. After `next` had none it is later than that.
    pub fn wake(&self, playback: Playback) -> Option<Instant> {
        if !self.ahead.word {
            return None;
        }
        let patient = self.since.map(|since| since + self.settings.first_phrase);
        let idle = |times: u32| self.pushed.map(|pushed| pushed + self.settings.idle * times);
        let dry = playback.needed().filter(|_| self.index > 0);
        let dry = dry.map(|dry| self.asked.map_or(dry, |asked| if dry > asked { dry.max(asked + GRAIN) } else { dry }));
        let all = [patient, idle(1), idle(LAST_WORD), dry];
        all.into_iter().flatten().filter(|at| self.asked.is_none_or(|asked| *at > asked)).min()
    }

    /// Where to cut now.
    fn cut(&self, now: Instant, playback: Playback) -> Option<Cut> {
        if !self.ahead.word {
            return None;
        }
        let max = self.settings.max_chars.max(1);
        let hard = self.edges().find(|edge| edge.kind.hard());
        let end = self.ended.then(|| {
            let (at, chars) = self.scanner.solid();
            Edge { at, chars, kind: Kind::Flush }
        });
        // No phrase goes beyond it, and nobody waits for more before it.
        let whole = hard.or(end).map(|edge| (self.length(edge), edge));
        let last = whole.map_or(usize::MAX, |(_, edge)| edge.at);
        let near = |limit: usize| self.edges().take_while(move |edge| edge.at <= last && self.length(*edge) <= limit);
        let sentence = |edge: &Edge| edge.kind >= Kind::Sentence;

        let first = near(max).find(sentence);
        if self.index == 0 && first.is_some() {
            return self.at(first?);
        }
        if let Some((length, edge)) = whole
            && edge.kind == Kind::Flush
            && hard.is_some()
            && length <= max
        {
            return self.at(edge);
        }
        let target = growth::target(self.before, playback.real_time_factor, max);
        let longest = growth::longest(target, max);
        let best = near(longest).filter(sentence).last();
        let seen = self.scanner.seen().saturating_sub(self.ahead.start.1);
        if self.index > 0 {
            if let Some(edge) = near(longest).find(|edge| sentence(edge) && self.length(*edge) >= target) {
                return self.at(edge);
            }
            if let Some((length, edge)) = whole
                && length <= longest
            {
                return self.at(edge);
            }
            if let Some(edge) = best.or(first).filter(|_| whole.is_some() || seen > longest) {
                return self.at(edge);
            }
        }
        match whole {
            Some((length, edge)) if length <= max => return self.at(edge),
            Some(_) => return self.too_long(max),
            None => {}
        }
        // What has not been looked at is a mark and less than the scanner's look ahead.
        if seen > max {
            return self.too_long(max);
        }
        self.in_time(now, playback, max, best)
    }

    /// Where to cut because of the time, if it is due; at `best` sooner than at a clause or word.
    fn in_time(&self, now: Instant, playback: Playback, max: usize, best: Option<Edge>) -> Option<Cut> {
        let paused = self.pushed.map_or(Duration::ZERO, |pushed| now.saturating_duration_since(pushed));
        let late = self.since.is_some_and(|since| now >= since + self.settings.first_phrase);
        let dry = self.index > 0 && playback.needed().is_none_or(|needed| now >= needed);
        let near = || self.edges().take_while(|edge| self.length(*edge) <= max);
        if dry && best.is_some() {
            return self.at(best?);
        }
        if paused >= self.settings.idle {
            return self.idle(max, paused >= self.settings.idle * LAST_WORD);
        }
        let clause = near().filter(|edge| edge.kind == Kind::Clause && self.enough(*edge)).last();
        let word = || near().filter(|edge| edge.kind >= Kind::Word).last();
        match () {
            () if late && (self.index == 0 || dry) => self.at(clause.or_else(word)?),
            // A single word is too little to begin with, as long as there is hope.
            () if dry => self.at(clause.or_else(|| word().filter(|edge| self.enough(*edge)))?),
            () => None,
        }
    }

    /// Where to cut when no text has come for a while: behind all of it when it ends with a mark or a space, or nobody waits
    /// any more.
    fn idle(&self, max: usize, long: bool) -> Option<Cut> {
        let text = self.text.trim_end_matches(|character: char| character.is_whitespace() || character == '|');
        let mark = |character| sentences::terminator(character) || edges::clause(character);
        let marked =
            text.trim_end_matches(|character| sentences::closer(character) && !mark(character)).ends_with(mark);
        if long || marked || text.len() < self.text.len() {
            let chars = self.text[self.ahead.start.0..text.len()].chars().count();
            if chars > max {
                return self.too_long(max);
            }
            return Some(Cut { at: text.len(), chars, reason: "idle" });
        }
        let edge = self.edges().filter(|edge| edge.kind >= Kind::Word && self.length(*edge) <= max).last()?;
        Some(Cut { reason: "idle", ..self.at(edge)? })
    }

    /// Where to cut what has no good place: at a clause, else between two words, else anywhere.
    fn too_long(&self, max: usize) -> Option<Cut> {
        let near = || self.edges().take_while(|edge| self.length(*edge) <= max);
        let of = |kind: Kind| near().filter(|edge| edge.kind == kind).last();
        let edge = [Kind::Sentence, Kind::Clause, Kind::Word, Kind::Gap].into_iter().find_map(of);
        if let Some(edge) = edge {
            return self.at(edge);
        }
        let rest = &self.text[self.ahead.start.0..];
        let length = rest.char_indices().nth(max).map_or(rest.len(), |(at, _)| at);
        let text = rest[..length].trim_end();
        Some(Cut { at: self.ahead.start.0 + text.len(), chars: text.chars().count(), reason: "word" })
    }

    /// Places for a cut behind the first word.
    fn edges(&self) -> impl Iterator<Item = Edge> {
        self.scanner.edges.iter().copied().skip_while(|edge| edge.at < self.ahead.at.0)
    }

    /// Characters of a phrase that ends there.
    fn length(&self, edge: Edge) -> usize {
        edge.chars.saturating_sub(self.ahead.start.1)
    }

    /// Whether what ends there is more than a short word.
    fn enough(&self, edge: Edge) -> bool {
        self.length(edge) >= ENOUGH || self.text[self.ahead.start.0..edge.at].split_whitespace().nth(1).is_some()
    }

    fn at(&self, edge: Edge) -> Option<Cut> {
        let reason = match edge.kind {
            Kind::Gap | Kind::Word => "word",
            Kind::Clause => "clause",
            Kind::Sentence => "sentence",
            Kind::Bar => "bar",
            Kind::Flush if self.ended && !self.edges().any(|other| other == edge) => {
                let sentence = self.edges().any(|other| other.at == edge.at && other.kind == Kind::Sentence);
                if sentence { "sentence" } else { "end" }
            }
            Kind::Flush => "flush",
        };
        // What nobody says behind the last sentence goes before the next one.
        let sentences =
            self.edges().take_while(|other| other.at < edge.at).filter(|other| other.kind == Kind::Sentence);
        let edge = sentences.last().filter(|last| !speakable(&self.text[last.at..edge.at])).unwrap_or(edge);
        Some(Cut { at: edge.at, chars: self.length(edge), reason })
    }

    fn take(&mut self, cut: Cut, now: Instant) -> Phrase {
        let (lead, text) = (&self.text[self.from..self.ahead.start.0], &self.text[self.ahead.start.0..cut.at]);
        let phrase = Phrase { index: self.index, lead: lead.to_owned(), text: text.to_owned(), reason: cut.reason };
        self.index += 1;
        self.before = cut.chars;
        self.from = cut.at;
        let begin = (cut.at, self.ahead.start.1 + cut.chars);
        self.ahead = Ahead { start: begin, at: begin, word: false };
        self.scanner.skip(begin);
        self.forget();
        self.scanner.scan(&self.text, self.ended);
        self.ahead.look(&self.text);
        self.since = self.ahead.word.then_some(now);
        phrase
    }

    /// Lets go of what has been spoken and does not matter any more.
    fn forget(&mut self) {
        let bytes = self.text.floor_char_boundary(self.from.saturating_sub(KEPT));
        self.text.drain(..bytes);
        self.from -= bytes;
        self.ahead.start.0 -= bytes;
        self.ahead.at.0 -= bytes;
        self.scanner.forget(bytes, self.from);
    }
}

impl Ahead {
    /// Looks for the first word.
    fn look(&mut self, text: &str) {
        while !self.word
            && let Some(character) = text[self.at.0..].chars().next()
        {
            let here = self.at;
            self.at = (here.0 + character.len_utf8(), here.1 + 1);
            self.word = speakable(character.encode_utf8(&mut [0; 4]));
            if character.is_whitespace() || character == '|' {
                self.start = self.at;
            } else if self.word && here.1 - self.start.1 > IN_FRONT {
                self.start = here;
            }
        }
    }
}
