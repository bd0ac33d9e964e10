//! Helpers shared by the tests. Benches and the fuzzer use some of them.

pub mod authority;
pub mod breakable;
pub mod exposition;
pub mod front;
pub mod harness;
pub mod lane;
pub mod origin;
pub mod polling;
pub mod program;
pub mod quota;
pub mod wrongs;
