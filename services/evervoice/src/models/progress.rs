//! How far a pull is: a bar when standard error is a terminal, a line per tenth when it is not.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};

/// Shows one pull to its user.
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
    tenth: AtomicU64,
}

impl Progress {
    /// With `quiet`, nothing is shown.
    pub fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if quiet || !terminal { ProgressBar::hidden() } else { ProgressBar::no_length() };
        let style = "{bar:40} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress { bar, plain: !quiet && !terminal, tenth: AtomicU64::new(0) }
    }

    /// Shows a line of text.
    pub fn say(&self, text: &str) {
        if self.plain {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        } else {
            self.bar.println(text);
        }
    }

    /// `done` of `total` bytes are here.
    pub fn at(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        let tenth = done.saturating_mul(10).checked_div(total).unwrap_or(10);
        if self.plain && self.tenth.swap(tenth, Ordering::Relaxed) < tenth {
            self.say(&format!("{:3} %  {} of {}", tenth * 10, BinaryBytes(done), BinaryBytes(total)));
        }
    }

    /// Takes the bar away.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}
