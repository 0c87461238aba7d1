//! `find`: files and folders of the host by name, age, size, mode and content.

use serde_json::Value;

use super::replace::utf_8;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Work,
};
use crate::operation::attributes::FileMode;
use crate::operation::find::{Find as Operation, Stamp, Wanted};
use crate::operation::glob::glob;
use crate::template::regexes::of_text as regex_of_text;

/// The module.
pub(super) struct Find;

static SPEC: ModuleSpec = ModuleSpec {
    name: "find",
    options: &[
        OptionSpec::new("paths", OptionKind::List).required().aliases(&["name", "path"]),
        OptionSpec::new("patterns", OptionKind::List).aliases(&["pattern"]),
        OptionSpec::new("excludes", OptionKind::List).aliases(&["exclude"]),
        OptionSpec::new("use_regex", OptionKind::Bool),
        OptionSpec::new("file_type", OptionKind::Choice(&["any", "directory", "file", "link"])),
        OptionSpec::new("recurse", OptionKind::Bool),
        OptionSpec::new("depth", OptionKind::Int),
        OptionSpec::new("hidden", OptionKind::Bool),
        OptionSpec::new("follow", OptionKind::Bool),
        OptionSpec::new("age", OptionKind::Text),
        OptionSpec::new("age_stamp", OptionKind::Choice(&["atime", "ctime", "mtime"])),
        OptionSpec::new("size", OptionKind::Text),
        OptionSpec::new("mode", OptionKind::Mode).limited(super::place::not_preserved),
        OptionSpec::new("exact_mode", OptionKind::Bool),
        OptionSpec::new("contains", OptionKind::Text),
        OptionSpec::new("read_whole_file", OptionKind::Bool),
        OptionSpec::new("encoding", OptionKind::Text).limited(utf_8),
        OptionSpec::new("get_checksum", OptionKind::Bool),
        OptionSpec::new(
            "checksum_algorithm",
            OptionKind::Choice(&["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]),
        )
        .aliases(&["checksum", "checksum_algo"]),
        OptionSpec::new("limit", OptionKind::Int).limited(positive),
    ],
    only_looks: true,
    ..ModuleSpec::EMPTY
};

fn positive(number: &Value) -> Result<(), String> {
    match number.as_i64() {
        Some(..=0) => Err(format!("`{number}` is no limit\nhint: leave it out for all")),
        _ => Ok(()),
    }
}

/// A number with a unit; a negative one means at most, another at least.
fn amount(options: &Options, name: &str, units: &[(char, i64)]) -> Result<Option<i64>, ModuleError> {
    let Some(text) = options.text(name) else { return Ok(None) };
    let lower = text.to_lowercase();
    let unit = units.iter().find(|(unit, _)| lower.ends_with(*unit));
    let (digits, factor) = match unit {
        Some((_, factor)) => (&lower[..lower.len() - 1], *factor),
        None => (lower.as_str(), 1),
    };
    let number = digits.parse::<i64>().ok().filter(|_| !digits.starts_with('+'));
    number.and_then(|number| number.checked_mul(factor)).map(Some).ok_or_else(|| {
        let units: Vec<String> = units.iter().map(|(unit, _)| unit.to_string()).collect();
        ModuleError::new(format!(
            "option `{name}` of `find`: `{text}` is not a number with a unit\nhint: units are {}",
            units.join(", ")
        ))
    })
}

impl Module for Find {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let ages = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
        let sizes = [('b', 1), ('k', 1 << 10), ('m', 1 << 20), ('g', 1 << 30), ('t', 1 << 40)];
        let paths = options.texts("paths").unwrap_or_default();
        super::words::no_nul(paths.iter().map(String::as_str))?;
        if paths.is_empty() || paths.iter().any(String::is_empty) {
            return Err(ModuleError::new(
                "option `paths` of `find` is empty\nhint: give it the folders to look into",
            ));
        }
        let regexes = |name: &str, all: &[&str]| {
            let given = options.texts(name).unwrap_or_default();
            let given =
                if given.is_empty() { all.iter().map(|all| (*all).to_owned()).collect() } else { given };
            let regex = |text: &String| {
                let found = if options.flag("use_regex", false) {
                    regex_of_text(&format!(r"\A(?:{text})"), false, false)
                } else {
                    glob(text)
                };
                found.map_err(|error| ModuleError::new(format!("option `{name}` of `find`: {error}")))
            };
            given.iter().map(regex).collect::<Result<Vec<_>, _>>()
        };
        let mode = match options.text("mode").filter(|mode| !mode.is_empty()) {
            None => None,
            Some(text) => {
                let mode = FileMode::parse(text)
                    .ok_or_else(|| ModuleError::new(format!("`{text}` is not a file mode")))?;
                Some((mode, options.flag("exact_mode", true)))
            }
        };
        let contains = match options.text("contains") {
            None => None,
            Some(text) => {
                let regex = regex_of_text(text, false, false).map_err(ModuleError::new)?;
                Some((regex, options.flag("read_whole_file", false)))
            }
        };
        let kind = options.text("file_type").unwrap_or("file").to_owned();
        let number = |name: &str| {
            options.int(name).and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0)
        };
        let wanted = Wanted {
            patterns: regexes("patterns", &[if options.flag("use_regex", false) { ".*" } else { "*" }])?,
            excludes: regexes("excludes", &[])?,
            age: amount(options, "age", &ages)?,
            stamp: match options.text("age_stamp") {
                Some("atime") => Stamp::Access,
                Some("ctime") => Stamp::Change,
                _ => Stamp::Modification,
            },
            size: amount(options, "size", &sizes)?,
            hidden: options.flag("hidden", false),
            mode,
            // As in Ansible, only files are looked into.
            contains: contains.filter(|_| kind == "file"),
            kind,
            limit: number("limit"),
            depth: number("depth"),
        };
        let mut find = Operation::new(paths, wanted);
        find.recurse = options.flag("recurse", false);
        find.follow = options.flag("follow", false);
        let algorithm = options.text("checksum_algorithm").unwrap_or("sha1");
        find.checksum = options.flag("get_checksum", false).then(|| algorithm.to_owned());
        Ok(Work::Host(Box::new(find)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (options, expected) in [
            (json!({"paths": []}), "is empty"),
            (json!({"paths": "/x", "age": "2y"}), "units are s, m, h, d, w"),
            (json!({"paths": "/x", "size": "+1"}), "units are b, k"),
            (json!({"paths": "/x", "patterns": "(", "use_regex": true}), "not valid"),
            (json!({"paths": "/x", "limit": 0}), "is no limit"),
            (json!({"paths": "/x", "encoding": "latin-1"}), "only `utf-8`"),
        ] {
            let error = plan("find", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
        let work = format!("{:?}", plan("find", json!({"paths": "/x", "age": "-2W", "size": "1k"})).unwrap());
        assert!(work.contains("age: Some(-1209600)") && work.contains("size: Some(1024)"), "{work}");
    }
}
