//! Rendered options become what a module expects: canonical names, Ansible's conversions between
//! types, nothing unknown.

use serde_json::{Map, Number, Value};

use super::python;
use super::{ModuleError, ModuleSpec, OptionKind, OptionSpec, Options};

const TRUE: &[&str] = &["1", "on", "t", "true", "y", "yes"];
const FALSE: &[&str] = &["0", "f", "false", "n", "no", "off"];

/// Turns rendered options into what the module of `spec` expects. `null` means "not given". Raw options
/// ([`ModuleSpec::raw_options`]) are not looked at: the module finds them in its context.
///
/// # Errors
/// An option is unknown, refused, missing, given twice under two names, or of the wrong type.
pub fn convert(spec: &ModuleSpec, rendered: Map<String, Value>) -> Result<Options, ModuleError> {
    let mut options = Options::new();
    for (name, value) in rendered {
        let option = spec.check_name(&name).map_err(ModuleError::new)?;
        let canonical = option.map_or(name.as_str(), |option| option.name);
        if value.is_null() && option.is_some_and(|option| !option.nullable) {
            continue;
        }
        let value = match option {
            Some(option) => convert_value(option, value).map_err(|message| {
                ModuleError::new(format!("option `{name}` of `{}`: {message}", spec.name))
            })?,
            None => value,
        };
        if options.insert(canonical.to_owned(), value).is_some() {
            return Err(ModuleError::new(format!(
                "option `{canonical}` of `{}` is given twice, once as `{name}`",
                spec.name
            )));
        }
    }
    let given = options.keys().map(String::as_str).chain(spec.raw_options.iter().copied());
    match spec.missing(given).as_slice() {
        [] => Ok(options),
        missing => {
            let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
            Err(ModuleError::new(format!("`{}` needs {}", spec.name, names.join(", "))))
        }
    }
}

/// Checks a value that is written out, without a template in it.
///
/// # Errors
/// The message: what the option accepts.
pub fn check_option(option: &OptionSpec, value: &Value) -> Result<(), String> {
    if value.is_null() {
        return if option.required { Err("a value is needed".to_owned()) } else { Ok(()) };
    }
    convert_value(option, value.clone()).map(drop)
}

fn convert_value(option: &OptionSpec, value: Value) -> Result<Value, String> {
    let value = convert_type(option.kind, value)?;
    match option.limit {
        Some(limit) => limit(&value).map(|()| value),
        None => Ok(value),
    }
}

fn convert_type(kind: OptionKind, value: Value) -> Result<Value, String> {
    match kind {
        OptionKind::Any => Ok(value),
        OptionKind::Text => Ok(Value::String(python::text(&value))),
        OptionKind::Path => match value {
            Value::Array(_) | Value::Object(_) => Err(wrong("a path", &value)),
            value => Ok(Value::String(python::text(&value))),
        },
        OptionKind::Bool => to_bool(&value).map(Value::Bool),
        OptionKind::Int => to_int(&value).map(Value::from),
        OptionKind::Float => to_float(&value),
        OptionKind::List => to_list(value),
        OptionKind::Map => to_map(value),
        OptionKind::Choice(choices) => to_choice(choices, &value),
        OptionKind::Mode => to_mode(&value),
    }
}

fn wrong(wanted: &str, value: &Value) -> String {
    format!("{} is not {wanted}", python::repr(value))
}

/// Reads a boolean in any of Ansible's spellings.
///
/// # Errors
/// The message: the value is none of them.
pub fn to_bool(value: &Value) -> Result<bool, String> {
    let word = match value {
        Value::Bool(bool) => return Ok(*bool),
        Value::String(text) => text.trim().to_lowercase(),
        Value::Number(number) if number.as_f64() == Some(1.0) => "1".to_owned(),
        Value::Number(number) if number.as_f64() == Some(0.0) => "0".to_owned(),
        _ => String::new(),
    };
    if TRUE.contains(&word.as_str()) {
        Ok(true)
    } else if FALSE.contains(&word.as_str()) {
        Ok(false)
    } else {
        Err(format!("{}\nhint: write `true` or `false`", wrong("a boolean", value)))
    }
}

