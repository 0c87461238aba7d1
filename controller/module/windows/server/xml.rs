//! `win_xml`: elements, attributes and text of XML files, named by an XPath.

use super::super::place;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Call, Step, said};
use crate::operation::{Diff, Mode, Outcome, Reply};

/// The module.
pub(super) struct Xml;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_xml",
    aliases: &["community.windows.win_xml"],
    options: &[
        OptionSpec::new("path", OptionKind::Path).required().aliases(&["dest", "file"]),
        OptionSpec::new("xpath", OptionKind::Text).required(),
        OptionSpec::new("fragment", OptionKind::Text).aliases(&["xmlstring"]),
        OptionSpec::new("type", OptionKind::Choice(&["element", "attribute", "text"])),
        OptionSpec::new("attribute", OptionKind::Text),
        OptionSpec::new("state", OptionKind::Choice(&["present", "absent"])).aliases(&["ensure"]),
        OptionSpec::new("count", OptionKind::Bool),
        OptionSpec::new("backup", OptionKind::Bool),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

const NO_MATCH: &str = "the xpath matches nothing in this file";

/// Content as text, for a difference: what is not UTF-8 gets replacement characters.
fn text(bytes: &[u8]) -> String {
    let units = |from: fn([u8; 2]) -> u16| {
        let pairs = bytes.get(2..).unwrap_or_default().chunks_exact(2);
        let units: Vec<u16> = pairs.map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    };
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
}

/// Makes the result.
fn tell(reply: &Reply, mode: Mode, outcome: &mut Outcome, counts: bool, only: bool, path: &str, done: &str) {
    let count = said(reply, "count").and_then(|count| count.parse::<u64>().ok());
    if let (true, Some(count)) = (counts, count) {
        outcome.result.insert("count".to_owned(), count.into());
    }
    if outcome.failed || only {
        return;
    }
    let message = match (count, outcome.changed) {
        (Some(0), _) => NO_MATCH,
        (_, true) => done,
        (_, false) => "not changed",
    };
    outcome.result.insert("msg".to_owned(), message.into());
    if let Some(file) = said(reply, "backup_file") {
        outcome.result.insert("backup_file".to_owned(), file.into());
    }
    if let (true, Some(before), Some(after)) = (mode.diff, reply.blob("old"), reply.blob("new")) {
        outcome.diff.push(Diff {
            before_header: path.to_owned(),
            after_header: path.to_owned(),
            before: text(before),
            after: text(after),
        });
    }
}

impl Module for Xml {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let path = place::path(options, "path")?;
        let xpath = options.text("xpath").unwrap_or_default();
        if xpath.trim().is_empty() {
            return Err(ModuleError::new("`xpath` of `win_xml` is empty"));
        }
        let kind = options.text("type").unwrap_or("element");
        let present = options.text("state") != Some("absent");
        let counts = options.flag("count", false);
        let fragment = options.text("fragment");
        let only = counts && fragment.is_none();
        let attribute = options.text("attribute").filter(|name| !name.is_empty());
        if (kind == "attribute") != attribute.is_some() {
            return Err(ModuleError::new("`attribute` and `type: attribute` go together"));
        }
        if kind == "text" && !present {
            return Err(ModuleError::new(
                "text cannot be absent\nhint: `fragment: ''` makes it empty, `type: element` removes the element",
            ));
        }
        if !only && present && fragment.is_none() {
            return Err(ModuleError::new(
                "`win_xml` needs `fragment`\nhint: `state: absent` removes, `count: true` only counts",
            ));
        }
        let call = Call::new("xml")
            .with("path", &path)
            .with("xpath", xpath)
            .with("want", if present { "present" } else { "absent" })
            .with("type", kind)
            .maybe("attribute", attribute)
            .maybe("fragment", fragment)
            .flag("only_count", only)
            .flag("backup", options.flag("backup", false));
        let done = format!("{kind} {}", if present { "changed" } else { "removed" });
        let step = Step::new(call).telling(move |reply, mode, outcome| {
            tell(reply, mode, outcome, counts, only, &path, &done);
        });
        let step = if only { step.looking() } else { step.differing() };
        Ok(Work::Host(Box::new(step)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, refused, said};
    use serde_json::json;

    #[test]
    fn what_is_asked_for() {
        for (options, expected) in [
            (
                json!({"path": "C:\\web.config", "xpath": "/configuration/appSettings", "fragment": "<add key=\"a\"/>"}),
                "xml path=C:\\web.config xpath=/configuration/appSettings want=present type=element fragment=<add key=\"a\"/>",
            ),
            (
                json!({"path": "C:\\a.xml", "xpath": "//a", "type": "attribute", "attribute": "x", "fragment": 1,
                       "backup": true}),
                "xml path=C:\\a.xml xpath=//a want=present type=attribute attribute=x fragment=1 backup=1",
            ),
            (
                json!({"file": "C:\\a.xml", "xpath": "//a", "state": "absent"}),
                "xml path=C:\\a.xml xpath=//a want=absent type=element",
            ),
            (
                json!({"path": "C:\\a.xml", "xpath": "//a", "count": true}),
                "xml path=C:\\a.xml xpath=//a want=present type=element only_count=1",
            ),
        ] {
            assert_eq!(said("win_xml", options), expected);
        }
        for (options, expected) in [
            (json!({"path": "C:\\a.xml", "xpath": "//a"}), "needs `fragment`"),
            (json!({"path": "C:\\a.xml", "xpath": " ", "fragment": "x"}), "empty"),
            (
                json!({"path": "C:\\a.xml", "xpath": "//a", "type": "attribute", "fragment": "x"}),
                "go together",
            ),
            (
                json!({"path": "C:\\a.xml", "xpath": "//a", "type": "text", "state": "absent"}),
                "makes it empty",
            ),
        ] {
            let error = refused("win_xml", options);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn results_are_those_of_ansible() {
        let options = json!({"path": "C:\\a.xml", "xpath": "//a", "fragment": "<b/>", "count": true});
        let done = answered(
            "win_xml",
            options.clone(),
            0,
            &[("count", "2"), ("changed", "1"), ("backup_file", "C:\\b")],
        );
        assert!(done.changed);
        assert_eq!(done.result["msg"], "element changed");
        assert_eq!(done.result["count"], 2);
        assert_eq!(done.result["backup_file"], "C:\\b");
        let none = answered("win_xml", options, 0, &[("count", "0")]);
        assert_eq!(none.result["msg"], super::NO_MATCH);
        assert_eq!(super::text(b"\xff\xfea\0\r\0\n\0"), "a\n");
    }
}
