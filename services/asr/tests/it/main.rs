//! The service through real sockets, with the built-in model and the clips of `testdata/asr`.

mod limits;
mod process;
mod refusals;
mod requests;
mod shutdown;
mod stream_limits;
mod streams;
mod support;
