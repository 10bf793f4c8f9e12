//! What single Unicode characters become: ASCII, a word, a symbol with a name, or nothing.

/// Symbols that later rules name; they pass unchanged.
pub(super) const NAMED: &str = "€£¥₽₹₩₿¢°×÷±§©µΩ²³–—≈≠≤≥√∞→";

/// A fixed replacement, checked before anything else.
pub(super) fn replacement(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{201B}' | '\u{2032}' | '\u{02BC}' | '\u{02BB}' | '\u{00B4}'
        | '\u{FF07}' => "'",
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{201F}' | '\u{2033}' | '«' | '»' | '\u{300C}' | '\u{300D}'
        | '\u{2039}' | '\u{203A}' => "\"",
        '\u{2012}' => "–",
        '\u{2015}' => "—",
        '\u{2010}' | '\u{2011}' | '\u{2212}' | '\u{FE63}' | '\u{FF0D}' => "-",
        '…' => "...",
        '\u{2044}' | '\u{2215}' => "/",
        '•' | '·' | '‣' | '▪' | '●' | '◦' => ", ",
        '。' | '｡' => ". ",
        '、' | '，' | '،' => ", ",
        '؟' => "? ",
        '¿' | '¡' => " ",
        '⁰' => "^0",
        '¹' => "^1",
        '⁴' => "^4",
        '⁵' => "^5",
        '⁶' => "^6",
        '⁷' => "^7",
        '⁸' => "^8",
        '⁹' => "^9",
        '⁻' => "^-",
        '™' | '®' | '℠' => "",
        '№' => " No. ",
        '℃' => "°C",
        '℉' => "°F",
        '\u{2126}' => "Ω",
        'ª' => "a",
        'º' => "°",
        '∙' | '⋅' | '✕' | '✖' => "×",
        '⇒' | '➔' | '➜' | '➡' => "→",
        '￥' => "¥",
        '￡' => "£",
        'ß' => "ss",
        'ẞ' => "SS",
        'æ' => "ae",
        'Æ' => "Ae",
        'œ' => "oe",
        'Œ' => "Oe",
        'ø' => "o",
        'Ø' => "O",
        'đ' => "d",
        'Đ' => "D",
        'ð' => "th",
        'Ð' => "Th",
        'þ' => "th",
        'Þ' => "Th",
        'ł' => "l",
        'Ł' => "L",
        'ı' => "i",
        'ħ' => "h",
        'Ħ' => "H",
        'ŋ' => "ng",
        'Ŋ' => "Ng",
        'ə' => "e",
        'Ə' => "E",
        'ŧ' => "t",
        'ƒ' => "f",
        _ => return None,
    })
}

/// The name of a Greek letter standing alone.
pub(super) fn greek(c: char) -> Option<&'static str> {
    let lower = c.to_lowercase().next()?;
    Some(match lower {
        'α' => "alpha",
        'β' | 'ϐ' => "beta",
        'γ' => "gamma",
        'δ' => "delta",
        'ε' | 'ϵ' => "epsilon",
        'ζ' => "zeta",
        'η' => "eta",
        'θ' | 'ϑ' => "theta",
        'ι' => "iota",
        'κ' => "kappa",
        'λ' => "lambda",
        'μ' | 'µ' => "mu",
        'ν' => "nu",
        'ξ' => "xi",
        'ο' => "omicron",
        'π' => "pi",
        'ρ' => "rho",
        'σ' | 'ς' => "sigma",
        'τ' => "tau",
        'υ' => "upsilon",
        'φ' | 'ϕ' => "phi",
        'χ' => "chi",
        'ψ' => "psi",
        'ω' => "omega",
        _ => return None,
    })
}

/// Characters that leave no trace, not even a gap: joiners, marks, soft hyphens, direction marks.
pub(super) fn vanishes(c: char) -> bool {
    matches!(u32::from(c),
        0x00AD | 0x034F | 0x061C | 0x180B..=0x180E | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F
        | 0xFEFF | 0xFE00..=0xFE0F | 0xE0000..=0xE01EF
        | 0x0300..=0x036F | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0xFE20..=0xFE2F)
}

/// Pictures: emoji, dingbats, flags, box drawing, private use.
pub(super) fn is_picture(c: char) -> bool {
    matches!(u32::from(c),
        0x1F000..=0x1F0FF | 0x1F1E6..=0x1FAFF | 0x1FB00..=0x1FBEF | 0x2600..=0x2775 | 0x2794..=0x27BF
        | 0x2300..=0x23FF | 0x2500..=0x25FF | 0x2B00..=0x2BFF | 0xE000..=0xF8FF)
}
