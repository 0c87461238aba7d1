//! Inventories for tests, written to a folder of their own.

use std::fs;

use super::{Inventory, InventorySource};
use crate::source::Diagnostics;

/// Writes the files and loads `hosts.yml` (else the folder), with `playbook/` as the playbook's folder.
/// Places are relative to the folder, which is called `F` in them.
#[expect(clippy::unwrap_used)]
pub(super) fn load(files: &[(&str, &str)]) -> (Inventory, Diagnostics, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let single = folder.path().join("hosts.yml");
    let source = if single.exists() { single } else { folder.path().join("inventory") };
    let (inventory, diagnostics) = Inventory::load(
        &[InventorySource::Path(source)],
        Some(&folder.path().join("playbook")),
        &crate::secrets::vault::Vault::default(),
    );
    let shown = diagnostics
        .0
        .iter()
        .map(|diagnostic| {
            let place = diagnostic.span.as_ref().map(|span| span.place() + " ").unwrap_or_default();
            let hint = diagnostic.hint.as_ref().map(|hint| format!(" | {hint}")).unwrap_or_default();
            format!("{:?} {place}{}{hint}\n", diagnostic.severity, diagnostic.message)
        })
        .collect::<String>()
        .replace(&folder.path().display().to_string(), "F");
    (inventory, diagnostics, shown)
}

/// Loads an inventory that has nothing wrong.
pub(super) fn clean(files: &[(&str, &str)]) -> Inventory {
    let (inventory, _, shown) = load(files);
    assert_eq!(shown, "");
    inventory
}
