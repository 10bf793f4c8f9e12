//! Measures letter-to-sound on held-out dictionary words: `lts_accuracy HELD_OUT.tsv` (from `training/lexicon/train_lts.py`).

use std::collections::HashSet;

use evervoice_text::{Lexicon, Phone};

/// Edit distance over phones: insertions, deletions and substitutions cost 1.
fn distance(a: &[Phone], b: &[Phone]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let best = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    row[b.len()]
}

fn without_stress(phones: &[Phone]) -> Vec<&'static str> {
    let names = phones.iter().map(|p| p.as_str());
    names.map(|n| n.trim_end_matches(['0', '1'])).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: lts_accuracy HELD_OUT.tsv")?;
    let text = std::fs::read_to_string(path)?;
    let words: Vec<&str> = text.lines().filter_map(|l| l.split('\t').next()).collect();
    let hidden: HashSet<&str> = words.iter().copied().collect();
    let lexicon = Lexicon::builtin();
    type Say<'a> = Box<dyn Fn(&str) -> Vec<Phone> + 'a>;
    let ways: [(&str, Say); 2] = [
        ("letter-to-sound alone", Box::new(|w| lexicon.guess(w))),
        ("with derived forms", Box::new(|w| lexicon.pronounce_unlisted(w, &|x| hidden.contains(x)))),
    ];
    for (name, say) in ways {
        let start = std::time::Instant::now();
        let (mut right, mut right_sounds, mut errors, mut phones) = (0, 0, 0, 0);
        for word in &words {
            let (want, got) = (lexicon.listed(word).unwrap_or_default(), say(word));
            right += usize::from(want == got);
            right_sounds += usize::from(without_stress(&want) == without_stress(&got));
            errors += distance(&want, &got);
            phones += want.len();
        }
        let share = |n: usize, of: usize| 100.0 * n as f64 / of as f64;
        println!(
            "{name}: {} words, {:.1} % right with stress, {:.1} % right without, phone error {:.1} % (stress counts), {:.1} us per word",
            words.len(),
            share(right, words.len()),
            share(right_sounds, words.len()),
            share(errors, phones),
            start.elapsed().as_secs_f64() * 1e6 / words.len() as f64
        );
    }
    Ok(())
}
