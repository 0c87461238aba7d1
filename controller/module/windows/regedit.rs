//! `win_regedit`: values and keys of the registry.

use serde_json::Value;

use super::place;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work, to_int, to_text,
};
use crate::operation::windows::{Call, Ensure, States, Step};

/// The module.
pub(super) struct WinRegedit;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_regedit",
    aliases: &["ansible.windows.win_regedit"],
    options: &[
        OptionSpec::new("path", OptionKind::Text).required().aliases(&["key"]).limited(a_hive),
        OptionSpec::new("name", OptionKind::Text).aliases(&["entry", "value"]),
        OptionSpec::new("data", OptionKind::Any),
        OptionSpec::new(
            "type",
            OptionKind::Choice(&[
                "binary",
                "dword",
                "expandstring",
                "multistring",
                "none",
                "qword",
                "string",
            ]),
        )
        .aliases(&["datatype"]),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("delete_key", OptionKind::Bool),
        OptionSpec::new("hive", OptionKind::Path)
            .refused("load the hive with `win_command: reg load` and unload it in `always`"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn a_hive(path: &Value) -> Result<(), String> {
    let path = path.as_str().unwrap_or_default();
    let hive = path.split(['\\', '/']).next().unwrap_or_default().trim_end_matches(':').to_uppercase();
    let known = ["HKLM", "HKCU", "HKCR", "HKU", "HKCC"];
    if known.contains(&hive.as_str()) || hive.starts_with("HKEY_") {
        return Ok(());
    }
    Err(format!(
        "`{path}` is not in a hive of the registry\nhint: begin with `HKLM:\\`, `HKCU:\\`, `HKCR:\\`, `HKU:\\` or `HKCC:\\`"
    ))
}

/// Data as the host takes it: numbers in decimal, bytes in hexadecimal digits.
fn data(kind: &str, value: &Value) -> Result<Vec<String>, String> {
    match kind {
        "dword" => number(value, 32).map(|number| vec![number]),
        "qword" => number(value, 64).map(|number| vec![number]),
        "multistring" => Ok(match value {
            Value::Null => Vec::new(),
            Value::Array(items) => items.iter().map(to_text).collect(),
            other => vec![to_text(other)],
        }),
        "binary" | "none" => bytes(value).map(|digits| vec![digits]),
        _ => match value {
            Value::Null => Ok(vec![String::new()]),
            Value::Array(_) | Value::Object(_) => Err("text is needed".to_owned()),
            other => Ok(vec![to_text(other)]),
        },
    }
}

/// A number, or hexadecimal digits behind `0x`; a negative one stands for the same bits.
fn number(value: &Value, bits: u32) -> Result<String, String> {
    let wrong = || format!("{value} is not a number of {bits} bits");
    let number: i128 = match value {
        Value::Null => 0,
        Value::String(text) if text.trim().to_lowercase().starts_with("0x") => {
            i128::from_str_radix(&text.trim()[2..], 16).map_err(|_| wrong())?
        }
        Value::Number(number) if number.is_u64() => i128::from(number.as_u64().unwrap_or_default()),
        Value::String(text) => text.trim().parse().map_err(|_| wrong())?,
        other => i128::from(to_int(other)?),
    };
    let size = 1_i128 << bits;
    if !(-size / 2..size).contains(&number) {
        return Err(wrong());
    }
    Ok(number.rem_euclid(size).to_string())
}

/// A list of numbers, or `hex:` and pairs of digits with commas as `.reg` files have it, or digits.
fn bytes(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Array(items) => items
            .iter()
            .map(|item| match to_int(item)? {
                byte @ 0..=255 => Ok(format!("{byte:02x}")),
                other => Err(format!("{other} is not a byte")),
            })
            .collect(),
        Value::Number(_) => {
            let digits = format!("{:x}", to_int(value)?);
            Ok(if digits.len() % 2 == 0 { digits } else { format!("0{digits}") })
        }
        other => {
            let text = to_text(other).to_lowercase();
            let digits = text
                .trim()
                .trim_start_matches("hex:")
                .trim_start_matches("0x")
                .replace([',', ' ', '\\', '\n'], "");
            if digits.len() % 2 == 1 || !digits.chars().all(|char| char.is_ascii_hexdigit()) {
                return Err(format!(
                    "`{text}` is not binary data\nhint: write `hex:be,ef`, or a list of bytes"
                ));
            }
            Ok(digits)
        }
    }
}

impl Module for WinRegedit {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let path = place::path(options, "path")?;
        let name = options.text("name");
        let given = options.get("data");
        if options.text("state") == Some("absent") {
            return Ok(Work::Host(Box::new(absent(path, name, options.flag("delete_key", true)))));
        }
        let kind = options.text("type").unwrap_or("string");
        let call = Call::new("registry_value_set").with("path", &path);
        let name = match (name, given) {
            (None, None) => None,
            (name, _) => Some(name.unwrap_or_default()),
        };
        let Some(name) = name else { return Ok(Work::Host(Box::new(told(call)))) };
        let data = data(kind, given.unwrap_or(&Value::Null))
            .map_err(|message| ModuleError::new(format!("option `data` of `win_regedit`: {message}")))?;
        let call = call.with("name", name).with("type", kind).list("data", data.iter().map(String::as_str));
        Ok(Work::Host(Box::new(told(call))))
    }
}

