//! Which tones make a character: a number below C(25, 12) is a set of 12 of 25, by the combinatorial number system.

use super::{AT_ONCE, TONES};

/// How many chords there are.
const CHORDS: u64 = choose(TONES as u64, AT_ONCE as u64);
/// Spreads neighbouring characters over all tones; it has no factor in common with the number of chords.
const SPREAD: u64 = 3_213_961;
const GATHER: u64 = inverse(SPREAD, CHORDS);
/// Places that are told apart.
const PLACES: u64 = 4;

const _: () = assert!(PLACES * (char::MAX as u64 + 1) <= CHORDS && SPREAD * GATHER % CHORDS == 1);

const fn choose(n: u64, k: u64) -> u64 {
    let (mut result, mut i) = (1, 0);
    while i < k {
        if n < k {
            return 0;
        }
        result = result * (n - i) / (i + 1);
        i += 1;
    }
    result
}

const fn inverse(number: u64, modulus: u64) -> u64 {
    let (mut a, mut b, mut x, mut y) = (number as i64, modulus as i64, 1i64, 0i64);
    while b != 0 {
        let quotient = a / b;
        (a, b) = (b, a - quotient * b);
        (x, y) = (y, x - quotient * y);
    }
    x.rem_euclid(modulus as i64) as u64
}

/// The tones, as bits, of a character at a place of its utterance.
pub(super) fn chord(character: char, place: u64) -> u32 {
    let mut rest = (character as u64 * PLACES + place % PLACES) * SPREAD % CHORDS;
    let (mut bits, mut left) = (0, u64::from(AT_ONCE));
    for tone in (0..TONES as u64).rev() {
        let below = choose(tone, left);
        if left > 0 && rest >= below {
            bits |= 1 << tone;
            rest -= below;
            left -= 1;
        }
    }
    bits
}

/// The character of a chord, and its place modulo four; None when no character sounds like this.
pub(super) fn character(bits: u32) -> Option<(char, u8)> {
    if bits.count_ones() != AT_ONCE {
        return None;
    }
    let (mut number, mut counted) = (0, 0);
    for tone in (0..TONES as u64).filter(|tone| bits & (1 << tone) != 0) {
        counted += 1;
        number += choose(tone, counted);
    }
    let number = number * GATHER % CHORDS;
    let character = u32::try_from(number / PLACES).ok().and_then(char::from_u32)?;
    Some((character, (number % PLACES) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_its_own_chord() {
        for code in (0..=0x7FF).chain((0x800..=0x10_FFFF).step_by(97)).filter_map(char::from_u32) {
            for place in 0..4 {
                let bits = chord(code, place);
                assert_eq!(bits.count_ones(), AT_ONCE);
                assert!(bits < 1 << TONES);
                assert_eq!(character(bits), Some((code, place as u8)));
            }
        }
    }

    #[test]
    fn other_sets_are_no_characters() {
        assert_eq!(character(0), None);
        assert_eq!(character(0b1_1111_1111_1111), None);
    }
}
