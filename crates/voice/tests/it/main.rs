//! The local provider from outside: the built-in voice, packages on disk, several voices at once.

mod package;
mod provider;
mod silero_graph;
