//! What is printed: lines on standard output, a moving status on standard error if that is a terminal.

use std::fmt;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Prints a program's lines. A reader that went away (`| head`) does not stop the sound from being saved.
pub struct Screen {
    spinner: ProgressBar,
    quiet: bool,
}

impl Screen {
    /// With `quiet`, neither frames nor a moving status are shown.
    pub fn new(quiet: bool) -> Self {
        let spinner = if quiet {
            ProgressBar::hidden()
        } else {
            // Draws nothing unless standard error is a terminal.
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        };
        spinner.set_style(ProgressStyle::default_spinner());
        Screen { spinner, quiet }
    }

    /// With a bar of so many steps instead of a moving status.
    pub fn steps(quiet: bool, steps: u64) -> Self {
        let screen = Screen::new(quiet);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
            screen.spinner.set_style(style);
        }
        screen.spinner.set_length(steps);
        screen
    }

    /// One step is done.
    pub fn step(&self) {
        self.spinner.inc(1);
    }

    /// Shows that the program is waiting for something.
    pub fn wait(&self, what: impl Into<String>) {
        self.spinner.set_message(what.into());
        self.spinner.enable_steady_tick(Duration::from_millis(100));
    }

    /// Shows how much sound has come so far.
    pub fn received(&self, seconds: f64) {
        self.spinner.set_message(format!("Получено {seconds:.1} с звука"));
    }

    /// Prints a line.
    pub fn line(&self, line: fmt::Arguments<'_>) {
        self.spinner.suspend(|| {
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        });
    }

    /// Prints the line of a frame that has just been received.
    pub fn frame(&self, number: u64, bytes: usize) {
        if !self.quiet {
            let now = unix_time(SystemTime::now());
            self.line(format_args!("Фрейм {number}: {bytes} байт, время: {now}"));
        }
    }

    /// Takes the moving status away.
    pub fn done(&self) {
        self.spinner.finish_and_clear();
    }
}

/// Seconds since 1970 with three decimals.
fn unix_time(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:03}", since.as_secs(), since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_three_decimals() {
        let time = UNIX_EPOCH + Duration::from_millis(1_730_000_000_023);
        assert_eq!(unix_time(time), "1730000000.023");
    }
}