/// Reads an integer; text and floats with an integral value are accepted.
///
/// # Errors
/// The message: the value is none.
pub fn to_int(value: &Value) -> Result<i64, String> {
    let float = match value {
        Value::Bool(bool) => return Ok(i64::from(*bool)),
        Value::Number(number) => {
            if let Some(int) = number.as_i64() {
                return Ok(int);
            }
            number.as_f64()
        }
        Value::String(text) => {
            let digits = text.trim().replace('_', "");
            if let Ok(int) = digits.parse::<i64>() {
                return Ok(int);
            }
            digits.parse::<f64>().ok()
        }
        _ => None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    match float {
        Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => Ok(float as i64),
        _ => Err(wrong("an integer", value)),
    }
}

fn to_float(value: &Value) -> Result<Value, String> {
    let float = match value {
        Value::Bool(bool) => Some(f64::from(u8::from(*bool))),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    float.and_then(Number::from_f64).map(Value::Number).ok_or_else(|| wrong("a number", value))
}

fn to_list(value: Value) -> Result<Value, String> {
    match value {
        Value::Array(items) => Ok(Value::Array(items)),
        Value::String(text) => Ok(text.split(',').map(|part| Value::String(part.to_owned())).collect()),
        Value::Number(_) | Value::Bool(_) => Ok(Value::Array(vec![Value::String(python::text(&value))])),
        Value::Null | Value::Object(_) => Err(wrong("a list", &value)),
    }
}

fn to_map(value: Value) -> Result<Value, String> {
    let Value::String(text) = &value else {
        return match value {
            Value::Object(entries) => Ok(Value::Object(entries)),
            other => Err(wrong("a mapping", &other)),
        };
    };
    if text.trim_start().starts_with('{') {
        return match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(entries) => Ok(Value::Object(entries)),
            Err(error) => Err(format!("{}: {error}", wrong("a mapping in JSON", &value))),
        };
    }
    let mut entries = Map::new();
    for pair in pairs(text).ok_or_else(|| wrong("a mapping", &value))? {
        let (name, entry) = pair.split_once('=').ok_or_else(|| wrong("a mapping", &value))?;
        entries.insert(name.trim().to_owned(), Value::String(entry.to_owned()));
    }
    if entries.is_empty() { Err(wrong("a mapping", &value)) } else { Ok(Value::Object(entries)) }
}

/// Splits `a=1, b="x y"` at commas and spaces outside quotes; the quotes are dropped.
fn pairs(text: &str) -> Option<Vec<String>> {
    let mut pairs = Vec::new();
    let mut pair = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match (char, quote) {
            ('\\', _) => pair.push(chars.next()?),
            (char, Some(open)) if char == open => quote = None,
            (char, Some(_)) => pair.push(char),
            ('"' | '\'', None) => quote = Some(char),
            (',' | ' ' | '\t' | '\n', None) => {
                if !pair.is_empty() {
                    pairs.push(std::mem::take(&mut pair));
                }
            }
            (char, None) => pair.push(char),
        }
    }
    if !pair.is_empty() {
        pairs.push(pair);
    }
    quote.is_none().then_some(pairs)
}

fn to_choice(choices: &[&str], value: &Value) -> Result<Value, String> {
    let text = python::text(value);
    if choices.contains(&text.as_str()) {
        return Ok(Value::String(text));
    }
    // YAML reads `no` and `yes` as booleans: Ansible takes the one choice that could have been meant.
    if let Value::Bool(bool) = value {
        let words = if *bool { TRUE } else { FALSE };
        let meant: Vec<&&str> = choices.iter().filter(|choice| words.contains(*choice)).collect();
        if let [meant] = meant.as_slice() {
            return Ok(Value::String((**meant).to_owned()));
        }
    }
    let words: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
    Err(format!("{}\nhint: one of {}", wrong("possible here", value), words.join(", ")))
}

