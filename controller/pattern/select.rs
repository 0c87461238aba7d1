//! Evaluates patterns against an inventory.

use std::collections::HashSet;

use super::parse::{Matcher, Operation, Part, Subscript};
use super::{Limit, Pattern, PatternError, PatternErrorKind as Kind};
use crate::inventory::{HostName, Inventory};
use crate::source::did_you_mean;

/// What a pattern selected.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The hosts, each once: part by part as the pattern names them, and within a part in inventory order.
    pub hosts: Vec<HostName>,
    /// Whether one of them is the implicit localhost, which the inventory does not know.
    pub implicit_localhost: bool,
    /// Parts of `hosts:` that match nothing; worth a warning.
    pub unmatched: Vec<Unmatched>,
}

/// A part of `hosts:` that matches nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmatched {
    /// The part.
    pub part: String,
    /// Where it starts in the pattern (1-based, in characters).
    pub column: usize,
    /// The closest name in the inventory.
    pub suggestion: Option<String>,
}

/// Names that mean the controller itself where the inventory does not know them.
pub fn is_localhost(name: &str) -> bool {
    matches!(name, "localhost" | "127.0.0.1" | "::1")
}

/// Selects the hosts that `hosts` names, within `limit`.
pub fn select(
    inventory: &Inventory,
    hosts: &Pattern,
    limit: Option<&Limit>,
) -> Result<Selection, PatternError> {
    let (mut selected, unmatched) = evaluate(inventory, &hosts.parts)?;
    if let Some(limit) = limit {
        let (within, mut missing) = evaluate(inventory, &limit.parts)?;
        if !missing.is_empty() {
            let Unmatched { part, column, suggestion } = missing.swap_remove(0);
            return Err(PatternError::new(Kind::LimitMatchesNothing { suggestion }, &part, column));
        }
        let within: HashSet<HostName> = within.into_iter().collect();
        selected.retain(|host| within.contains(host));
    }
    let implicit_localhost = selected.iter().any(|host| !inventory.hosts.contains_key(host));
    Ok(Selection { hosts: selected, implicit_localhost, unmatched })
}

/// Additions first, then intersections, then exclusions, whatever their order in the text; without an
/// addition, from all hosts.
fn evaluate(inventory: &Inventory, parts: &[Part]) -> Result<(Vec<HostName>, Vec<Unmatched>), PatternError> {
    let mut unmatched = Vec::new();
    let mut matched = |part: &Part| -> Result<Vec<HostName>, PatternError> {
        let (hosts, known) = matches(inventory, part)?;
        if !known {
            let names = inventory
                .groups
                .keys()
                .map(|name| &*name.0)
                .chain(inventory.hosts.keys().map(|name| &*name.0));
            let suggestion = did_you_mean(&part.expression, names).map(ToOwned::to_owned);
            unmatched.push(Unmatched { part: part.written(), column: part.column, suggestion });
        }
        Ok(hosts)
    };
    let of = |operation| parts.iter().filter(move |part| part.operation == operation);
    let mut hosts = Vec::new();
    let mut seen = HashSet::new();
    for part in of(Operation::Add) {
        hosts.extend(matched(part)?.into_iter().filter(|host| seen.insert(host.clone())));
    }
    if of(Operation::Add).next().is_none() {
        hosts = inventory.hosts_of(&"all".into());
    }
    for part in of(Operation::Intersect) {
        let kept: HashSet<HostName> = matched(part)?.into_iter().collect();
        hosts.retain(|host| kept.contains(host));
    }
    for part in of(Operation::Exclude) {
        let dropped: HashSet<HostName> = matched(part)?.into_iter().collect();
        hosts.retain(|host| !dropped.contains(host));
    }
    Ok((hosts, unmatched))
}

