//! Speech that can be read back: each character is a short chord of its own.
//!
//! There are 25 possible tones, 125 Hz apart from 250 to 3250 Hz; a character is 12 of them at once. That is room for every
//! Unicode character times four: the place of the character in its utterance modulo four is part of the chord, so "ll" is
//! two different chords and needs no pause between. Tones that two neighbours share run on without a break.
//!
//! Whatever keeps 250–3250 Hz intact keeps the text: µ-law at 8 kHz, resampling, a lossy codec at a fair bit rate.
//! [`decode`] looks at 8 ms at a time, so what happens to one character (a cut, a cross-fade) leaves the others alone.

mod chord;
mod decode;
mod generate;

pub use decode::decode;
pub use generate::encode;
pub(crate) use generate::{Speaker, Tables};

/// Tones are multiples of this. One period of it is also the time that the decoder looks at.
const SPACING_HZ: u32 = 125;
/// The lowest tone, in multiples of the spacing.
const LOWEST: u32 = 2;
/// How many different tones there are.
const TONES: usize = 25;
/// How many of them sound at once.
const AT_ONCE: u32 = 12;
/// The shortest character that can be told from its neighbours.
pub(crate) const SHORTEST_MS: u32 = 12;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at_another_rate(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
        let length = samples.len() as u64 * u64::from(to) / u64::from(from);
        (0..length)
            .map(|n| {
                let place = n as f64 * f64::from(from) / f64::from(to);
                let (whole, part) = (place as usize, place.fract());
                let next = samples[(whole + 1).min(samples.len() - 1)];
                (f64::from(samples[whole]) * (1.0 - part) + f64::from(next) * part) as i16
            })
            .collect()
    }

    const RATES: [u32; 8] = [8000, 11025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn what_is_spoken_is_heard(text in "\\PC{0,60}", rate in 0..8usize, tone_ms in 12..40u32) {
            let samples = encode(&text, RATES[rate], tone_ms);
            prop_assert_eq!(decode(&samples, RATES[rate]), text);
        }

        #[test]
        fn any_character_at_all(text in any::<String>(), rate in 0..8usize) {
            prop_assert_eq!(decode(&encode(&text, RATES[rate], 20), RATES[rate]), text);
        }

        #[test]
        fn repeats_are_counted(text in "[ab .]{1,80}", tone_ms in 12..30u32) {
            prop_assert_eq!(decode(&encode(&text, 16_000, tone_ms), 16_000), text);
        }

        #[test]
        fn through_u_law_and_a_law(text in "\\PC{1,40}") {
            use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
            let samples = encode(&text, 8000, 20);
            let u_law: Vec<i16> = samples.iter().map(|&s| decode_ulaw(encode_ulaw(s))).collect();
            let a_law: Vec<i16> = samples.iter().map(|&s| decode_alaw(encode_alaw(s))).collect();
            prop_assert_eq!(&decode(&u_law, 8000), &text);
            prop_assert_eq!(&decode(&a_law, 8000), &text);
        }

        #[test]
        fn through_another_rate_quieter(text in "\\PC{1,40}", from in 0..8usize, to in 0..8usize, quieter in 1..8i16) {
            let samples = at_another_rate(&encode(&text, RATES[from], 20), RATES[from], RATES[to]);
            let samples: Vec<i16> = samples.iter().map(|s| s / quieter).collect();
            prop_assert_eq!(decode(&samples, RATES[to]), text);
        }

        #[test]
        fn utterances_with_silence_between(texts in prop::collection::vec("[a-zA-Z .,]{1,20}", 1..6), silence in 0..3000usize) {
            let mut samples = vec![0; silence];
            for text in &texts {
                samples.extend(encode(text, 16_000, 20));
                samples.extend(vec![0; silence + 200]);
            }
            prop_assert_eq!(decode(&samples, 16_000), texts.concat());
        }

        #[test]
        fn a_cut_costs_at_most_the_cut_character(text in "[a-z ]{8,40}", start in 0..2000usize, end in 0..2000usize) {
            let samples = encode(&text, 16_000, 20);
            let heard = decode(&samples[start..samples.len() - end.min(samples.len() - start)], 16_000);
            let whole = text.get(start.div_ceil(320)..text.len().saturating_sub(end.div_ceil(320))).unwrap_or_default();
            prop_assert!(heard.contains(whole), "{heard:?} lacks {whole:?}");
            prop_assert!(heard.len() <= whole.len() + 2);
        }

        #[test]
        fn a_cross_fade_costs_nothing(one in "[a-m]{1,20}", other in "[n-z]{1,20}", fade in 1..96usize) {
            let (left, right) = (encode(&one, 16_000, 20), encode(&other, 16_000, 20));
            let (kept, fading) = left.split_at(left.len() - fade);
            let mut samples = kept.to_vec();
            for (n, (&out, &into)) in fading.iter().zip(&right).enumerate() {
                let part = n as f32 / fade as f32;
                samples.push((f32::from(out) * (1.0 - part) + f32::from(into) * part) as i16);
            }
            samples.extend(&right[fade..]);
            prop_assert_eq!(decode(&samples, 16_000), one + &other);
        }

        #[test]
        fn silence_put_into_a_character_is_skipped(text in "[a-z]{3,20}", at in 320..640usize, silence in 100..4000usize) {
            let mut samples = encode(&text, 16_000, 20);
            samples.splice(at..at, vec![0; silence]);
            let heard = decode(&samples, 16_000);
            // Torn near its middle it is put together again; in any case nobody else is hurt and nothing is heard twice.
            let (first, rest) = text.split_at(1);
            prop_assert!(heard == text || heard == format!("{first}{}", &rest[1..]), "{heard:?} of {text:?}");
        }

        #[test]
        fn noise_says_little(noise in prop::collection::vec(any::<i16>(), 16_000)) {
            prop_assert!(decode(&noise, 16_000).chars().count() <= 3);
        }
    }

    #[test]
    fn silence_in_the_middle_of_one_of_three() {
        let mut samples = encode("aaa", 16_000, 20);
        samples.splice(451..451, vec![0; 100]);
        assert_eq!(decode(&samples, 16_000), "aaa");
    }

    #[test]
    fn two_at_once_are_not_one_of_them() {
        let (one, other) = (encode("abcdefghij", 16_000, 20), encode("klmnopqrst", 16_000, 20));
        let both: Vec<i16> = one.iter().zip(&other).map(|(a, b)| (a + b) / 2).collect();
        assert!(decode(&both, 16_000).chars().count() < 3);
    }
}
