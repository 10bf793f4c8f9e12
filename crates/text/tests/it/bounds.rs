//! What holds for any text: no panic, clean words, spoken digits, bounded output and time.

use std::time::{Duration, Instant};

use evervoice_text::{normalize, spoken};
use proptest::prelude::*;

/// The vocabulary of numbers, enough to see that a digit was said.
const NUMBER_WORDS: &str = "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen \
    fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand \
    million half halves quarter quarters first second third fifth eighth ninth twelfth january february march april may \
    june july august september october november december";

fn names_a_number(text: &str) -> bool {
    let words = NUMBER_WORDS.split_whitespace();
    let words: Vec<&str> = words.collect();
    text.split(|c: char| !c.is_ascii_alphabetic()).any(|w| {
        let stem = w.trim_end_matches('s').trim_end_matches("th");
        words.contains(&w) || words.contains(&stem) || w.ends_with("ieth") || w.ends_with("ties")
    })
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let Ok(clauses) = normalize(text) else {
        return Ok(());
    };
    prop_assert!(!clauses.is_empty());
    let mut size = 0;
    for clause in &clauses {
        prop_assert!(!clause.words.is_empty());
        for word in &clause.words {
            let clean = word.chars().all(|c| c.is_ascii_lowercase() || c == '\'');
            let letter = word.len() == 1 && word.chars().all(|c| c.is_ascii_uppercase());
            prop_assert!(clean || letter, "{word:?} from {text:?}");
            prop_assert!(word.chars().any(|c| c.is_ascii_alphabetic()));
            size += word.len() + 1;
        }
    }
    // The longest name of one character is "less than or equal to"; a long number is about ten letters a digit.
    prop_assert!(size <= 40 * text.len() + 40, "{size} from {}", text.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_text(text in "\\PC{0,80}") {
        check(&text)?;
    }

    #[test]
    fn any_ascii(text in "[ -~\n]{0,120}") {
        check(&text)?;
    }

    #[test]
    fn rule_like_text(text in "([0-9]{1,4}|[-/:.,$€£%°#@+*~'\"x()&|_^²½ \n]|am|pm|km|th|St|Nov|A|v|k|USD|e\\.g\\.|III){0,40}") {
        check(&text)?;
    }

    #[test]
    fn every_digit_is_spoken(text in "[a-zA-Z .,:;/$%#@+=°€'\"²?-]{0,12}[0-9]{1,6}[a-zA-Z .,:;/$%#@+=°€'\"²?-]{0,12}") {
        let clauses = normalize(&text).map_err(|e| TestCaseError::fail(format!("{text:?}: {e}")))?;
        let said = spoken(&clauses);
        prop_assert!(names_a_number(&said), "{text:?} is said {said:?}");
    }

    /// Each of several numbers far apart is said in full.
    #[test]
    fn no_number_of_a_list_is_lost(numbers in prop::collection::vec(0u32..1_000, 1..12)) {
        let text: Vec<String> = numbers.iter().map(|n| format!("item {n} here")).collect();
        let clauses = normalize(&text.join("; ")).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let said = spoken(&clauses);
        prop_assert_eq!(said.matches("item").count(), numbers.len());
        for part in said.split("item").skip(1) {
            prop_assert!(names_a_number(part), "{}", said);
        }
    }
}

#[test]
fn hostile_text_takes_linear_time() {
    let seeds = [
        "(a", "[", "[[](", "<a", "1,", "1.", "1-", "a.", "@a", "1 000 ", "....", "**_", "&#", "a@b.", "http://", "A.",
        "'", "1:1:", "0", "X", "é", "😀", "\n- ", "|", "`", "\\", "(1)", "+1 ", "x'", "1/",
    ];
    for seed in seeds {
        let text = seed.repeat(20_000 / seed.len());
        let start = Instant::now();
        let _ = normalize(&text);
        let took = start.elapsed();
        // Twenty thousand bytes; the bound is for a slow shared machine and an unoptimised build.
        assert!(took < Duration::from_millis(1500), "{seed:?}: {took:?}");
    }
}
