//! The packed CMUdict: sorted words, front-coded in blocks, phones in byte-pair codes.
//!
//! Nothing is unpacked at the start but the small code table; a look-up is a binary search over the first words of
//! the blocks, then a walk through one block of 16. The layout is described in `training/lexicon/make_lexicon.py`.

use super::bytes::Reader;
use crate::phones::Phone;

const MAGIC: &[u8] = b"EVLEX1\0\0";
const BLOCK: usize = 16;

/// A word list with one pronunciation each.
pub(crate) struct Dictionary {
    data: &'static [u8],
    words: usize,
    blocks: usize,
    offsets_at: usize,
    blocks_at: usize,
    /// What each of the 256 phone codes stands for.
    expansion: Vec<Vec<Phone>>,
}

impl Dictionary {
    /// Reads the header. `None` if the data is not of this format.
    pub(crate) fn open(data: &'static [u8]) -> Option<Self> {
        let mut r = Reader::new(data, 0);
        if r.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let (words, blocks) = (r.u32()?, r.u32()?);
        let phones = r.phone_table()?;
        let expansion: Option<Vec<Vec<Phone>>> = (0..256)
            .map(|_| {
                let run = r.run()?;
                run.iter().map(|&i| phones.get(usize::from(i)).copied()).collect()
            })
            .collect();
        let offsets_at = r.position();
        r.take(blocks.checked_mul(4)?)?;
        Some(Self { data, words, blocks, offsets_at, blocks_at: r.position(), expansion: expansion? })
    }

    /// Number of words.
    pub(crate) fn len(&self) -> usize {
        self.words
    }

    fn block(&self, i: usize) -> Option<Reader<'static>> {
        let offset = Reader::new(self.data, self.offsets_at + 4 * i).u32()?;
        Some(Reader::new(self.data, self.blocks_at.checked_add(offset)?))
    }

    fn first_word(&self, block: usize) -> Option<&'static [u8]> {
        let mut r = self.block(block)?;
        r.u8()?;
        r.run()
    }

    fn expand(&self, codes: &[u8]) -> Vec<Phone> {
        let phones = codes.iter().flat_map(|&c| &self.expansion[usize::from(c)]);
        phones.copied().collect()
    }

    /// The phone codes of a lowercase word.
    fn find(&self, word: &[u8]) -> Option<&'static [u8]> {
        let (mut lo, mut hi) = (0, self.blocks);
        while hi - lo > 1 {
            let mid = lo + (hi - lo) / 2;
            if self.first_word(mid)? <= word {
                lo = mid;
            } else {
                hi = mid;
            }
        }
        let mut r = self.block(lo)?;
        let mut current = Vec::with_capacity(32);
        for _ in 0..BLOCK.min(self.words - lo * BLOCK) {
            current.truncate(usize::from(r.u8()?));
            current.extend_from_slice(r.run()?);
            let codes = r.run()?;
            match current.as_slice().cmp(word) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => return Some(codes),
                std::cmp::Ordering::Greater => return None,
            }
        }
        None
    }

    /// The pronunciation of a lowercase word.
    pub(crate) fn get(&self, word: &str) -> Option<Vec<Phone>> {
        self.find(word.as_bytes()).map(|codes| self.expand(codes))
    }

    /// Whether the lowercase word is listed.
    pub(crate) fn contains(&self, word: &str) -> bool {
        self.find(word.as_bytes()).is_some()
    }

    /// Every entry, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (String, Vec<Phone>)> + '_ {
        let mut r = Reader::new(self.data, self.blocks_at);
        let mut current = Vec::new();
        (0..self.words).map_while(move |_| {
            current.truncate(usize::from(r.u8()?));
            current.extend_from_slice(r.run()?);
            let codes = r.run()?;
            Some((String::from_utf8(current.clone()).ok()?, self.expand(codes)))
        })
    }
}