/// Returns the hosts of one part, and whether it matched any host or group.
fn matches(inventory: &Inventory, part: &Part) -> Result<(Vec<HostName>, bool), PatternError> {
    // The plain name of a host means the host, also where a group has the same name.
    let plain = HostName::from(part.text.as_str());
    if inventory.hosts.contains_key(&plain) {
        return Ok((vec![plain], true));
    }
    let test = |name: &str| match &part.matcher {
        Matcher::Glob(glob) => Ok(glob.matches(name)),
        Matcher::Regex(regex) => regex
            .is_match(name)
            .map_err(|_| PatternError::new(Kind::RegexTooSlow, &part.written(), part.column)),
    };
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut groups = false;
    for group in inventory.groups.keys() {
        if test(&group.0)? {
            groups = true;
            found.extend(inventory.hosts_of(group).into_iter().filter(|host| seen.insert(host.clone())));
        }
    }
    if !groups || part.expression.starts_with('~') || part.expression.contains(['.', '?', '*', '[']) {
        for host in inventory.hosts.keys() {
            if test(&host.0)? && seen.insert(host.clone()) {
                found.push(host.clone());
            }
        }
    }
    if found.is_empty() && !groups && is_localhost(&part.expression) {
        let known = inventory.hosts.keys().find(|host| is_localhost(&host.0));
        found.push(known.cloned().unwrap_or_else(|| HostName::from(part.expression.as_str())));
    }
    let known = groups || !found.is_empty();
    match part.subscript {
        Some(subscript) if !found.is_empty() => Ok((pick(found, subscript, part)?, known)),
        _ => Ok((found, known)),
    }
}

