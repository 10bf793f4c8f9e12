//! The recogniser with the real libvosk, the built-in model and the clips of `testdata/asr`.

mod clips;
mod grammars;
mod limits;
mod reference;
mod support;
