//! The source of a token, which is never the configuration file itself.

use std::io;
use std::path::{Path, PathBuf};

use super::Environment;
use crate::cloudflare::{ApiToken, TokenError};
use crate::file;

/// The source of an account's token.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenSource {
    /// A file.
    File(PathBuf),
    /// An environment variable, by name.
    Env(String),
    /// The token itself, which the program provides.
    Given(ApiToken),
}

/// The reason why a token cannot be read. It names the file or variable, never its content.
#[derive(Debug, thiserror::Error)]
pub enum TokenSourceError {
    /// The variable is not set.
    #[error("expected a token in the environment variable {0}, which is not set")]
    Unset(String),
    /// The variable does not hold a token.
    #[error("environment variable {0}: {1}")]
    Variable(String, TokenError),
    /// The file cannot be read.
    #[error("file {path} cannot be read: {error}", path = .0.display(), error = .1)]
    Unreadable(PathBuf, io::Error),
    /// The file does not hold a token.
    #[error("file {path}: {error}", path = .0.display(), error = .1)]
    File(PathBuf, TokenError),
}

impl TokenSource {
    /// Reads the token from its file, or from the environment of this process.
    ///
    /// # Errors
    /// Fails if there is no token, or if the text cannot be a token.
    pub fn read(&self) -> Result<ApiToken, TokenSourceError> {
        self.read_with(&process_environment, file::read)
    }

    /// Reads the token with other functions to look up a variable and to read a file.
    pub(super) fn read_with(
        &self,
        environment: Environment<'_>,
        read: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<ApiToken, TokenSourceError> {
        match self {
            Self::File(path) => {
                let text = read(path).map_err(|error| TokenSourceError::Unreadable(path.into(), error))?;
                let text = String::from_utf8(text).map_err(|_| TokenError::Characters);
                let token = text.and_then(|text| text.parse());
                token.map_err(|error| TokenSourceError::File(path.into(), error))
            }
            Self::Env(name) => {
                let text = environment(name).ok_or_else(|| TokenSourceError::Unset(shown(name)))?;
                text.parse().map_err(|error| TokenSourceError::Variable(shown(name), error))
            }
            Self::Given(token) => Ok(token.clone()),
        }
    }
}

/// Returns the name of a variable for messages. Hides it if it may be the token itself, given by mistake.
fn shown(name: &str) -> String {
    if name.bytes().any(|byte| byte.is_ascii_lowercase()) { "(name hidden)".into() } else { name.into() }
}

/// Returns true if `name` can be the name of a variable.
pub(super) fn is_variable(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(plain) && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

/// Looks up a variable of this process. Invalid Unicode becomes characters that no token contains.
pub(super) fn process_environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
