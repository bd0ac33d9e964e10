//! room for the table
pub mod clock;
pub mod domain;
