//! The emulator as its clients see it.

mod control;
mod http;
mod http_faults;
mod multi;
mod network;
mod process;
mod recorded;
mod single;
mod support;
mod ws_faults;
