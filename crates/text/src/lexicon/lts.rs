//! Letter-to-sound: phones for words no list has, from a joint letter-phone n-gram model.
//!
//! Every letter with the phones it stands for is one token ("graphone"; Bisani and Ney, "Joint-sequence models for
//! grapheme-to-phoneme conversion", 2008). A word is read from its end, because endings decide stress and vowel
//! length; a beam search finds the likeliest tokens that spell it. Model and file: `training/lexicon/train_lts.py`.

use super::bytes::Reader;
use crate::phones::Phone;

const MAGIC: &[u8] = b"EVLTS1\0\0";
const NONE: u32 = u32::MAX;
/// Hypotheses kept after each letter.
const BEAM: usize = 24;
/// A hypothesis this much less likely than the best (natural logarithm) is given up.
const MARGIN: f32 = 6.0;
/// Longest run of letters decoded in one piece; a longer "word" is cut, so that the work stays proportional.
const LONGEST: usize = 40;

struct Token {
    letter: u8,
    phones: Vec<Phone>,
}

struct Entry {
    token: u16,
    logp: f32,
    child: u32,
}

struct Context {
    entries: std::ops::Range<usize>,
    backoff: f32,
    /// The longest shorter context.
    suffix: u32,
}

/// The model, unpacked for searching.
pub(crate) struct LetterToSound {
    tokens: Vec<Token>,
    /// Token numbers by letter: `a`…`z`, then the apostrophe.
    by_letter: Vec<Vec<u16>>,
    contexts: Vec<Context>,
    entries: Vec<Entry>,
}

#[derive(Clone)]
struct Hypothesis {
    score: f32,
    context: u32,
    tokens: Vec<u16>,
}

fn slot(letter: u8) -> Option<usize> {
    match letter {
        b'a'..=b'z' => Some(usize::from(letter - b'a')),
        b'\'' => Some(26),
        _ => None,
    }
}

impl LetterToSound {
    /// Unpacks the model. `None` if the data is not of this format.
    pub(crate) fn open(data: &[u8]) -> Option<Self> {
        let mut r = Reader::new(data, 0);
        if r.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let phones = r.phone_table()?;
        let mut tokens = Vec::new();
        let mut by_letter = vec![Vec::new(); 27];
        for number in 0..r.u16()? {
            let letter = r.u8()?;
            let run = r.run()?.iter();
            let phones: Option<Vec<Phone>> = run.map(|&i| phones.get(usize::from(i)).copied()).collect();
            if let Some(list) = slot(letter).and_then(|s| by_letter.get_mut(s)) {
                list.push(number);
            }
            let phones = phones?;
            tokens.push(Token { letter, phones });
        }
        let logp: Option<Vec<f32>> = (0..64).map(|_| r.f32()).collect();
        let backoff: Option<Vec<f32>> = (0..256).map(|_| r.f32()).collect();
        let (logp, backoff) = (logp?, backoff?);
        let count = r.u32()?;
        let (mut contexts, mut entries) = (Vec::with_capacity(count), Vec::new());
        // Breadth first: the children of earlier contexts are the next contexts, in order.
        let mut next_child = 1u32;
        for _ in 0..count {
            let weight = backoff[usize::from(r.u8()?)];
            let start = entries.len();
            for _ in 0..r.u16()? {
                let packed = r.u16()?;
                let child = if packed >> 15 == 1 { next_child } else { NONE };
                next_child += u32::from(packed >> 15);
                let logp = logp[usize::from(packed >> 9 & 63)];
                let token = packed & 511;
                tokens.get(usize::from(token))?;
                entries.push(Entry { token, logp, child });
            }
            contexts.push(Context { entries: start..entries.len(), backoff: weight, suffix: NONE });
        }
        let mut model = Self { tokens, by_letter, contexts, entries };
        model.link();
        Some(model)
    }

    /// Finds for every context the longest shorter one; breadth-first order makes sure it is known in time.
    fn link(&mut self) {
        for c in 0..self.contexts.len() {
            for e in self.contexts[c].entries.clone() {
                let (child, token) = (self.entries[e].child, self.entries[e].token);
                if child == NONE {
                    continue;
                }
                let suffix = self.follow(self.contexts[c].suffix, token);
                if let Some(context) = self.contexts.get_mut(child as usize) {
                    context.suffix = suffix;
                }
            }
        }
    }