/// A mode as text: octal digits as written, an integer as four octal digits, symbolic, or `preserve`.
fn to_mode(value: &Value) -> Result<Value, String> {
    let hint = "hint: write it as text in octal (`\"0644\"`) or symbolic (`u=rw,g=r,o=`)";
    let fail = || format!("{}\n{hint}", wrong("a file mode", value));
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(mode) if mode <= 0o7777 => Ok(Value::String(format!("{mode:04o}"))),
            _ => Err(fail()),
        },
        Value::String(text) => {
            let octal = text.strip_prefix("0o").unwrap_or(text);
            if !octal.is_empty() && octal.chars().all(|char| char.is_digit(8)) {
                return match u32::from_str_radix(octal, 8) {
                    Ok(mode) if mode <= 0o7777 => Ok(Value::String(octal.to_owned())),
                    _ => Err(fail()),
                };
            }
            if text == "preserve" || is_symbolic(text) { Ok(value.clone()) } else { Err(fail()) }
        }
        _ => Err(fail()),
    }
}

fn is_symbolic(text: &str) -> bool {
    text.split(',').all(|clause| {
        let Some(at) = clause.find(['=', '+', '-']) else { return false };
        clause[..at].chars().all(|char| "ugoa".contains(char))
            && clause[at..].split(['=', '+', '-']).all(|permissions| {
                permissions.chars().all(|char| "rwxXst".contains(char))
                    || matches!(permissions, "u" | "g" | "o")
            })
    })
}

/// Typed access to converted options.
pub trait OptionValues {
    /// Text, a path, a choice or a mode.
    fn text(&self, name: &str) -> Option<&str>;
    /// A boolean.
    fn bool(&self, name: &str) -> Option<bool>;
    /// An integer.
    fn int(&self, name: &str) -> Option<i64>;
    /// A number.
    fn float(&self, name: &str) -> Option<f64>;
    /// A list.
    fn list(&self, name: &str) -> Option<&[Value]>;
    /// A list, its elements as text.
    fn texts(&self, name: &str) -> Option<Vec<String>>;
    /// A mapping.
    fn map(&self, name: &str) -> Option<&Map<String, Value>>;
    /// A boolean, or the default.
    fn flag(&self, name: &str, default: bool) -> bool {
        self.bool(name).unwrap_or(default)
    }
}