fn pick(hosts: Vec<HostName>, subscript: Subscript, part: &Part) -> Result<Vec<HostName>, PatternError> {
    let count = hosts.len();
    let (skip, take) = match subscript {
        Subscript::At(position) => {
            let place = if position < 0 {
                usize::try_from(position.unsigned_abs()).ok().and_then(|back| count.checked_sub(back))
            } else {
                usize::try_from(position).ok().filter(|place| *place < count)
            };
            let place = place
                .ok_or_else(|| PatternError::new(Kind::OutOfRange(count), &part.written(), part.column))?;
            (place, 1)
        }
        Subscript::From(begin) => (begin, count),
        Subscript::Range(begin, end) => (begin, end.saturating_add(1).saturating_sub(begin)),
    };
    Ok(hosts.into_iter().skip(skip).take(take).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::inventory::InventorySource;

    const HOSTS: &str = "
all:
  hosts:
    lone:
  children:
    web:
      hosts:
        web[1:4].example:
    db:
      hosts:
        db1.example:
        web2.example:
    canary:
      hosts:
        web1.example:
    empty:
    prod:
      children:
        web:
        db:
";

    fn inventory() -> Inventory {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts.yml");
        std::fs::write(&path, HOSTS).unwrap();
        let (inventory, diagnostics) =
            Inventory::load(&[InventorySource::Path(path)], None, &crate::secrets::vault::Vault::default());
        assert!(diagnostics.is_empty(), "{}", diagnostics.render(false));
        inventory
    }

    fn chosen(selection: &Selection) -> String {
        selection.hosts.iter().map(|host| host.0.trim_end_matches(".example")).collect::<Vec<_>>().join(" ")
    }

    #[rstest]
    #[case("all", "lone web1 web2 web3 web4 db1")]
    #[case("*", "lone web1 web2 web3 web4 db1")]
    #[case("web", "web1 web2 web3 web4")]
    #[case("db,web", "db1 web2 web1 web3 web4")]
    #[case("prod", "web1 web2 web3 web4 db1")]
    #[case("web:&db", "web2")]
    #[case("web:!db", "web1 web3 web4")]
    #[case("!canary:web", "web2 web3 web4")]
    #[case("web,!canary", "web2 web3 web4")]
    #[case("!web", "lone db1")]
    #[case("&web", "web1 web2 web3 web4")]
    #[case("&web:!canary", "web2 web3 web4")]
    #[case("web[0]", "web1")]
    #[case("web[-1]", "web4")]
    #[case("web[0:1]", "web1 web2")]
    #[case("web[1:]", "web2 web3 web4")]
    #[case("web[2:1]", "")]
    #[case("web[7:]", "")]
    #[case("all[1]", "web1")]
    #[case("web*.example", "web1 web2 web3 web4")]
    #[case("web[1:3].example", "web1 web3")]
    #[case("web[13].example", "web1 web3")]
    #[case("~web[12]", "web1 web2")]
    #[case("~.*b1", "web1 db1")]
    #[case("~db", "db1 web2")]
    #[case("~b", "")]
    #[case("WEB", "")]
    #[case("w*", "web1 web2 web3 web4")]
    #[case("lone,canary", "lone web1")]
    #[case("ungrouped", "lone")]
    #[case("empty", "")]
    #[case("localhost", "localhost")]
    #[case("web,nope", "web1 web2 web3 web4")]
    fn selects_as_ansible(#[case] pattern: &str, #[case] expected: &str) {
        let selection = select(&inventory(), &Pattern::parse(pattern).unwrap(), None).unwrap();
        assert_eq!(chosen(&selection), expected);
    }

    fn limited(hosts: &str, limit: &str) -> Result<String, String> {
        let limit = Limit::parse(limit, Path::new("")).map_err(|error| error.to_string())?;
        select(&inventory(), &Pattern::parse(hosts).unwrap(), Some(&limit))
            .map(|selection| chosen(&selection))
            .map_err(|error| format!("{error} | {}", error.hint().unwrap_or_default()))
    }

    #[test]
    fn a_limit_narrows_and_keeps_the_order() {
        assert_eq!(limited("db,web", "web[0:1]").unwrap(), "web2 web1");
        assert_eq!(limited("web", "!canary").unwrap(), "web2 web3 web4");
        assert_eq!(limited("web", "empty").unwrap(), "");
        assert_eq!(limited("all", "localhost").unwrap(), "");
        assert_eq!(limited("localhost", "localhost").unwrap(), "localhost");
        assert_eq!(limited("localhost", "web").unwrap(), "");
    }

    #[test]
    fn a_limit_that_matches_nothing_is_an_error() {
        assert_eq!(
            limited("all", "db,wbe").unwrap_err(),
            "`wbe` (column 4): this part of the limit matches no host and no group | did you mean `web`?"
        );
        assert!(limited("all", "web,!canery").unwrap_err().contains("did you mean `canary`?"));
        assert!(limited("all", "web0[1:3]").unwrap_err().contains("list them with commas"));
        assert!(limited("all", "web[9]").unwrap_err().contains("positions go from 0 to 3"));
        assert!(limited("all", "web[-9]").is_err());
    }

    #[test]
    fn an_unmatched_part_of_hosts_is_only_noted() {
        let selection = select(&inventory(), &Pattern::parse("web,&canray").unwrap(), None).unwrap();
        assert_eq!(
            selection.unmatched,
            [Unmatched { part: "&canray".to_owned(), column: 5, suggestion: Some("canary".to_owned()) }]
        );
        let selection = select(&inventory(), &Pattern::parse("localhost").unwrap(), None).unwrap();
        assert!(selection.implicit_localhost && selection.unmatched.is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn obeys_the_laws_of_sets(
            one in "(web|db|canary|prod|empty|lone|web\\*|~w|web\\[0\\]|ungrouped|all)",
            other in "(web|db|canary|prod|empty|lone|\\*2\\*|~\\.\\*1|db\\[-1\\]|all)",
        ) {
            let inventory = inventory();
            let set = |text: String| -> HashSet<HostName> {
                select(&inventory, &Pattern::parse(&text).unwrap(), None).unwrap().hosts.into_iter().collect()
            };
            let (left, right) = (set(one.clone()), set(other.clone()));
            prop_assert_eq!(set(format!("{one},{other}")), &left | &right);
            prop_assert_eq!(set(format!("{one},&{other}")), &left & &right);
            prop_assert_eq!(set(format!("!{other},{one}")), &left - &right);
            prop_assert_eq!(set(format!("{one},{one}")), left);
        }

        #[test]
        fn never_panics(text in r"[weba0-9\[\]:!&~,*?-]{0,16}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                let _ = select(&inventory(), &pattern, None);
            }
        }
    }
}
