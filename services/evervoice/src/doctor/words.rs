//! How much of a sentence was understood.

/// Word error rate: the fewest words that must be replaced, left out or put in to make `heard` from `said`, by the words of
/// `said` (Levenshtein's distance over words). 0 is the same; capitals and marks do not count.
pub fn error_rate(said: &str, heard: &str) -> f64 {
    let (said, heard) = (words(said), words(heard));
    // Distances of the words of `said` so far to each beginning of `heard`.
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (at, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in heard.iter().enumerate() {
            let replaced = diagonal + usize::from(word != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()] as f64 / said.len().max(1) as f64
}

fn words(text: &str) -> Vec<String> {
    let word =
        |part: &str| part.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    text.split_whitespace().map(word).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_differ_are_counted() {
        for (heard, rate) in [
            ("what is the weather", 0.0),
            ("What is, the WEATHER?", 0.0),
            ("what is a weather", 0.25),
            ("what is weather", 0.25),
            ("what is the the weather", 0.25),
            ("", 1.0),
            ("one two three four", 1.0),
            ("is the weather what", 0.5),
        ] {
            assert_eq!(error_rate("What is the weather?", heard), rate, "{heard}");
        }
        assert_eq!(error_rate("Какая завтра погода?", "какая завтра погода"), 0.0);
        assert_eq!(error_rate("", "x"), 1.0);
    }
}
