//! `win_find`: files and folders of a Windows host by name, age and size.

use fancy_regex::Regex;
use serde_json::{Map, Value, json};

use super::place;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::stat::seconds;
use crate::operation::windows::{Call, Step, Values};

/// The module.
pub(super) struct WinFind;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_find",
    aliases: &["ansible.windows.win_find"],
    options: &[
        OptionSpec::new("paths", OptionKind::List).required(),
        OptionSpec::new("patterns", OptionKind::List).aliases(&["regex", "regexp"]),
        OptionSpec::new("use_regex", OptionKind::Bool),
        OptionSpec::new("file_type", OptionKind::Choice(&["directory", "file"])),
        OptionSpec::new("recurse", OptionKind::Bool),
        OptionSpec::new("hidden", OptionKind::Bool),
        OptionSpec::new("follow", OptionKind::Bool),
        OptionSpec::new("age", OptionKind::Text),
        OptionSpec::new("age_stamp", OptionKind::Choice(&["atime", "ctime", "mtime"])),
        OptionSpec::new("size", OptionKind::Text),
        OptionSpec::new("get_checksum", OptionKind::Bool),
        OptionSpec::new(
            "checksum_algorithm",
            OptionKind::Choice(&["md5", "sha1", "sha256", "sha384", "sha512"]),
        ),
        OptionSpec::new("depth", OptionKind::Int).refused("name the folders in `paths` without `recurse`"),
    ],
    platforms: Platforms::Windows,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

/// A number with a unit; a negative one means at most, another at least.
fn amount(name: &str, text: Option<&str>, units: &[(char, f64)]) -> Result<Option<f64>, ModuleError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let last = text.chars().last().map_or('0', |char| char.to_ascii_lowercase());
    let (digits, factor) = match units.iter().find(|(unit, _)| *unit == last) {
        Some((_, factor)) => (&text[..text.len() - 1], *factor),
        None => (text, 1.0),
    };
    match digits.parse::<f64>() {
        Ok(number) => Ok(Some(number * factor)),
        Err(_) => {
            let units: Vec<String> = units.iter().map(|(unit, _)| unit.to_string()).collect();
            Err(ModuleError::new(format!(
                "option `{name}` of `win_find`: `{text}` is not a number with a unit\nhint: units are {}",
                units.join(", ")
            )))
        }
    }
}

fn passes(seen: f64, wanted: Option<f64>) -> bool {
    match wanted {
        Some(wanted) if wanted >= 0.0 => seen >= wanted,
        Some(wanted) => seen <= -wanted,
        None => true,
    }
}

impl Module for WinFind {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let age_units = [('s', 1.0), ('m', 60.0), ('h', 3600.0), ('d', 86_400.0), ('w', 604_800.0)];
        let size_units = [
            ('b', 1.0),
            ('k', 1024.0),
            ('m', 1_048_576.0),
            ('g', 1_073_741_824.0),
            ('t', 1_099_511_627_776.0),
        ];
        let age = amount("age", options.text("age"), &age_units)?;
        let size = amount("size", options.text("size"), &size_units)?;
        let stamp = match options.text("age_stamp") {
            Some("atime") => 4,
            Some("ctime") => 3,
            _ => 5,
        };
        let paths = options.texts("paths").unwrap_or_default();
        let patterns = options.texts("patterns").unwrap_or_default();
        let regexes = if options.flag("use_regex", false) {
            let regex = |text: &String| {
                Regex::new(&format!("(?i){text}")).map_err(|error| {
                    ModuleError::new(format!(
                        "option `patterns` of `win_find`: `{text}` is not a regular expression: {error}"
                    ))
                })
            };
            patterns.iter().map(regex).collect::<Result<Vec<_>, _>>()?
        } else {
            Vec::new()
        };
        let plain = if regexes.is_empty() { patterns.as_slice() } else { &[] };
        let folders = options.text("file_type") == Some("directory");
        let algorithm = options.text("checksum_algorithm").unwrap_or("sha1");
        let call = Call::new("find")
            .list("paths", paths.iter().map(String::as_str))
            .list("patterns", plain.iter().map(String::as_str))
            .with("kind", if folders { "directory" } else { "file" })
            .flag("recurse", options.flag("recurse", false))
            .flag("hidden", options.flag("hidden", false))
            .flag("follow", options.flag("follow", false))
            .maybe("checksum", options.flag("get_checksum", true).then_some(algorithm));
        let step = Step::new(call).looking().telling(move |reply, _, outcome| {
            let now = reply.value("now").and_then(seconds).unwrap_or(0.0);
            let items = reply.texts("item");
            let items: Vec<Vec<String>> =
                items.map(|line| line.split('|').map(str::to_owned).collect()).collect();
            let examined = items.len();
            let wanted = |fields: &Vec<String>| {
                let name = path_of(fields).and_then(|path| place::last_name(&path)).unwrap_or_default();
                let field = |at: usize| fields.get(at).map_or("", String::as_str);
                let old = seconds(field(stamp)).map_or(0.0, |then| now - then);
                let length = field(2).parse::<f64>().unwrap_or(0.0);
                (regexes.is_empty() || regexes.iter().any(|regex| regex.is_match(&name).unwrap_or(false)))
                    && passes(old, age)
                    && passes(length, size)
            };
            let files: Vec<Value> = items
                .iter()
                .filter(|fields| wanted(fields))
                .filter_map(|fields| file(fields, folders))
                .collect();
            outcome.result.insert("examined".to_owned(), examined.into());
            outcome.result.insert("matched".to_owned(), files.len().into());
            outcome.result.insert("files".to_owned(), files.into());
        });
        if paths.is_empty() {
            return Err(ModuleError::new("option `paths` of `win_find` is empty"));
        }
        Ok(Work::Host(Box::new(step)))
    }
}