impl OptionValues for Options {
    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    fn bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }

    fn float(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_f64()
    }

    fn list(&self, name: &str) -> Option<&[Value]> {
        self.get(name)?.as_array().map(Vec::as_slice)
    }

    fn texts(&self, name: &str) -> Option<Vec<String>> {
        Some(self.list(name)?.iter().map(python::text).collect())
    }

    fn map(&self, name: &str) -> Option<&Map<String, Value>> {
        self.get(name)?.as_object()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(kind: OptionKind, value: Value) -> Result<Value, String> {
        convert_value(&OptionSpec::new("x", kind), value)
    }

    #[test]
    fn conversions_agree_with_ansible() {
        use OptionKind::{Bool, Float, Int, List, Map, Text};
        for (kind, value, expected) in [
            (Text, json!(true), json!("True")),
            (Text, json!(5), json!("5")),
            (Text, json!([1, "a"]), json!("[1, 'a']")),
            (Bool, json!(" Yes "), json!(true)),
            (Bool, json!("on"), json!(true)),
            (Bool, json!(1), json!(true)),
            (Bool, json!(0.0), json!(false)),
            (Bool, json!("F"), json!(false)),
            (Int, json!(" 5 "), json!(5)),
            (Int, json!("5.0"), json!(5)),
            (Int, json!("1e3"), json!(1000)),
            (Int, json!("1_000"), json!(1000)),
            (Int, json!(true), json!(1)),
            (Float, json!("1e3"), json!(1000.0)),
            (Float, json!(5), json!(5.0)),
            (List, json!("a, b ,c"), json!(["a", " b ", "c"])),
            (List, json!(""), json!([""])),
            (List, json!(1.5), json!(["1.5"])),
            (List, json!([1]), json!([1])),
            (Map, json!("a=1, b=2"), json!({"a": "1", "b": "2"})),
            (Map, json!("a=1 b=\"x y\""), json!({"a": "1", "b": "x y"})),
            (Map, json!("{\"a\": 1}"), json!({"a": 1})),
        ] {
            assert_eq!(one(kind, value.clone()), Ok(expected), "{kind:?} {value}");
        }
        for (kind, value) in [
            (Bool, json!("maybe")),
            (Bool, json!(2)),
            (Bool, json!("")),
            (Bool, json!([1])),
            (Int, json!("5.5")),
            (Int, json!("0x10")),
            (Int, json!("")),
            (Int, json!([1])),
            (Float, json!("abc")),
            (List, json!({"a": 1})),
            (Map, json!("abc")),
            (Map, json!("a=1,b")),
            (Map, json!("a=\"1")),
            (Map, json!(1)),
            (OptionKind::Path, json!(["/a"])),
        ] {
            assert!(one(kind, value.clone()).is_err(), "{kind:?} {value}");
        }
    }

    #[test]
    fn choices_and_modes() {
        let follow = OptionKind::Choice(&["all", "no", "none", "safe", "yes"]);
        assert_eq!(one(follow, json!(false)), Ok(json!("no")));
        assert_eq!(one(follow, json!("safe")), Ok(json!("safe")));
        assert_eq!(
            one(OptionKind::Choice(&["a", "b"]), json!("c")),
            Err("'c' is not possible here\nhint: one of `a`, `b`".to_owned())
        );
        for (value, expected) in [
            (json!(420), "0644"),
            (json!("644"), "644"),
            (json!("0o755"), "755"),
            (json!("u=rw,g=r,o="), "u=rw,g=r,o="),
            (json!("a+X,u-s"), "a+X,u-s"),
            (json!("g=u"), "g=u"),
            (json!("preserve"), "preserve"),
        ] {
            assert_eq!(one(OptionKind::Mode, value), Ok(json!(expected)));
        }
        for value in [json!("rw"), json!("0888"), json!(true), json!("77777"), json!(""), json!(-1)] {
            assert!(one(OptionKind::Mode, value.clone()).is_err(), "{value}");
        }
    }

    static SPEC: ModuleSpec = ModuleSpec {
        name: "sample",
        options: &[
            OptionSpec::new("path", OptionKind::Path).aliases(&["dest"]).required(),
            OptionSpec::new("force", OptionKind::Bool),
            OptionSpec::new("that", OptionKind::List).required(),
        ],
        raw_options: &["that"],
        ..ModuleSpec::EMPTY
    };

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn names_become_canonical_and_null_is_absent() {
        let options = convert(&SPEC, map(json!({"dest": "/a", "force": null}))).unwrap();
        assert_eq!(Value::Object(options), json!({"path": "/a"}));
        for (given, expected) in [
            (json!({"dest": null}), "`sample` needs `path`"),
            (json!({"dest": "/a", "path": "/b"}), "option `path` of `sample` is given twice, once as `path`"),
            (
                json!({"path": "/a", "forse": true}),
                "`sample` has no option `forse`\nhint: did you mean `force`?",
            ),
            (
                json!({"path": "/a", "force": "x"}),
                "option `force` of `sample`: 'x' is not a boolean\nhint: write `true` or `false`",
            ),
        ] {
            assert_eq!(convert(&SPEC, map(given)).unwrap_err().message, expected);
        }
    }
}
