//! The text-to-speech service through real sockets, with the built-in voice.

mod bad_input;
mod dialogue;
mod elevenlabs;
mod failures;
mod fillers;
mod harness;
mod library;
mod load;
mod outage;
mod process;
mod socket;
mod speech;
mod stock;
