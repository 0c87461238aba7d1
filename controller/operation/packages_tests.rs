//! Packages against stand-ins for `apt-get`, `dpkg-query`, `rpm` and `dnf` that keep a list of what is installed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::super::testing::{Rehearsal, SHELLS};
use super::*;
use crate::rollback::newest_first;

/// Knows `have NAME VERSION` in `state/installed`; `state/offers` has the newest versions.
const APT: &str = r#"#!/bin/sh
state=${0%/*}/../state
echo "${0##*/} $*" >>"$state/log"
act=1 verb='' names=''
while [ $# != 0 ]; do
case $1 in
-s) act='' ;;
-o) shift ;;
install | remove | update | autoremove | dist-upgrade) verb=$1 ;;
-*) ;;
*) names="$names $1" ;;
esac
shift
done
[ "$verb" = update ] && exit 0
[ "$verb" = dist-upgrade ] && names=$(cut -d' ' -f1 "$state/installed") && verb=install
for name in $names; do
how=$verb version=''
case $name in
*=*) version=${name#*=} name=${name%%=*} ;;
*-) how=remove name=${name%-} ;;
esac
now=$(sed -n "s/^$name //p" "$state/installed")
if [ "$how" = remove ]; then
[ -n "$now" ] || continue
echo "Remv $name [$now]"
[ -z "$act" ] || sed -i "/^$name /d" "$state/installed"
continue
fi
[ -n "$version" ] || version=$(sed -n "s/^$name //p" "$state/offers")
if [ -z "$version" ]; then echo "E: Unable to locate package $name" >&2; exit 100; fi
[ "$version" != "$now" ] || continue
echo "Inst $name [$now] ($version)"
[ -n "$act" ] || continue
sed -i "/^$name /d" "$state/installed"
echo "$name $version" >>"$state/installed"
done
"#;

