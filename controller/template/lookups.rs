//! What `lookup` and `query` read from outside the variables.

/// Reads on behalf of `lookup('file', ...)`, `lookup('template', ...)` and `lookup('env', ...)`: the
/// library reads neither disk nor environment by itself.
pub trait Lookups: Send + Sync {
    /// Returns the text of a file of the user, found as the playbook's files are found, or why not.
    fn file(&self, path: &str) -> Result<String, String>;

    /// Returns the text of a template of the user, or why not.
    fn template(&self, path: &str) -> Result<String, String>;

    /// Returns a variable of the controller's environment.
    fn env(&self, name: &str) -> Option<String>;
}

/// Finds nothing.
#[derive(Debug)]
pub(super) struct NoLookups;

impl Lookups for NoLookups {
    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("there is no file `{path}` here"))
    }

    fn template(&self, path: &str) -> Result<String, String> {
        Err(format!("there is no template `{path}` here"))
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }
}