    fn entry(&self, context: u32, token: u16) -> Option<&Entry> {
        let range = self.contexts.get(context as usize)?.entries.clone();
        let entries = &self.entries[range];
        let at = entries.binary_search_by_key(&token, |e| e.token).ok()?;
        entries.get(at)
    }

    /// The longest known context after `token` was seen in `context`.
    fn follow(&self, mut context: u32, token: u16) -> u32 {
        while context != NONE {
            match self.entry(context, token) {
                Some(e) if e.child != NONE => return e.child,
                _ => context = self.contexts[context as usize].suffix,
            }
        }
        0
    }

    /// log P(token | context) and the context that follows.
    fn step(&self, mut context: u32, token: u16) -> (f32, u32) {
        let mut score = 0.0;
        while let Some(c) = self.contexts.get(context as usize) {
            if let Some(e) = self.entry(context, token) {
                let next = if e.child == NONE { self.follow(c.suffix, token) } else { e.child };
                return (score + e.logp, next);
            }
            score += c.backoff;
            context = c.suffix;
        }
        (score - 20.0, 0)
    }

    /// The phones of a spelling (lowercase letters and apostrophes); empty only where there is no letter.
    pub(crate) fn phones(&self, word: &str) -> Vec<Phone> {
        let letters: Vec<u8> = word.bytes().filter(|&b| slot(b).is_some()).collect();
        letters.chunks(LONGEST).flat_map(|part| self.piece(part)).collect()
    }

    fn piece(&self, letters: &[u8]) -> Vec<Phone> {
        let mut beam = vec![Hypothesis { score: 0.0, context: self.follow(0, 0), tokens: Vec::new() }];
        for &letter in letters.iter().rev() {
            let choices = slot(letter).and_then(|s| self.by_letter.get(s));
            let choices = choices.map_or(&[][..], Vec::as_slice);
            // Scores first, copies of the token lists only for the survivors.
            let mut next: Vec<(f32, u32, usize, u16)> = Vec::new();
            let mut best = f32::NEG_INFINITY;
            for (from, h) in beam.iter().enumerate() {
                // The beam is sorted and a step never gains: from here on all would be given up.
                if h.score <= best - MARGIN {
                    break;
                }
                for &token in choices {
                    let (logp, context) = self.step(h.context, token);
                    best = best.max(h.score + logp);
                    next.push((h.score + logp, context, from, token));
                }
            }
            next.retain(|h| h.0 > best - MARGIN);
            next.sort_by(|a, b| b.0.total_cmp(&a.0));
            next.truncate(BEAM);
            if next.is_empty() {
                continue;
            }
            beam = next
                .into_iter()
                .map(|(score, context, from, token)| {
                    let mut tokens = beam[from].tokens.clone();
                    tokens.push(token);
                    Hypothesis { score, context, tokens }
                })
                .collect();
        }
        for h in &mut beam {
            h.score += self.step(h.context, 0).0;
        }
        beam.sort_by(|a, b| b.score.total_cmp(&a.score));
        let pronounced: Vec<Vec<Phone>> = beam.iter().map(|h| self.spell(h)).collect();
        // A word has a stressed vowel; failing that, a vowel; failing that, any sound.
        let rules: [fn(&Phone) -> bool; 3] = [|p| p.is_stressed(), |p| p.is_vowel(), |_| true];
        let best = rules.iter().find_map(|rule| pronounced.iter().find(|p| p.iter().any(rule)));
        best.cloned().unwrap_or_default()
    }

    fn spell(&self, h: &Hypothesis) -> Vec<Phone> {
        let tokens = h.tokens.iter().rev();
        let tokens = tokens.filter_map(|&t| self.tokens.get(usize::from(t)));
        let tokens = tokens.filter(|t| slot(t.letter).is_some());
        tokens.flat_map(|t| t.phones.iter().copied()).collect()
    }
}
