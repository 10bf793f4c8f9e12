//! Opus in Ogg (RFC 7845), mono. That the real service uses Ogg is an assumption: it only says `audio/opus`.

use opus_rs::{Application, OpusEncoder};

/// Samples of one packet at 48 kHz: 20 ms.
const PACKET: usize = 960;
/// CELT, full band, 20 ms, mono, one frame that says "silence".
const SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];
const SERIAL: u32 = 0x0E1E_7E11;
/// Samples by which the decoded sound is late, and which a decoder therefore drops at the start.
const PRE_SKIP: usize = 120;
/// Packets in a page at most: it holds 255 times 255 bytes, and a packet is no longer than 1275.
const MOST_PACKETS: usize = 40;
const BEGIN: u8 = 2;
const END: u8 = 4;

/// Encodes packets of 20 ms, and puts those of one push into a page.
pub(crate) struct Opus {
    /// None: silence, because there is no encoder for this.
    encoder: Option<OpusEncoder>,
    waiting: Vec<i16>,
    /// Samples that came in.
    samples: u64,
    /// Samples encoded.
    position: u64,
    pages: u32,
}

impl Opus {
    pub(crate) fn new(kbps: u32) -> Self {
        // Of the modes of Opus the one for music alone: it keeps tones as they are.
        let mut encoder = OpusEncoder::new(48_000, 1, Application::RestrictedLowDelay).ok();
        if let Some(encoder) = &mut encoder {
            encoder.bitrate_bps = kbps as i32 * 1000;
            // Tones need no more, and many speak at once here.
            encoder.complexity = 1;
        }
        Self { encoder, waiting: Vec::new(), samples: 0, position: 0, pages: 0 }
    }

    pub(crate) fn push(&mut self, samples: &[i16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.pages == 0 {
            self.headers(&mut bytes);
        }
        self.samples += samples.len() as u64;
        self.waiting.extend(samples);
        let whole = self.waiting.len() / PACKET * PACKET;
        let ready: Vec<i16> = self.waiting.drain(..whole).collect();
        let packets: Vec<Vec<u8>> = ready.chunks(PACKET).map(|samples| self.encode(samples)).collect();
        for packets in packets.chunks(MOST_PACKETS) {
            self.position += (packets.len() * PACKET) as u64;
            self.page(&mut bytes, 0, self.position, packets);
        }
        bytes
    }

    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut bytes = self.push(&[]);
        // What is still inside has to be pushed out. The position of the last page says how much of it counts.
        self.waiting.resize((self.waiting.len() + PRE_SKIP).next_multiple_of(PACKET), 0);
        let rest = std::mem::take(&mut self.waiting);
        let packets: Vec<Vec<u8>> = rest.chunks(PACKET).map(|samples| self.encode(samples)).collect();
        self.page(&mut bytes, END, self.samples + PRE_SKIP as u64, &packets);
        bytes
    }

    fn encode(&mut self, samples: &[i16]) -> Vec<u8> {
        let mut packet = vec![0; 1275];
        let encoded = self.encoder.as_mut().and_then(|encoder| encoder.encode_i16(samples, PACKET, &mut packet).ok());
        match encoded {
            Some(length) => packet.truncate(length),
            None => packet = SILENCE.to_vec(),
        }
        packet
    }

    fn headers(&mut self, bytes: &mut Vec<u8>) {
        let mut head = b"OpusHead".to_vec();
        head.extend([1, 1]);
        head.extend((PRE_SKIP as u16).to_le_bytes());
        head.extend(48_000u32.to_le_bytes());
        head.extend([0, 0, 0]);
        self.page(bytes, BEGIN, 0, &[head]);
        let mut tags = b"OpusTags".to_vec();
        tags.extend(8u32.to_le_bytes());
        tags.extend(b"emulator");
        tags.extend(0u32.to_le_bytes());
        self.page(bytes, 0, 0, &[tags]);
    }

    fn page(&mut self, bytes: &mut Vec<u8>, kind: u8, position: u64, packets: &[Vec<u8>]) {
        // Each packet is so many full segments and one that is not.
        let lengths = |packet: &Vec<u8>| [vec![255; packet.len() / 255], vec![(packet.len() % 255) as u8]].concat();
        let segments: Vec<u8> = packets.iter().flat_map(lengths).collect();
        let start = bytes.len();
        bytes.extend(b"OggS\0");
        bytes.push(kind);
        bytes.extend(position.to_le_bytes());
        bytes.extend(SERIAL.to_le_bytes());
        bytes.extend(self.pages.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.push(segments.len() as u8);
        bytes.extend(segments);
        packets.iter().for_each(|packet| bytes.extend(packet));
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
    use opus_rs::OpusDecoder;

    use super::*;

    const TEXT: &str = "Every character survives: ÄÖÜ, 123, Щука!";

    /// The packets of each page, and its position.
    fn pages(mut bytes: &[u8]) -> Vec<(Vec<Vec<u8>>, u64)> {
        let mut pages = Vec::new();
        while !bytes.is_empty() {
            assert_eq!(&bytes[..4], b"OggS");
            let position = u64::from_le_bytes(bytes[6..14].try_into().expect("eight bytes"));
            let (segments, mut rest) = bytes[27..].split_at(usize::from(bytes[26]));
            let mut packets = vec![Vec::new()];
            for &length in segments {
                let (segment, after) = rest.split_at(usize::from(length));
                packets.last_mut().expect("at least one").extend(segment);
                rest = after;
                if length < 255 {
                    packets.push(Vec::new());
                }
            }
            packets.pop();
            pages.push((packets, position));
            bytes = rest;
        }
        pages
    }

    #[test]
    fn the_text_survives_at_every_bit_rate() {
        let samples = crate::encode(TEXT, 48_000, 20);
        for kbps in [32, 64, 96, 128, 192] {
            let mut opus = Opus::new(kbps);
            let mut bytes: Vec<u8> = samples.chunks(5000).flat_map(|samples| opus.push(samples)).collect();
            bytes.extend(opus.finish());
            let pages = pages(&bytes);
            assert!(pages[0].0[0].starts_with(b"OpusHead") && pages[1].0[0].starts_with(b"OpusTags"));
            assert_eq!(pages.last().map(|page| page.1), Some((samples.len() + PRE_SKIP) as u64));
            let mut decoder = OpusDecoder::new(48_000, 1).expect("a decoder");
            let mut decoded = Vec::new();
            for packet in pages[2..].iter().flat_map(|page| &page.0) {
                let mut pcm = vec![0.0; PACKET];
                let count = decoder.decode(packet, PACKET, &mut pcm).expect("a packet");
                decoded.extend(pcm[..count].iter().map(|sample| (sample * 32_767.0) as i16));
            }
            assert!(decoded.len() >= samples.len() + PRE_SKIP);
            assert_eq!(crate::decode(&decoded[PRE_SKIP..], 48_000), TEXT, "{kbps} kbit/s in {} bytes", bytes.len());
        }
    }
}
