//! What the tests share; benches and the fuzzer take parts of it.

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
