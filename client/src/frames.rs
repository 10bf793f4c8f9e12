//! Network pieces of any size → frames of 4096 bytes, the last one shorter.

/// Bytes in a frame: 128 ms of 16 kHz mono s16.
pub const FRAME_BYTES: usize = 4096;

/// Cuts a stream of bytes into frames.
#[derive(Debug, Default)]
pub struct Framer {
    rest: Vec<u8>,
}

impl Framer {
    /// Takes the next piece and gives every frame that is now complete, in order.
    pub fn push(&mut self, piece: &[u8]) -> Vec<Vec<u8>> {
        self.rest.extend_from_slice(piece);
        let whole = self.rest.len() - self.rest.len() % FRAME_BYTES;
        let rest = self.rest.split_off(whole);
        let complete = std::mem::replace(&mut self.rest, rest);
        complete.chunks_exact(FRAME_BYTES).map(<[u8]>::to_vec).collect()
    }

    /// The last, shorter frame, if anything is left.
    pub fn finish(self) -> Option<Vec<u8>> {
        (!self.rest.is_empty()).then_some(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_byte_comes_out_once_in_order_and_only_the_last_frame_is_short(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6000), 0..12)
        ) {
            let mut framer = Framer::default();
            let mut frames: Vec<Vec<u8>> = pieces.iter().flat_map(|piece| framer.push(piece)).collect();
            prop_assert!(frames.iter().all(|frame| frame.len() == FRAME_BYTES));
            if let Some(last) = framer.finish() {
                prop_assert!(!last.is_empty() && last.len() < FRAME_BYTES);
                frames.push(last);
            }
            prop_assert_eq!(frames.concat(), pieces.concat());
        }
    }
}
