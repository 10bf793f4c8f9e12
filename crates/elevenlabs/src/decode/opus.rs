//! Opus in Ogg (RFC 7845).
//!
//! That the formats `opus_48000_*` come in Ogg is an assumption: the service says `audio/opus` and documents no container, and
//! bare packets could not be told apart in a body. Anything else is refused, not guessed at.

use ogg::reading::{BasePacketReader, OggReadError, PageParser};
use opus_rs::OpusDecoder;

use super::DecodeError;

/// Opus in Ogg always counts at this rate, in Hz.
const RATE: i32 = 48_000;

/// Samples of the longest packet (120 ms).
const LONGEST_PACKET: usize = 5_760;

/// Bytes of a page header before its table of segments.
const PAGE_HEADER: usize = 27;

pub(super) struct Opus {
    /// Bytes of a page that is not whole yet.
    carry: Vec<u8>,
    packets: BasePacketReader,
    decoder: OpusDecoder,
    expect: Expect,
    /// Samples that the encoder put in front of the sound, and that are still to come.
    skip: usize,
    /// Samples decoded so far, those in front included: what the granule positions of pages count.
    position: u64,
    floats: Vec<f32>,
}

/// The packets of a stream, in order.
enum Expect {
    Head,
    Tags,
    Sound,
}

impl Opus {
    pub(super) fn new() -> Result<Self, DecodeError> {
        Ok(Self {
            carry: Vec::new(),
            packets: BasePacketReader::new(),
            decoder: OpusDecoder::new(RATE, 1).map_err(malformed)?,
            expect: Expect::Head,
            skip: 0,
            position: 0,
            floats: vec![0.0; LONGEST_PACKET],
        })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<i16>, DecodeError> {
        let mut samples = Vec::new();
        let mut input = std::mem::take(&mut self.carry);
        input.extend_from_slice(bytes);
        let mut rest = input.as_slice();
        while let Some(length) = page_length(rest)? {
            let (page, behind) = rest.split_at(length);
            self.page(page, &mut samples)?;
            rest = behind;
        }
        self.carry = rest.to_vec();
        Ok(samples)
    }

    /// Bytes that are not a whole page.
    pub(super) fn left_over(&self) -> usize {
        self.carry.len()
    }

    fn page(&mut self, page: &[u8], samples: &mut Vec<i16>) -> Result<(), DecodeError> {
        let Some((header, rest)) = page.split_first_chunk::<PAGE_HEADER>() else {
            return Err(malformed("a page has no header"));
        };
        // The second bit of the flags: a stream begins, which may follow another one.
        if header[5] & 2 != 0 {
            self.packets = BasePacketReader::new();
            self.expect = Expect::Head;
        }
        let (mut parser, segments) = PageParser::new(*header).map_err(ogg)?;
        let (segments, content) = rest.split_at_checked(segments).ok_or_else(|| malformed("a page is cut"))?;
        parser.parse_segments(segments.to_vec());
        let page = parser.parse_packet_data(content.to_vec()).map_err(ogg)?;
        self.packets.push_page(page).map_err(ogg)?;
        while let Some(packet) = self.packets.read_packet() {
            let end = packet.last_in_stream().then(|| packet.absgp_page());
            self.packet(&packet.data, end, samples)?;
        }
        Ok(())
    }

    /// One packet; `end` is the position of the end of the stream, when this is its last packet.
    fn packet(&mut self, packet: &[u8], end: Option<u64>, samples: &mut Vec<i16>) -> Result<(), DecodeError> {
        match self.expect {
            Expect::Head => self.head(packet)?,
            Expect::Tags => self.expect = Expect::Sound,
            Expect::Sound => self.sound(packet, end, samples)?,
        }
        Ok(())
    }

    /// `OpusHead`: version, channels, pre-skip (s16le), rate, gain, mapping family.
    fn head(&mut self, packet: &[u8]) -> Result<(), DecodeError> {
        let Some(([version, channels, low, high, ..], [.., family])) =
            packet.strip_prefix(b"OpusHead").and_then(|head| Some((head.get(..4)?, head.get(..11)?)))
        else {
            return Err(malformed("it does not begin with OpusHead"));
        };
        if *version > 15 || !(1..=2).contains(channels) || *family != 0 {
            return Err(malformed(format!("version {version}, {channels} channels, mapping {family} are not read")));
        }
        self.decoder = OpusDecoder::new(RATE, 1).map_err(malformed)?;
        self.skip = usize::from(u16::from_le_bytes([*low, *high]));
        self.position = 0;
        self.expect = Expect::Tags;
        Ok(())
    }

    fn sound(&mut self, packet: &[u8], end: Option<u64>, samples: &mut Vec<i16>) -> Result<(), DecodeError> {
        let decoded = self.decoder.decode(packet, LONGEST_PACKET, &mut self.floats).map_err(malformed)?;
        let mut sound = self.floats.get(..decoded).ok_or_else(|| malformed("a packet is longer than 120 ms"))?;
        self.position += decoded as u64;
        // The last packet is filled up with silence; its page says where the sound ends. Never more than that packet is cut.
        if let Some(surplus) = end.and_then(|end| self.position.checked_sub(end)) {
            let keep = usize::try_from(surplus).ok().and_then(|surplus| decoded.checked_sub(surplus));
            sound = &sound[..keep.unwrap_or(decoded)];
        }
        let skipped = self.skip.min(sound.len());
        self.skip -= skipped;
        samples.extend(sound[skipped..].iter().map(|sample| evervoice_core::audio::chunk::to_i16(*sample)));
        Ok(())
    }
}

/// Length in bytes of the page that `bytes` begin with; `None` when it is not whole yet.
fn page_length(bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
    let magic = bytes.len().min(4);
    if bytes[..magic] != b"OggS"[..magic] {
        return Err(malformed("a page does not begin with OggS"));
    }
    let Some(segments) =
        bytes.get(PAGE_HEADER - 1).and_then(|count| bytes.get(PAGE_HEADER..PAGE_HEADER + usize::from(*count)))
    else {
        return Ok(None);
    };
    let content: usize = segments.iter().map(|length| usize::from(*length)).sum();
    let length = PAGE_HEADER + segments.len() + content;
    Ok((bytes.len() >= length).then_some(length))
}

fn malformed(what: impl ToString) -> DecodeError {
    DecodeError::Malformed { format: "Ogg Opus", what: what.to_string() }
}

fn ogg(error: OggReadError) -> DecodeError {
    malformed(error)
}

#[cfg(test)]
mod tests {
    use ogg::writing::{PacketWriteEndInfo, PacketWriter};
    use proptest::prelude::*;

