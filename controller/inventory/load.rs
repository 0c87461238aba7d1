//! Loads a whole inventory: all sources, then the variables beside them and beside the playbook.

use std::path::{Path, PathBuf};

use super::Inventory;
use super::build::Builder;
use super::ini;
use super::resolve::resolve;
use super::source::{self, Format, InventorySource};
use super::vars_folder::VarsFolder;
use crate::secrets::vault::Vault;
use crate::source::Diagnostics;

impl Inventory {
    /// Loads all sources in order, with `group_vars` and `host_vars` beside them and, weaker than none
    /// of its level, in `playbook_dir`. The inventory comes back as far as it could be read; it may be
    /// used only if there is no error among the diagnostics. Encrypted files are opened with `vault`.
    pub fn load(
        sources: &[InventorySource],
        playbook_dir: Option<&Path>,
        vault: &Vault,
    ) -> (Self, Diagnostics) {
        let mut builder = Builder::new();
        for source in sources {
            match source {
                InventorySource::List(list) => builder.add_list(list),
                InventorySource::Path(path) => {
                    let files = source::files(path, &mut builder.diagnostics);
                    for file in files {
                        load_file(&mut builder, &file, vault);
                    }
                }
            }
        }
        // A folder that is named twice counts where it is named last, as the later reading wins.
        let mut roots: Vec<PathBuf> = Vec::new();
        for root in sources.iter().filter_map(InventorySource::vars_root) {
            roots.retain(|known| *known != root);
            roots.push(root);
        }
        let read = |root: &Path, diagnostics: &mut Diagnostics| {
            VarsFolder::load(
                root,
                builder.inventory.groups.keys(),
                builder.inventory.hosts.keys(),
                vault,
                diagnostics,
            )
        };
        let mut diagnostics = std::mem::take(&mut builder.diagnostics);
        let beside_inventory: Vec<VarsFolder> =
            roots.iter().map(|root| read(root, &mut diagnostics)).collect();
        let beside_playbook = playbook_dir.map(|root| {
            // What was read beside the inventory already was also complained about already.
            let mut again = Diagnostics::default();
            let folder = read(root, &mut again);
            if !roots.iter().any(|known| same_folder(known, root)) {
                diagnostics.extend(again);
            }
            folder
        });
        builder.diagnostics = diagnostics;
        resolve(builder, &beside_inventory, beside_playbook.as_ref())
    }
}

fn same_folder(one: &Path, other: &Path) -> bool {
    let full = |path: &Path| {
        std::path::absolute(if path.as_os_str().is_empty() { Path::new(".") } else { path }).ok()
    };
    full(one) == full(other)
}

