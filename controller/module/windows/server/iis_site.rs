//! `win_iis_website` and `microsoft.iis.website`: sites of IIS.

use serde_json::{Map, Value, json};

use super::iis_binding::{Binding, describe_row};
use super::iis_pool::attribute;
use super::values::{name, scalar, set_texts};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Call, Ensure, States};

/// `win_iis_website`.
pub(super) struct Website;
/// `microsoft.iis.website`.
pub(super) struct Site;

const STATES: OptionKind = OptionKind::Choice(&["absent", "restarted", "started", "stopped"]);

static WEBSITE: ModuleSpec = ModuleSpec {
    name: "win_iis_website",
    aliases: &["community.windows.win_iis_website"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new("state", STATES),
        OptionSpec::new("site_id", OptionKind::Int),
        OptionSpec::new("application_pool", OptionKind::Text),
        OptionSpec::new("physical_path", OptionKind::Text),
        OptionSpec::new("port", OptionKind::Int),
        OptionSpec::new("ip", OptionKind::Text),
        OptionSpec::new("hostname", OptionKind::Text),
        OptionSpec::new("ssl", OptionKind::Bool),
        OptionSpec::new("parameters", OptionKind::Any),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

static SITE: ModuleSpec = ModuleSpec {
    name: "microsoft.iis.website",
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new("state", STATES),
        OptionSpec::new("site_id", OptionKind::Int),
        OptionSpec::new("application_pool", OptionKind::Text),
        OptionSpec::new("physical_path", OptionKind::Text),
        OptionSpec::new("bindings", OptionKind::Map),
        OptionSpec::new("attributes", OptionKind::Map),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn describe(states: &States) -> Map<String, Value> {
    let site = match &states.after {
        None => json!({}),
        Some(_) => json!({
            "ID": states.now("id").and_then(|id| id.parse::<i64>().ok()),
            "Name": states.said("name"),
            "State": states.now("state").map(capital),
            "PhysicalPath": states.now("physicalPath"),
            "ApplicationPool": states.now("applicationPool"),
            "Bindings": states.all_now("bindings").iter().map(|row| describe_row(row)).collect::<Vec<_>>(),
        }),
    };
    Map::from_iter([("site".to_owned(), site)])
}

/// A state as IIS writes it.
fn capital(state: &str) -> String {
    let mut chars = state.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// What both modules have in common.
fn site(options: &Options) -> Result<Ensure, ModuleError> {
    let name = name(options, "name")?;
    let mut site = Ensure::new("site", vec![("name", name.clone())]);
    site.describe = Box::new(move |states| {
        let mut result = describe(states);
        if let Some(Value::Object(fields)) = result.get_mut("site")
            && !fields.is_empty()
        {
            fields.insert("Name".to_owned(), name.clone().into());
        }
        result
    });
    site.present = options.text("state") != Some("absent");
    if !site.present {
        return Ok(site);
    }
    set_texts(
        &mut site,
        options,
        &[("application_pool", "applicationPool"), ("physical_path", "physicalPath")],
    );
    if let Some(id) = options.int("site_id") {
        site.set.push(("id".to_owned(), vec![id.to_string()]));
    }
    match options.text("state") {
        Some("restarted") => site.then.push(
            Call::new("activate")
                .with("kind", "site")
                .with("key.name", &site.key[0].1)
                .with("action", "restart")
                .flag("quiet", true),
        ),
        Some(state) => site.set.push(("state".to_owned(), vec![state.to_owned()])),
        None => {}
    }
    Ok(site)
}

/// `parameters`: a mapping, or `name:value` with `|` between.
fn parameters(value: &Value) -> Result<Vec<(String, String)>, ModuleError> {
    match value {
        Value::Object(map) => Ok(map.iter().map(|(name, value)| (name.clone(), scalar(value))).collect()),
        Value::String(text) => text
            .split('|')
            .filter(|pair| !pair.trim().is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once(':').ok_or_else(|| {
                    ModuleError::new(format!(
                        "`{pair}` is no parameter\nhint: write `logFile.directory:C:\\logs`, with `|` between several"
                    ))
                })?;
                Ok((name.trim().to_owned(), value.to_owned()))
            })
            .collect(),
        other => Err(ModuleError::new(format!("`parameters` is {other}, and neither text nor a mapping"))),
    }
}

impl Module for Website {
    fn spec(&self) -> &'static ModuleSpec {
        &WEBSITE
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let mut site = site(options)?;
        if !site.present {
            return Ok(Work::Host(Box::new(site)));
        }
        if let Some(value) = options.get("parameters") {
            for (name, value) in parameters(value)? {
                attribute(&name)?;
                site.set.push((name, vec![value]));
            }
        }
        // As in Ansible these are for a site that is not there yet: bindings have a module of their own.
        let ssl = options.flag("ssl", false);
        let binding = Binding {
            protocol: if ssl { "https" } else { "http" }.to_owned(),
            ip: options.text("ip").unwrap_or("*").to_owned(),
            port: options.int("port").unwrap_or(if ssl { 443 } else { 80 }),
            host: options.text("hostname").unwrap_or_default().to_owned(),
            ..Binding::default()
        };
        site.options.push(("new.bindings", vec![binding.checked()?.row()]));
        if !site.set.iter().any(|(name, _)| name == "state") && site.then.is_empty() {
            site.options.push(("new.state", vec!["started".to_owned()]));
        }
        Ok(Work::Host(Box::new(site)))
    }
}

/// The bindings of one list of `microsoft.iis.website`.
fn bindings(all: &Map<String, Value>, list: &str) -> Result<Option<Vec<Binding>>, ModuleError> {
    let Some(value) = all.get(list) else { return Ok(None) };
    let Value::Array(items) = value else {
        return Err(ModuleError::new(format!("`bindings.{list}` is no list")));
    };
    items.iter().map(Binding::of_value).collect::<Result<Vec<_>, _>>().map(Some)
}

impl Module for Site {
    fn spec(&self) -> &'static ModuleSpec {
        &SITE
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let mut site = site(options)?;
        if !site.present {
            return Ok(Work::Host(Box::new(site)));
        }
        for (name, value) in options.map("attributes").into_iter().flatten() {
            site.set.push((attribute(name)?.to_owned(), vec![scalar(value)]));
        }
        let empty = Map::new();
        let all = options.map("bindings").unwrap_or(&empty);
        if let Some(other) = all.keys().find(|key| !["add", "remove", "set"].contains(&key.as_str())) {
            return Err(ModuleError::new(format!(
                "`bindings` has no `{other}`\nhint: it has `add`, `remove` and `set`"
            )));
        }
        if let Some(set) = bindings(all, "set")? {
            if all.len() > 1 {
                return Err(ModuleError::new("`bindings.set` cannot go with `add` or `remove`"));
            }
            site.set.push(("bindings".to_owned(), set.iter().map(Binding::row).collect()));
        }
        let name = site.key[0].1.clone();
        for (list, present) in [("remove", false), ("add", true)] {
            for binding in bindings(all, list)?.into_iter().flatten() {
                site.then.push(binding.call(&name, present).flag("quiet", true));
            }
        }
        Ok(Work::Host(Box::new(site)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, refused, said};
    use super::*;

    #[test]
    fn what_is_asked_for() {
        for (module, options, expected) in [
            (
                "win_iis_website",
                json!({"name": "Acme", "state": "started", "port": 443, "ssl": true, "hostname": "a.example",
                       "application_pool": "Acme", "physical_path": "C:\\acme",
                       "parameters": "logFile.directory:D:\\logs|serverAutoStart:true"}),
                "ensure kind=site key.name=Acme want=present set.applicationPool=Acme set.physicalPath=C:\\acme \
                 set.state=started set.logFile.directory=D:\\logs set.serverAutoStart=true \
                 new.bindings=https|*:443:a.example|0||",
            ),
            (
                "win_iis_website",
                json!({"name": "Acme", "site_id": 7}),
                "ensure kind=site key.name=Acme want=present set.id=7 new.bindings=http|*:80:|0|| new.state=started",
            ),
            (
                "win_iis_website",
                json!({"name": "Default Web Site", "state": "absent", "port": 80}),
                "ensure kind=site key.name=Default Web Site want=absent",
            ),
            (
                "microsoft.iis.website",
                json!({"name": "A", "state": "restarted", "bindings": {
                    "remove": [{"port": 80}],
                    "add": [{"port": 443, "protocol": "https", "hostname": "a", "use_sni": true,
                             "certificate_hash": "AB00000000000000000000000000000000000000"}]}}),
                "ensure kind=site key.name=A want=present\n\
                 activate kind=site key.name=A action=restart quiet=1\n\
                 ensure kind=binding key.site=A key.protocol=http key.ip=* key.port=80 key.host= want=absent quiet=1\n\
                 ensure kind=binding key.site=A key.protocol=https key.ip=* key.port=443 key.host=a want=present \
                 set.sslFlags=1 set.certificateHash=AB00000000000000000000000000000000000000 \
                 set.certificateStoreName=My quiet=1",
            ),
            (
                "microsoft.iis.website",
                json!({"name": "A", "bindings": {"set": [{"ip": "10.0.0.1", "port": 8080}]},
                       "attributes": {"applicationDefaults.preloadEnabled": true}}),
                "ensure kind=site key.name=A want=present set.applicationDefaults.preloadEnabled=true \
                 set.bindings=http|10.0.0.1:8080:|0||",
            ),
        ] {
            assert_eq!(said(module, options), expected);
        }
        refused("win_iis_website", json!({"name": "A", "port": 70000}));
        refused("win_iis_website", json!({"name": "A", "parameters": "x"}));
        refused("microsoft.iis.website", json!({"name": "A", "bindings": {"ad": []}}));
        refused("microsoft.iis.website", json!({"name": "A", "bindings": {"set": [], "add": []}}));
    }

    #[test]
    fn results_are_those_of_ansible() {
        let outcome = answered(
            "win_iis_website",
            json!({"name": "A"}),
            0,
            &[
                ("before_exists", "1"),
                ("after_exists", "1"),
                ("after.id", "2"),
                ("after.state", "started"),
                ("after.physicalPath", "C:\\a"),
                ("after.applicationPool", "A"),
                ("after.bindings", "http|*:80:|0||"),
            ],
        );
        assert!(!outcome.changed);
        let site = &outcome.result["site"];
        assert_eq!(site["Name"], "A");
        assert_eq!(site["State"], "Started");
        assert_eq!(site["ID"], 2);
    }
}