fn told(call: Call) -> Step {
    Step::new(call).telling(|reply, _, outcome| {
        let states = States::read(reply);
        let differs = |name: &str| match (&states.before, &states.after) {
            (Some(before), Some(after)) => before.get(name) != after.get(name),
            _ => false,
        };
        for (field, name) in [("data_changed", "data"), ("data_type_changed", "type")] {
            outcome.result.insert(field.to_owned(), differs(name).into());
        }
    })
}

/// Without a name it is the key that goes, or only its default value.
fn absent(path: String, name: Option<&str>, delete_key: bool) -> Ensure {
    let mut ensure = match name {
        None if delete_key => Ensure::new("registry_key", vec![("path", path)]),
        name => {
            let name = name.unwrap_or_default().to_owned();
            Ensure::new("registry", vec![("path", path), ("name", name)])
        }
    };
    ensure.present = false;
    ensure.describe = Box::new(|states| {
        let gone = states.changed.into();
        serde_json::Map::from_iter([
            ("data_changed".to_owned(), gone),
            ("data_type_changed".to_owned(), false.into()),
        ])
    });
    ensure
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{refused, text, told};
    use super::*;
    use serde_json::json;

    #[test]
    fn options_become_calls() {
        let key = "HKLM:\\SOFTWARE\\x";
        for (options, expected) in [
            (json!({"path": key}), "registry_value_set path=HKLM:\\SOFTWARE\\x"),
            (
                json!({"path": key, "name": "a", "data": 1, "type": "dword"}),
                "registry_value_set path=HKLM:\\SOFTWARE\\x name=a type=dword data=1",
            ),
            (
                json!({"key": key, "entry": "a", "data": ["x", "y"], "datatype": "multistring"}),
                "registry_value_set path=HKLM:\\SOFTWARE\\x name=a type=multistring data=x|y",
            ),
            (
                json!({"path": key, "data": "d"}),
                "registry_value_set path=HKLM:\\SOFTWARE\\x name= type=string data=d",
            ),
            (
                json!({"path": key, "name": "a", "state": "absent"}),
                "ensure kind=registry key.path=HKLM:\\SOFTWARE\\x key.name=a want=absent",
            ),
            (
                json!({"path": key, "state": "absent"}),
                "ensure kind=registry_key key.path=HKLM:\\SOFTWARE\\x want=absent",
            ),
            (
                json!({"path": key, "state": "absent", "delete_key": false}),
                "ensure kind=registry key.path=HKLM:\\SOFTWARE\\x key.name= want=absent",
            ),
        ] {
            assert_eq!(text("win_regedit", options), expected);
        }
    }

    #[test]
    fn data_of_every_type() {
        for (kind, value, expected) in [
            ("dword", json!("0xFF"), vec!["255"]),
            ("dword", json!(-1), vec!["4294967295"]),
            ("qword", json!(u64::MAX), vec!["18446744073709551615"]),
            ("binary", json!("hex:be,EF"), vec!["beef"]),
            ("binary", json!([1, 255]), vec!["01ff"]),
            ("binary", json!("0xabc1"), vec!["abc1"]),
            ("string", json!(true), vec!["True"]),
            ("expandstring", json!(null), vec![""]),
            ("multistring", json!([]), vec![]),
            ("none", json!(null), vec![""]),
        ] {
            assert_eq!(data(kind, &value).unwrap(), expected, "{kind} {value}");
        }
        for (kind, value) in [
            ("dword", json!(4_294_967_296_u64)),
            ("dword", json!("x")),
            ("binary", json!("hex:b")),
            ("binary", json!([256])),
            ("string", json!(["x"])),
        ] {
            assert!(data(kind, &value).is_err(), "{kind} {value}");
        }
    }

    #[test]
    fn what_changed_is_told() {
        let values = [
            ("before_exists", "1"),
            ("before.type", "ZHdvcmQ="),
            ("before.data", "MQ=="),
            ("after_exists", "1"),
            ("after.type", "ZHdvcmQ="),
            ("after.data", "Mg=="),
            ("changed", "1"),
        ];
        let options = json!({"path": "HKLM:\\x", "name": "a", "data": 2, "type": "dword"});
        let (outcome, result) = told("win_regedit", options, 0, &values);
        assert!(outcome.changed);
        assert_eq!((&result["data_changed"], &result["data_type_changed"]), (&json!(true), &json!(false)));
        assert!(refused("win_regedit", json!({"path": "C:\\x"})).contains("hive"));
        assert!(
            refused("win_regedit", json!({"path": "HKLM:\\x", "hive": "C:\\u.dat"})).contains("reg load")
        );
    }
}