    use super::*;

    /// An Ogg stream of these packets, each on a page of its own.
    fn stream(packets: &[Vec<u8>]) -> Vec<u8> {
        let head = [b"OpusHead".as_slice(), &[1, 1], &312u16.to_le_bytes(), &48_000u32.to_le_bytes(), &[0; 3]].concat();
        let mut writer = PacketWriter::new(Vec::new());
        for (at, packet) in [head, b"OpusTags".to_vec()].iter().chain(packets).enumerate() {
            let end = if at == packets.len() + 1 { PacketWriteEndInfo::EndStream } else { PacketWriteEndInfo::EndPage };
            writer.write_packet(packet.clone(), 1, end, 0).unwrap();
        }
        writer.into_inner()
    }

    fn decode(bytes: &[u8]) -> Result<Vec<i16>, DecodeError> {
        Opus::new()?.push(bytes)
    }

    #[test]
    fn a_wrong_last_position_costs_no_sound() {
        // 20 ms of silence each; the last page says that the stream ends at sample 0.
        let packets = vec![vec![0xF8, 0xFF, 0xFE]; 3];
        assert_eq!(decode(&stream(&packets)).unwrap().len(), 3 * 960 - 312);
    }

    proptest! {
        #[test]
        fn no_packets_break_the_decoder(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 1..8)) {
            let _ = decode(&stream(&packets));
        }
    }

    #[test]
    fn what_is_not_ogg_is_refused_at_its_first_byte() {
        assert!(Opus::new().unwrap().push(b"\xFC").is_err());
        assert!(Opus::new().unwrap().push(b"OggX").is_err());
    }

    #[test]
    fn a_page_waits_until_it_is_whole() {
        let mut opus = Opus::new().unwrap();
        assert!(opus.push(b"Ogg").unwrap().is_empty());
        assert_eq!(opus.left_over(), 3);
    }
}
