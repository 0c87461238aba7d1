//! Pages, looked at with a browser.

mod audit;
mod journals;
mod run;
mod sample;

use std::path::{Path, PathBuf};

/// A folder with a page in it.
struct Written(tempfile::TempDir);

impl Written {
    fn new(html: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("page.html"), html).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        whole(&self.0.path().join("page.html"))
    }
}

/// The path as a browser names it.
fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap()
}
