//! Units of measure after a number.

use super::tokens::Tokens;

/// As written (case counts), one, many.
const UNITS: &[(&str, &str, &str)] = &[
    ("km", "kilometer", "kilometers"),
    ("m", "meter", "meters"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("µm", "micrometer", "micrometers"),
    ("nm", "nanometer", "nanometers"),
    ("km²", "square kilometer", "square kilometers"),
    ("m²", "square meter", "square meters"),
    ("cm²", "square centimeter", "square centimeters"),
    ("m³", "cubic meter", "cubic meters"),
    ("cm³", "cubic centimeter", "cubic centimeters"),
    ("ft²", "square foot", "square feet"),
    ("mi", "mile", "miles"),
    ("ft", "foot", "feet"),
    ("ft.", "foot", "feet"),
    ("in.", "inch", "inches"),
    ("yd", "yard", "yards"),
    ("kg", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("mg", "milligram", "milligrams"),
    ("µg", "microgram", "micrograms"),
    ("t", "ton", "tons"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("lb.", "pound", "pounds"),
    ("lbs.", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("oz.", "ounce", "ounces"),
    ("l", "liter", "liters"),
    ("L", "liter", "liters"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("gal", "gallon", "gallons"),
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("kph", "kilometer per hour", "kilometers per hour"),
    ("mph", "mile per hour", "miles per hour"),
    ("m/s", "meter per second", "meters per second"),
    ("m/s²", "meter per second squared", "meters per second squared"),
    ("°C", "degree celsius", "degrees celsius"),
    ("°F", "degree fahrenheit", "degrees fahrenheit"),
    ("°", "degree", "degrees"),
    ("K", "kelvin", "kelvin"),
    ("s", "second", "seconds"),
    ("sec", "second", "seconds"),
    ("sec.", "second", "seconds"),
    ("secs", "second", "seconds"),
    ("ms", "millisecond", "milliseconds"),
    ("µs", "microsecond", "microseconds"),
    ("ns", "nanosecond", "nanoseconds"),
    ("min", "minute", "minutes"),
    ("min.", "minute", "minutes"),
    ("mins", "minute", "minutes"),
    ("h", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("hr.", "hour", "hours"),
    ("hrs.", "hour", "hours"),
    ("Hz", "hertz", "hertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("GHz", "gigahertz", "gigahertz"),
    ("kB", "kilobyte", "kilobytes"),
    ("KB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("PB", "petabyte", "petabytes"),
    ("KiB", "kibibyte", "kibibytes"),
    ("MiB", "mebibyte", "mebibytes"),
    ("GiB", "gibibyte", "gibibytes"),
    ("Mb", "megabit", "megabits"),
    ("Gb", "gigabit", "gigabits"),
    ("kbps", "kilobit per second", "kilobits per second"),
    ("Mbps", "megabit per second", "megabits per second"),
    ("Gbps", "gigabit per second", "gigabits per second"),
    ("MB/s", "megabyte per second", "megabytes per second"),
    ("GB/s", "gigabyte per second", "gigabytes per second"),
    ("Mbit/s", "megabit per second", "megabits per second"),
    ("W", "watt", "watts"),
    ("mW", "milliwatt", "milliwatts"),
    ("kW", "kilowatt", "kilowatts"),
    ("MW", "megawatt", "megawatts"),
    ("GW", "gigawatt", "gigawatts"),
    ("Wh", "watt hour", "watt hours"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("MWh", "megawatt hour", "megawatt hours"),
    ("V", "volt", "volts"),
    ("mV", "millivolt", "millivolts"),
    ("kV", "kilovolt", "kilovolts"),
    ("A", "amp", "amps"),
    ("mA", "milliamp", "milliamps"),
    ("mAh", "milliamp hour", "milliamp hours"),
    ("Ω", "ohm", "ohms"),
    ("kΩ", "kilohm", "kilohms"),
    ("MΩ", "megohm", "megohms"),
    ("J", "joule", "joules"),
    ("kJ", "kilojoule", "kilojoules"),
    ("cal", "calorie", "calories"),
    ("kcal", "kilocalorie", "kilocalories"),
    ("Pa", "pascal", "pascals"),
    ("kPa", "kilopascal", "kilopascals"),
    ("hPa", "hectopascal", "hectopascals"),
    ("psi", "P S I", "P S I"),
    ("dB", "decibel", "decibels"),
    ("rpm", "R P M", "R P M"),
    ("fps", "frame per second", "frames per second"),
    ("px", "pixel", "pixels"),
    ("dpi", "D P I", "D P I"),
    ("ppm", "part per million", "parts per million"),
    ("%", "percent", "percent"),
    ("‰", "per mille", "per mille"),
    ("¢", "cent", "cents"),
];

/// Longest unit in tokens ("m/s²").
const LONGEST: usize = 4;
/// Single letters that after a space are more often a name than a unit ("Plan 9 A", "5 K").
const GLUED_ONLY: &[&str] = &["A", "K", "t", "J"];

/// A unit at token `i`.
pub(super) struct Unit {
    pub(super) one: &'static str,
    pub(super) many: &'static str,
    pub(super) next: usize,
}

/// The longest unit that starts at token `i` (after a number) and ends at the end of a word.
pub(super) fn at(t: &Tokens<'_>, i: usize) -> Option<Unit> {
    let glued = t.glued(i);
    let mut written = String::new();
    let mut found = None;
    for j in i..i + LONGEST {
        if j > i && !t.glued(j) || t.ends(j) {
            break;
        }
        written.push_str(t.text(j));
        let unit = UNITS.iter().find(|(w, _, _)| *w == written);
        let Some((name, one, many)) = unit else {
            continue;
        };
        // "5 in. of rain", but "3 ft." at the end of a sentence keeps its full stop.
        let dotted = name.ends_with('.') && (t.ends(j + 1) || t.capitalized(j + 1));
        if dotted || !t.boundary(j + 1) || !glued && GLUED_ONLY.contains(name) {
            continue;
        }
        found = Some(Unit { one, many, next: j + 1 });
    }
    if found.is_none() && glued && t.is(i, "in") && t.boundary(i + 1)
        || t.is(i, "in") && t.is(i + 1, ".") && (t.ends(i + 2) || t.capitalized(i + 2))
    {
        return Some(Unit { one: "inch", many: "inches", next: i + 1 });
    }
    found
}
