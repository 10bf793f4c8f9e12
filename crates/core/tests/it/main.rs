//! Tests from outside, by behaviour.

mod pool;
