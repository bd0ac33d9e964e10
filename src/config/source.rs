//! Where the configuration comes from: a file, or the environment alone.

use std::path::{Path, PathBuf};

use super::token::process_environment;
use super::{Config, ConfigErrors, Files, Secrets, TokenSource, built_in};

/// Where the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// No file: the account whose token is in the environment, and all that it sees.
    BuiltIn,
}

impl Source {
    /// The file that is named, else the default file where it exists, else the built-in configuration.
    pub fn find(named: Option<PathBuf>, default: &Path) -> Self {
        // if its existence cannot be checked, reading it gives the error
        let default = || default.try_exists().unwrap_or(true).then(|| default.to_owned());
        named.or_else(default).map_or(Self::BuiltIn, Self::File)
    }

    /// Reads the configuration, which `AOP_STATE_FILE` gives another state file. All files that are read on the way are
    /// added to `files`, even if it fails.
    ///
    /// # Errors
    /// Fails with everything that is wrong with the configuration.
    pub fn load(&self, secrets: Secrets, files: &mut Files) -> Result<Config, ConfigErrors> {
        let config = match self {
            Self::File(path) => Config::load(path, secrets, files),
            Self::BuiltIn => built_in::load(secrets, &process_environment, files),
        }?;
        let state_file = variable("AOP_STATE_FILE").or(config.state_file);
        Ok(Config { state_file, ..config })
    }

    /// The absolute path of the file, if there is one.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            Self::BuiltIn => None,
        }
    }

    /// The file, or the variable that has the token of `config`, which was read from here.
    pub fn describe(&self, config: &Config) -> String {
        let token = config.accounts.first().map(|account| &account.token);
        match (self, token) {
            (Self::File(path), _) => path.display().to_string(),
            (Self::BuiltIn, Some(TokenSource::File(_))) => {
                format!("built in, token from {}", built_in::TOKEN_FILE)
            }
            (Self::BuiltIn, _) => format!("built in, token from {}", built_in::TOKEN),
        }
    }
}

/// The path in an environment variable of this process, unless that is empty.
pub fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_comes_before_the_default_file_and_that_before_the_built_in_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let [named, default] = ["named", "default"].map(|name| folder.path().join(name));
        assert_eq!(Source::find(None, &default), Source::BuiltIn);
        std::fs::write(&default, "").unwrap();
        assert_eq!(Source::find(None, &default), Source::File(default.clone()));
        assert_eq!(Source::find(Some(named.clone()), &default), Source::File(named));
        // it cannot exist beneath a file, and that is told rather than passed over
        let beneath = default.join("config.toml");
        assert_eq!(Source::find(None, &beneath), Source::File(beneath));
    }
}
