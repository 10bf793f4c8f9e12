//! Opus in Ogg (RFC 7845), mono: valid packets of 20 ms, and silent. The text is not audible in it.

/// Samples of one packet at 48 kHz.
const PACKET: usize = 960;
/// CELT, full band, 20 ms, mono, one frame that says "silence".
const SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];
const SERIAL: u32 = 0x0E1E_7E11;
/// Decoded samples that a decoder drops at the start.
const PRE_SKIP: u16 = 312;
const BEGIN: u8 = 2;
const END: u8 = 4;

/// Counts samples and emits a page whenever there are enough for a packet or more.
pub(crate) struct Opus {
    waiting: usize,
    /// Samples encoded, pre-skip included.
    position: u64,
    pages: u32,
}

impl Opus {
    pub(crate) fn new() -> Self {
        Self { waiting: 0, position: 0, pages: 0 }
    }

    pub(crate) fn push(&mut self, samples: &[i16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.pages == 0 {
            let mut head = b"OpusHead".to_vec();
            head.extend([1, 1]);
            head.extend(PRE_SKIP.to_le_bytes());
            head.extend(48_000u32.to_le_bytes());
            head.extend([0, 0, 0]);
            self.page(&mut bytes, BEGIN, 0, &[&head]);
            let mut tags = b"OpusTags".to_vec();
            tags.extend(8u32.to_le_bytes());
            tags.extend(b"emulator");
            tags.extend(0u32.to_le_bytes());
            self.page(&mut bytes, 0, 0, &[&tags]);
            self.waiting += usize::from(PRE_SKIP);
        }
        self.waiting += samples.len();
        let mut packets = self.waiting / PACKET;
        self.waiting %= PACKET;
        // A page holds up to 255 packets as short as these.
        while packets > 0 {
            let count = packets.min(50);
            packets -= count;
            self.position += (count * PACKET) as u64;
            self.page(&mut bytes, 0, self.position, &vec![&SILENCE[..]; count]);
        }
        bytes
    }

    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut bytes = self.push(&[]);
        // The position of the last page says how much of its packet counts.
        self.position += self.waiting as u64;
        self.waiting = 0;
        self.page(&mut bytes, END, self.position, &[&SILENCE]);
        bytes
    }

    fn page(&mut self, bytes: &mut Vec<u8>, kind: u8, position: u64, packets: &[&[u8]]) {
        let start = bytes.len();
        bytes.extend(b"OggS\0");
        bytes.push(kind);
        bytes.extend(position.to_le_bytes());
        bytes.extend(SERIAL.to_le_bytes());
        bytes.extend(self.pages.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.push(packets.len() as u8);
        bytes.extend(packets.iter().map(|packet| packet.len() as u8));
        packets.iter().for_each(|packet| bytes.extend(*packet));
        let sum = checksum(&bytes[start..]);
        bytes[start + 22..start + 26].copy_from_slice(&sum.to_le_bytes());
        self.pages += 1;
    }
}

/// The CRC of Ogg pages (their checksum field being 0).
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| (sum << 1) ^ (if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_headers_then_packets_then_an_end() {
        let mut opus = Opus::new();
        let mut bytes = opus.push(&[0; 48_000]);
        bytes.extend(opus.finish());
        let starts: Vec<usize> = (0..bytes.len() - 3).filter(|&at| &bytes[at..at + 4] == b"OggS").collect();
        assert_eq!(starts.len(), 4);
        assert_eq!(bytes[starts[0] + 5], BEGIN);
        assert_eq!(bytes[starts[3] + 5], END);
        assert_eq!(&bytes[28..36], b"OpusHead");
        let last = u64::from_le_bytes(bytes[starts[3] + 6..starts[3] + 14].try_into().expect("eight bytes"));
        assert_eq!(last, 48_000 + u64::from(PRE_SKIP));
    }
}