fn path_of(fields: &[String]) -> Option<String> {
    Values::read(fields.first()?)?.0.into_iter().next()
}

fn file(fields: &[String], folder: bool) -> Option<Value> {
    let path = path_of(fields)?;
    let [_, attributes, size, created, accessed, written, owner, checksum] = fields else { return None };
    let has = |attribute: &str| attributes.split(", ").any(|one| one == attribute);
    let name = place::last_name(&path).unwrap_or_default();
    let extension = name.rfind('.').map_or(String::new(), |at| name[at..].to_owned());
    let mut found: Map<String, Value> = json!({
        "path": path, "filename": name, "extension": extension, "attributes": attributes, "owner": owner,
        "size": size.parse::<u64>().unwrap_or(0), "creationtime": seconds(created), "lastaccesstime": seconds(accessed),
        "lastwritetime": seconds(written), "isdir": folder, "isreg": !folder, "isarchive": has("Archive"),
        "ishidden": has("Hidden"), "isreadonly": has("ReadOnly"), "islnk": has("ReparsePoint"), "exists": true,
    })
    .as_object()
    .cloned()
    .unwrap_or_default();
    if !checksum.is_empty() {
        found.insert("checksum".to_owned(), checksum.as_str().into());
    }
    Some(Value::Object(found))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, text, told};
    use base64::Engine as _;
    use serde_json::json;

    fn item(path: &str, size: u64, written: u64) -> String {
        let path = base64::engine::general_purpose::STANDARD.encode(path);
        let ticks = 621_355_968_000_000_000_u64 + written * 10_000_000;
        format!("{path}|Archive|{size}|{ticks}|{ticks}|{ticks}|BUILTIN\\Administrators|aa")
    }

    #[test]
    fn options_become_calls() {
        assert_eq!(
            text("win_find", json!({"paths": ["C:\\x"], "patterns": ["*.log"], "recurse": true})),
            "find paths=C:\\x patterns=*.log kind=file recurse=1 checksum=sha1"
        );
        assert_eq!(
            text(
                "win_find",
                json!({"paths": "C:\\x", "patterns": "^a", "use_regex": true, "get_checksum": false})
            ),
            "find paths=C:\\x patterns kind=file"
        );
        assert!(refused("win_find", json!({"paths": ["C:\\x"], "age": "2y"})).contains("units are s, m, h"));
        assert!(
            refused("win_find", json!({"paths": ["C:\\x"], "patterns": "(", "use_regex": true}))
                .contains("not a regular expression")
        );
    }

    #[test]
    fn age_and_size_are_judged_here() {
        let (old, new) = (item("C:\\x\\a.log", 5, 1000), item("C:\\x\\b.log", 5000, 100_000));
        let now = (621_355_968_000_000_000_u64 + 100_060 * 10_000_000).to_string();
        let values =
            [("now", now.as_str()), ("item", old.as_str()), ("item", new.as_str()), ("item", "broken")];
        for (options, expected) in [
            (json!({"paths": ["C:\\x"]}), 2),
            (json!({"paths": ["C:\\x"], "age": "1d"}), 1),
            (json!({"paths": ["C:\\x"], "age": "-1h"}), 1),
            (json!({"paths": ["C:\\x"], "size": "1k"}), 1),
            (json!({"paths": ["C:\\x"], "patterns": "^B", "use_regex": true}), 1),
        ] {
            let (_, result) = told("win_find", options.clone(), 0, &values);
            assert_eq!(result["matched"], expected, "{options}");
            assert_eq!(result["examined"], 3);
        }
    }
}
