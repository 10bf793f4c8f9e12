//! Tells the run-time loader where libvosk.so is: link arguments do not travel from `evervoice-recognizer`, so it
//! publishes the paths and every package with a binary prints them.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Ok(rpath) = std::env::var("DEP_VOSK_RPATH") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{rpath}");
    }
}
