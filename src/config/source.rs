//! The source of the configuration: a file, or only the environment.

use std::path::{Path, PathBuf};

use super::token::process_environment;
use super::{Config, ConfigErrors, Files, Secrets, TokenSource, built_in};

/// The source of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// The built-in configuration, which watches all zones that the token in the environment can see.
    BuiltIn,
}

impl Source {
    /// Returns the named file, else the default file if it exists, else the built-in configuration.
    pub fn find(named: Option<PathBuf>, default: &Path) -> Self {
        // if its existence cannot be checked, reading it gives the error
        let default = || default.try_exists().unwrap_or(true).then(|| default.to_owned());
        named.or_else(default).map_or(Self::BuiltIn, Self::File)
    }

    /// Loads the configuration. `AOP_STATE_FILE` overrides its state file. Adds all files that it reads to `files`,
    /// even if it fails.
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

    /// Returns the absolute path of the file, if there is one.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            Self::BuiltIn => None,
        }
    }

    /// Describes the source for the log: the file, or the variable with the token of `config`, which was loaded from
    /// it.
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

/// Returns the path in an environment variable of this process, unless the variable is empty.
pub fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_overrides_the_default_file_which_overrides_the_built_in_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let [named, default] = ["named", "default"].map(|name| folder.path().join(name));
        assert_eq!(Source::find(None, &default), Source::BuiltIn);
        std::fs::write(&default, "").unwrap();
        assert_eq!(Source::find(None, &default), Source::File(default.clone()));
        assert_eq!(Source::find(Some(named.clone()), &default), Source::File(named));
        // a file cannot exist beneath a file; that is an error and does not select the built-in configuration
        let beneath = default.join("config.toml");
        assert_eq!(Source::find(None, &beneath), Source::File(beneath));
    }
}
