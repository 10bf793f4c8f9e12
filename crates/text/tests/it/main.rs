//! Integration tests of the text front end.

mod bounds;
mod golden;
mod parity;
