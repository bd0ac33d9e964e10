//! The client of Cloudflare's API: one method a request, and one place where a response becomes a result.

mod budget;
mod options;

pub use budget::RateLimit;
pub use options::{ApiToken, BaseUrl, BaseUrlError, Options, TokenError};
