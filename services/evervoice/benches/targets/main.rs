//! The figures that README and DECISIONS.md claim, measured again: `cargo xtask bench [SECTION …]`.
//!
//! Machines are noisy: compare the ratios of one run, and take times from an otherwise idle machine. Each section
//! interleaves what it compares.

mod dialogue;
mod echo;
mod elevenlabs;
mod far;
mod gateway;
mod measure;
mod paced;
mod process;
mod recognition;
mod voice;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if wanted.first().is_some_and(|first| first == far::EMULATOR) {
        return far::emulator(&wanted[1]);
    }
    let sections: [(&str, fn()); 9] = [
        ("voice", voice::run),
        ("first-byte", voice::first_byte),
        ("recognition", recognition::run),
        ("gateway", gateway::run),
        ("process", process::run),
        ("echo", echo::run),
        ("elevenlabs", elevenlabs::run),
        ("paced", paced::run),
        ("dialogue", dialogue::run),
    ];
    let known = sections.map(|(name, _)| name);
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        eprintln!("there is no section {unknown:?}; the sections are {}", known.join(", "));
        std::process::exit(2);
    }
    for (name, run) in sections {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            println!("\n== {name}");
            run();
        }
    }
}
