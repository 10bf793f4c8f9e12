//! The client against the emulator, over real sockets.

mod decode;
mod http;
mod http_client;
mod http_faults;
mod http_provider;
mod support;
mod ws_faults;
mod ws_llm;
mod ws_pool;
mod ws_speech;
mod ws_wire;
