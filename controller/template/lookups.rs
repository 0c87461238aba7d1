//! What `lookup` and `query` read from outside the variables.

use std::path::PathBuf;

/// Reads on behalf of `lookup('file', ...)`, `lookup('template', ...)` and `lookup('env', ...)`: the
/// library reads neither disk nor environment by itself.
pub trait Lookups: Send + Sync {
    /// Returns the text of a file of the user, or why not. It is looked for in `folders`, if there are any.
    fn file(&self, path: &str, folders: &[PathBuf]) -> Result<String, String>;

    /// Returns the text of a template of the user, or why not; found as files are.
    fn template(&self, path: &str, folders: &[PathBuf]) -> Result<String, String>;

    /// Finds a file of the user as files are found, or in its folder `kind`; returns its whole path.
    fn find(&self, kind: &str, name: &str, folders: &[PathBuf]) -> Option<String>;

    /// Lists the files that a pattern names, by name, with their whole paths; of the folders the first that has one.
    fn glob(&self, kind: &str, pattern: &str, folders: &[PathBuf]) -> Result<Vec<String>, String>;

    /// Returns a variable of the controller's environment.
    fn env(&self, name: &str) -> Option<String>;
}

/// Finds nothing.
#[derive(Debug)]
pub(super) struct NoLookups;

impl Lookups for NoLookups {
    fn file(&self, path: &str, _: &[PathBuf]) -> Result<String, String> {
        Err(format!("there is no file `{path}` here"))
    }

    fn template(&self, path: &str, _: &[PathBuf]) -> Result<String, String> {
        Err(format!("there is no template `{path}` here"))
    }

    fn find(&self, _: &str, _: &str, _: &[PathBuf]) -> Option<String> {
        None
    }

    fn glob(&self, _: &str, _: &str, _: &[PathBuf]) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }
}