fn load_file(builder: &mut Builder, path: &Path, vault: &Vault) {
    let name = path.display().to_string();
    let file = match crate::source::read(path, &name, vault) {
        Ok(file) => file,
        Err(error) => {
            builder.diagnostics.push(error);
            return;
        }
    };
    match source::format(path, file.text()) {
        Ok(Format::Yaml) => {}
        Ok(Format::Ini) => return ini::add_ini(builder, &file),
        Err(refusal) => return builder.diagnostics.push(refusal),
    }
    let (tree, diagnostics) = crate::source::parse(&file);
    builder.diagnostics.extend(diagnostics);
    if let Some(tree) = tree {
        builder.add_tree(tree);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::fixture::{clean, load};
    use super::*;
    use crate::inventory::HostName;

    #[test]
    fn the_shipped_inventory_loads_without_a_word() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventory/production");
        let (inventory, diagnostics) =
            Inventory::load(&[InventorySource::Path(path)], None, &Vault::default());
        assert!(diagnostics.is_empty(), "{}", diagnostics.render(false));
        let (mut agents, mut connectors) = (0, 0);
        for host in inventory.hosts.keys() {
            let (found, notes) = inventory.agents(host);
            assert!(notes.is_empty() && host.0.ends_with(".example"), "{}", notes.render(false));
            agents += found.len();
            connectors += found.iter().map(|agent| agent.connectors.len()).sum::<usize>();
        }
        assert_eq!((agents, connectors), (8, 20));
    }

    #[test]
    fn reports_every_mistake_of_every_file_at_once() {
        let (_, _, shown) = load(&[
            ("inventory/a.yml", "web:\n  host:\n    a:\n  hosts:\n    - b\n  vars: 3\n"),
            (
                "inventory/b.yml",
                "db:\n  hosts:\n    c[3:1]:\n    d/e:\n    7:\n    f: text\n2024:\n  hosts:\n",
            ),
            ("inventory/c.yml", "all: [x\n"),
            ("inventory/group_vars/web.yml", "- 1\n"),
            ("inventory/host_vars/f.yml", "a: *x\n"),
        ]);
        insta::assert_snapshot!(shown, @r#"
        Error F/inventory/a.yml:2:3 the group `web` has no place for `host` | did you mean `hosts`? a group has `hosts`, `vars` and `children`
        Error F/inventory/a.yml:5:5 `hosts` of the group `web` is a mapping, not a list | write every name on its own line as a key: `name:`
        Error F/inventory/a.yml:6:9 `vars` of the group `web` is a mapping, not an integer
        Error F/inventory/b.yml:3:5 the range `[3:1]` ends before it begins
        Error F/inventory/b.yml:4:5 `d/e` cannot be the name of a host: it holds a slash
        Error F/inventory/b.yml:5:5 the name of a host is text, not an integer | quote it: `"7"`
        Error F/inventory/b.yml:6:8 the variables of the host `f` are a mapping, not a string
        Error F/inventory/b.yml:7:1 the name of a group is text, not an integer | quote it: `"2024"`
        Error F/inventory/c.yml:1:6 `[` is opened and not closed
        Error F/inventory/group_vars/web.yml:1:1 a variables file holds a mapping, not a list
        Error F/inventory/host_vars/f.yml:1:4 this alias refers to an anchor that is not defined before it
        "#);
    }

    #[test]
    fn names_groups_that_hold_each_other() {
        let (_, _, shown) = load(&[(
            "hosts.yml",
            "a:\n  children:\n    b:\n      children:\n        a:\n        b:\n        all:\n",
        )]);
        insta::assert_snapshot!(shown, @r"
        Error F/hosts.yml:6:9 the group `b` is its own child | groups may not hold each other in a circle
        Error F/hosts.yml:7:9 `all` holds every group, so it cannot be a child of `b` | groups may not hold each other in a circle
        Error F/hosts.yml:3:5 the group `b` cannot be a child of `a`, which it holds already | groups may not hold each other in a circle
        ");
    }

    #[test]
    fn warns_and_goes_on_where_ansible_does() {
        let (_, diagnostics, shown) = load(&[
            ("hosts.yml", "web:\n  hosts:\n    web:\n  vars:\n    a-b: 1\n"),
            ("group_vars/web.yml", "ansible_group_priority: 2\n"),
            ("group_vars/web.yaml", "x: 1\n"),
        ]);
        assert!(!diagnostics.has_errors());
        insta::assert_snapshot!(shown, @r"
        Warning F/hosts.yml:5:5 `a-b` is not a valid name for a variable | use letters, digits and `_`, and no digit in front
        Warning `F/group_vars/web.yaml` is not read, because `F/group_vars/web.yml` exists | merge the two, or put both into a folder of that name
        Warning F/group_vars/web.yml:1:25 `ansible_group_priority` has no effect here | set it under `vars:` of the group `web` in the inventory file
        Warning F/hosts.yml:3:5 `web` is both a host and a group; as a pattern it means the host
        ");
    }

    #[test]
    fn refuses_what_is_not_supported() {
        let (_, _, shown) = load(&[
            ("inventory/10.toml", "[web]\n"),
            ("inventory/30.py", "#!/usr/bin/env python3\n"),
            ("inventory/40.yml", "plugin: amazon.aws.aws_ec2\n"),
            ("inventory/50.yml", "hosts:\n  a:\nall:\n  hosts: {b: {}}\n"),
            ("inventory/group_vars/all.yml", "$ANSIBLE_VAULT;1.1;AES256\n3330\n"),
        ]);
        let expected = [
            "`F/inventory/10.toml` is a TOML inventory, which is not supported | convert it once: `ansible-inventory -i F/inventory/10.toml --list --yaml",
            "`F/inventory/30.py` is a program",
            "40.yml:1:1 this file configures an inventory plugin",
            "50.yml:2:3 the group `hosts` has no place for `a` | the keys at the top are groups; put `hosts:` under `all:`",
            "group_vars/all.yml:1:1 cannot decrypt `F/inventory/group_vars/all.yml`: the encrypted text is damaged",
        ];
        for (line, part) in shown.lines().zip(expected) {
            assert!(line.contains(part), "{line}");
        }
        assert_eq!(shown.lines().count(), expected.len());
    }

    #[test]
    fn skips_what_ansible_skips_in_folders() {
        let inventory = clean(&[
            ("inventory/b.yml", "x: {hosts: {second: {}}}\n"),
            ("inventory/a", "x: {hosts: {first: {}}}\n"),
            ("inventory/c/d.json", "{\"x\": {\"hosts\": {\"third\": null}}}\n"),
            ("inventory/e.yml~", "?"),
            ("inventory/.f.yml", "?"),
            ("inventory/g.yml.bak", "?"),
            ("inventory/README.md", "?"),
            ("inventory/ansible.cfg", "?"),
            ("inventory/h.retry", "?"),
            ("inventory/group_vars/x/.hidden", "?"),
            ("inventory/group_vars/x/y~", "?"),
            ("inventory/group_vars/x/y.txt", "?"),
            ("inventory/group_vars/x/deep/y.yml", "v: 1\n"),
            ("inventory/host_vars/first", ""),
        ]);
        let names: Vec<&str> = inventory.hosts.keys().map(|name| &*name.0).collect();
        assert_eq!(names, ["first", "second", "third"]);
        assert_eq!(inventory.variable(&"first".into(), "v").unwrap().node.as_int(), Some(1));
    }

    #[test]
    fn reads_lists_of_hosts() {
        let list = InventorySource::from_argument("b, a:2222,[::1]:22,");
        let (inventory, diagnostics) = Inventory::load(&[list], None, &Vault::default());
        assert!(diagnostics.is_empty());
        assert_eq!(inventory.hosts_of(&"ungrouped".into()), ["b", "a", "::1"].map(HostName::from));
        assert_eq!(inventory.variable(&"a".into(), "ansible_port").unwrap().node.as_int(), Some(2222));
        let (_, diagnostics) =
            Inventory::load(&[InventorySource::List("a, w[1:3]".to_owned())], None, &Vault::default());
        assert_eq!(diagnostics.0[0].span.as_ref().unwrap().place(), "-i:1:4");
    }

    #[test]
    fn says_that_an_inventory_is_missing() {
        let (_, diagnostics) =
            Inventory::load(&[InventorySource::from_argument("web1")], None, &Vault::default());
        assert_eq!(diagnostics.0[0].message, "there is no inventory at `web1`");
        assert!(diagnostics.0[0].hint.as_ref().unwrap().contains("-i web1,"));
    }
}
