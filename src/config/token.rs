//! Where a token is kept, which is never the configuration file itself.

use std::io;
use std::path::{Path, PathBuf};

use super::Environment;
use crate::cloudflare::{ApiToken, TokenError};

/// Where the token of an account is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenSource {
    /// In a file.
    File(PathBuf),
    /// In the environment variable of that name.
    Env(String),
    /// Nowhere but here: this program made it up.
    Given(ApiToken),
}

/// Why there is no token. It names file or variable, never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum TokenSourceError {
    /// The environment has no such variable.
    #[error("expected a token in the environment variable {0}, which is not set")]
    Unset(String),
    /// What the variable holds is no token.
    #[error("environment variable {0}: {1}")]
    Variable(String, TokenError),
    /// The file cannot be read.
    #[error("file {path} cannot be read: {error}", path = .0.display(), error = .1)]
    Unreadable(PathBuf, io::Error),
    /// What the file holds is no token.
    #[error("file {path}: {error}", path = .0.display(), error = .1)]
    File(PathBuf, TokenError),
}

impl TokenSource {
    /// Reads the token as it is now, from the file or from the environment of this process.
    ///
    /// # Errors
    /// Where there is none, or what there is cannot be a token.
    pub fn read(&self) -> Result<ApiToken, TokenSourceError> {
        self.read_with(&process_environment, &|path| std::fs::read(path))
    }

    /// The same with other means to look up a variable and to read a file.
    pub(super) fn read_with(
        &self,
        environment: Environment<'_>,
        read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
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

/// A variable's name, unless somebody may have put the token itself in its place.
fn shown(name: &str) -> String {
    if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        "that is named there".into()
    } else {
        name.into()
    }
}

/// Whether a variable can be called that.
pub(super) fn is_variable(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(plain) && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

/// The environment of this process; what is not Unicode is passed on as what no token contains.
pub(super) fn process_environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
