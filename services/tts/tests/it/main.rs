//! The text-to-speech service through real sockets, with the built-in voice.

mod bad_input;
mod harness;
mod load;
mod socket;
mod speech;