const DPKG_QUERY: &str = r#"#!/bin/sh
state=${0%/*}/../state
short=''
while [ $# != 0 ]; do
case $1 in
-W | --) ;;
-f) shift; case $1 in *'{Package}'*) short=1 ;; esac ;;
*) names="$names $1" ;;
esac
shift
done
while read -r name version; do
case " $names " in *" $name "* | '  ') ;; *) continue ;; esac
if [ -n "$short" ]; then echo "installed $name $name $version"; else echo "installed $name $version"; fi
done <"$state/installed"
"#;

const RPM: &str = r#"#!/bin/sh
state=${0%/*}/../state
[ "$1" = -qa ] && exec sed 's/ /.noarch 0:/; s/$/-1/' "$state/installed"
for name do :; done
grep -q "^$name " "$state/installed"
"#;

const DNF: &str = r#"#!/bin/sh
state=${0%/*}/../state
echo "${0##*/} $*" >>"$state/log"
verb=''
for word do
case $word in
install | remove | upgrade | makecache) verb=$word ;;
-*) ;;
*)
name=${word%%-0:*} name=${name%.noarch}
version=$(sed -n "s/^$name //p" "$state/offers")
case $word in *-0:*) version=${word##*-0:} version=${version%-1.noarch} ;; esac
sed -i "/^$name /d" "$state/installed"
[ "$verb" = remove ] || echo "$name $version" >>"$state/installed"
;;
esac
done
"#;

struct Host {
    folder: tempfile::TempDir,
    rehearsal: Rehearsal,
}

fn host(shell: &'static str, programs: &[(&str, &str)]) -> Host {
    let folder = tempfile::tempdir().unwrap();
    for name in ["bin", "state"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    for (name, text) in programs {
        let place = folder.path().join("bin").join(name);
        fs::write(&place, text).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(folder.path().join("state/installed"), "base 1\nold 1\n").unwrap();
    fs::write(folder.path().join("state/offers"), "base 1\nold 2\nnew 3\n").unwrap();
    // busybox's own shell takes its applets instead of what is in `PATH`; none of these is one.
    let mut rehearsal = Rehearsal::new(shell);
    rehearsal.path.insert(0, folder.path().join("bin"));
    let points = crate::operation::open_points(folder.path().join("base").to_str(), "run1", "web1");
    rehearsal.prelude = format!("pl_root={}\n{points}", folder.path().display());
    Host { folder, rehearsal }
}

impl Host {
    fn read(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.path().join("state").join(name)).unwrap_or_default();
        let mut lines: Vec<&str> = text.lines().collect();
        if name == "installed" {
            lines.sort_unstable();
        }
        lines.join("\n")
    }

    fn run(&self, packages: &Packages, check: bool) -> Outcome {
        self.rehearsal.run(&mut packages.clone(), Mode { check, diff: true, ..Mode::default() })
    }

    /// Checks, runs, runs again, and rolls back.
    fn settles(&self, packages: &Packages, then: &str) -> Outcome {
        let before = self.read("installed");
        let told = self.run(packages, true);
        assert!(told.changed && !told.failed, "{:?}", told.result);
        assert_eq!(self.read("installed"), before, "check mode changed something");
        let outcome = self.run(packages, false);
        assert!(outcome.changed && !outcome.failed, "{:?}", outcome.result);
        assert_eq!(self.read("installed"), then);
        assert!(!self.run(packages, false).changed, "a second time");
        for mut restore in newest_first(&outcome.points, None) {
            let restored = self.rehearsal.run(&mut restore, Mode::default());
            assert!(!restored.failed, "{:?}", restored.result);
        }
        assert_eq!(self.read("installed"), before, "after the rollback");
        outcome
    }
}

fn packages(manager: Manager, names: &[&str], state: State) -> Packages {
    Packages::new(manager, names.iter().map(|name| (*name).to_owned()).collect(), state)
}

const APTS: &[(&str, &str)] = &[("apt-get", APT), ("dpkg-query", DPKG_QUERY)];

#[test]
fn apt_does_what_is_missing_and_takes_it_back() {
    for shell in SHELLS {
        let host = host(shell, APTS);
        host.settles(&packages(Manager::Any, &["new", "old"], State::Present), "base 1\nnew 3\nold 1");
        let outcome = host.settles(&packages(Manager::Apt, &["old"], State::Latest), "base 1\nold 2");
        assert_eq!(outcome.diff[0].after, "Inst old [1] (2)\n");
        host.settles(&packages(Manager::Apt, &["old", "nowhere"], State::Absent), "base 1");
        host.settles(&packages(Manager::Apt, &["new=2"], State::Present), "base 1\nnew 2\nold 1");
        let unknown = host.run(&packages(Manager::Apt, &["nowhere"], State::Present), false);
        let message = unknown.result["msg"].as_str().unwrap();
        assert!(unknown.failed && message.contains("Unable to locate package nowhere"), "{message}");
        assert!(unknown.points.is_empty(), "nothing was changed");
        assert!(!host.run(&packages(Manager::Apt, &["base"], State::Present), false).changed);
    }
}

#[test]
fn lists_are_read_again_when_they_are_old() {
    let host = host("dash", APTS);
    let mut packages = packages(Manager::Apt, &["base"], State::Present);
    packages.update = Some(0);
    let outcome = host.run(&packages, false);
    assert!(!outcome.changed && outcome.result["cache_updated"] == true, "{:?}", outcome.result);
    assert!(host.read("log").contains("apt-get update"));
    packages.names.clear();
    assert!(host.run(&packages, false).changed);
    fs::create_dir_all(host.folder.path().join("var/lib/apt/lists")).unwrap();
    packages.update = Some(3600);
    let outcome = host.run(&packages, false);
    assert!(!outcome.changed && outcome.result["cache_updated"] == false);
}

#[test]
fn dnf_does_what_is_missing_and_takes_it_back() {
    // busybox has an applet `rpm`, which its own shell would take.
    for shell in SHELLS.iter().filter(|shell| **shell != "busybox") {
        let host = host(shell, &[("dnf", DNF), ("rpm", RPM)]);
        host.settles(&packages(Manager::Dnf, &["new", "old"], State::Present), "base 1\nnew 3\nold 1");
        host.settles(&packages(Manager::Dnf, &["old"], State::Absent), "base 1");
        let mut latest = packages(Manager::Dnf, &["old"], State::Latest);
        latest.options = vec!["--enablerepo=extra".to_owned()];
        let outcome = host.run(&latest, false);
        assert!(outcome.changed);
        assert!(host.read("log").ends_with("dnf -y --enablerepo=extra upgrade old"), "{}", host.read("log"));
        assert!(!host.run(&latest, false).changed);
    }
}
