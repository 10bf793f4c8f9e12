//! Prints what a text is spoken as: `cargo run -p evervoice-text --example spoken -- "Dr. Smith paid $5"`.

use evervoice_text::{Lexicon, normalize, spoken};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text: Vec<String> = std::env::args().skip(1).collect();
    let clauses = normalize(&text.join(" "))?;
    println!("{}", spoken(&clauses));
    let lexicon = Lexicon::builtin();
    for clause in &clauses {
        for (i, word) in clause.words.iter().enumerate() {
            let next = clause.words.get(i + 1).map(String::as_str);
            let phones = lexicon.pronounce(word, next);
            let names: Vec<&str> = phones.iter().map(|p| p.as_str()).collect();
            println!("{word:<16} {}", names.join(" "));
        }
        println!("{}", clause.end.mark());
    }
    Ok(())
}
