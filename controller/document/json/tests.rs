//! Edits by table, and properties that hold for every document.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::JsonEdit;
use crate::document::{Edited, Problem};

fn edit(set: Value, remove: &[&[&str]]) -> JsonEdit {
    let Value::Object(set) = set else { panic!("a mapping") };
    let remove = remove.iter().map(|path| path.iter().map(|key| (*key).to_owned()).collect()).collect();
    JsonEdit::new(set, remove).unwrap()
}

fn apply(text: &str, set: Value, remove: &[&[&str]]) -> Result<Edited, Problem> {
    let edit = edit(set, remove);
    let edited = edit.apply(text.as_bytes())?;
    let again = edit.apply(edited.text.as_bytes()).unwrap();
    assert_eq!((again.text.as_str(), again.changes.len()), (edited.text.as_str(), 0), "not settled: {text}");
    Ok(edited)
}

fn becomes(text: &str, set: Value, remove: &[&[&str]], expected: &str) {
    assert_eq!(apply(text, set, remove).unwrap().text, expected);
}

const SHIPPED: &str = "\u{feff}{\r\n    // The server.\r\n    \"ApplicationUri\": \"<server>\", /* no slash */\r\n    \"Cors\": { \"AllowAnyHeader\": false },\r\n    \"Empty\": {},\r\n    \"Serilog\": {\r\n        \"Using\": [\r\n            \"A\",\r\n        ],\r\n    }, // trailing comma\r\n}\r\n";

#[test]
fn what_is_right_stays_byte_for_byte() {
    becomes(
        SHIPPED,
        json!({"Cors": {"AllowAnyHeader": false}, "Serilog": {"Using": ["A"]}}),
        &[&["Nothing"]],
        SHIPPED,
    );
    becomes(SHIPPED, json!({}), &[], SHIPPED);
    becomes(SHIPPED, json!({"Serilog": {}}), &[], SHIPPED);
}

#[test]
fn edits_keep_comments_ends_marks_and_commas() {
    let edited = apply(
        SHIPPED,
        json!({"ApplicationUri": "https://a.example", "Cors": {"AllowAnyMethod": true}, "Empty": {"A": {"B": null}},
               "Serilog": {"Level": "Error"}, "New": [1, {"a": "\\"}]}),
        &[],
    )
    .unwrap();
    let expected = "\u{feff}{\r\n    // The server.\r\n    \"ApplicationUri\": \"https://a.example\", /* no slash */\r\n    \"Cors\": { \"AllowAnyHeader\": false, \"AllowAnyMethod\": true },\r\n    \"Empty\": {\r\n        \"A\": {\r\n            \"B\": null\r\n        }\r\n    },\r\n    \"Serilog\": {\r\n        \"Using\": [\r\n            \"A\",\r\n        ],\r\n        \"Level\": \"Error\",\r\n    }, // trailing comma\r\n    \"New\": [\r\n        1,\r\n        {\r\n            \"a\": \"\\\\\"\r\n        }\r\n    ],\r\n}\r\n";
    assert_eq!(edited.text, expected);
    assert_eq!(edited.changes, ["ApplicationUri", "Cors.AllowAnyMethod", "Empty.A", "Serilog.Level", "New"]);
}

#[test]
fn members_go_with_their_line() {
    let text = "{\n  \"A\": 1,\n  // about B\n  \"B\": 2, // two\n  \"C\": 3\n}\n";
    becomes(text, json!({}), &[&["B"]], "{\n  \"A\": 1,\n  // about B\n  \"C\": 3\n}\n");
    becomes(text, json!({}), &[&["C"]], "{\n  \"A\": 1,\n  // about B\n  \"B\": 2 // two\n}\n");
    becomes(text, json!({}), &[&["A"], &["B"], &["C"]], "{\n  // about B\n}\n");
    becomes("{ \"A\": 1, \"B\": 2 }", json!({}), &[&["B"]], "{ \"A\": 1 }");
    becomes("{ \"A\": 1, \"B\": 2 }", json!({}), &[&["A"]], "{ \"B\": 2 }");
    becomes("{\"A\":{\"B.C\":1,\"D\":2},}", json!({}), &[&["A", "B.C"]], "{\"A\":{\"D\":2},}");
}

#[test]
fn members_are_added_in_the_style_of_their_object() {
    becomes("{}", json!({"A": {"B": [1, 2]}}), &[], "{\n  \"A\": {\n    \"B\": [1, 2]\n  }\n}");
    becomes("{\n\t\"A\": 1 // one\n}", json!({"B": 2}), &[], "{\n\t\"A\": 1, // one\n\t\"B\": 2\n}");
    becomes("{\n  \"A\": 1 }", json!({"B": 2}), &[], "{\n  \"A\": 1,\n  \"B\": 2\n }");
    becomes("{ // none\n}", json!({"B": 2}), &[], "{ // none\n  \"B\": 2\n}");
    becomes("{ \"A\": 1, }", json!({"B": {"C": "d"}}), &[], "{ \"A\": 1, \"B\": { \"C\": \"d\" }, }");
}

#[test]
fn remove_with_set_replaces_whole() {
    let text = "{\n  \"AD\": { \"Old\": 1, \"Server\": \"a\" },\n  \"Z\": [1]\n}\n";
    let wanted = json!({"AD": {"Server": "a"}, "Z": "z"});
    becomes(
        text,
        wanted,
        &[&["AD"], &["Z"]],
        "{\n  \"AD\": {\n    \"Server\": \"a\"\n  },\n  \"Z\": \"z\"\n}\n",
    );
    let same = "{\n  \"AD\": { \"Server\": \"a\" }\n}\n";
    becomes(same, json!({"AD": {"Server": "a"}}), &[&["AD"]], same);
}

#[test]
fn mistakes_have_their_place_and_no_value() {
    let text = "{\n  \"OpenId\": { \"Secret\": \"hidden\" },\n  \"List\": [ 1 ]\n}\n";
    for (set, remove, place, expected) in [
        (json!({"openid": {}}), vec![], (2, 3), "`openid` is written `OpenId` here"),
        (json!({"OpenId": {"secret": "x"}}), vec![], (2, 15), "is written `Secret` here"),
        (json!({"OpenId": "x"}), vec![], (2, 13), "`OpenId` is a mapping here"),
        (json!({"List": "x"}), vec![], (3, 11), "`List` is a list here"),
        (json!({}), vec!["OPENID"], (2, 3), "`OPENID` is written `OpenId` here"),
        (json!({}), vec!["List", "0"], (3, 11), "`remove` goes into the list"),
    ] {
        let problem = apply(text, set, &[&remove[..]][..usize::from(!remove.is_empty())]).unwrap_err();
        assert_eq!((problem.line, problem.column), place, "{problem}");
        assert!(problem.message.contains(expected) && !problem.message.contains("hidden"), "{problem}");
        assert!(problem.message.contains("\nhint: "), "{problem}");
    }
}

#[test]
fn documents_that_dotnet_does_not_read_are_refused() {
    let deep = format!("{}1{}", "{\"a\":".repeat(65), "}".repeat(65));
    for (text, place, expected) in [
        ("", (1, 1), "the file is empty"),
        ("[]", (1, 1), "settings are an object"),
        ("{\"a\": 1 \"b\": 2}", (1, 9), "`,` or `}` is expected here"),
        ("{\n  \"a\": 1,\n  \"A\": 2\n}", (3, 3), "`A` is there already: `a` at 2:3"),
        ("{\"A\": {\"B\": 1}, \"a:b\": 2}", (1, 24), "`a:b` is there already: `A:B` at 1:13"),
        ("{\"a\": \"C:\\Users\"}", (1, 7), "a backslash is written twice"),
        ("{\"a\": \"x", (1, 7), "no closing"),
        ("{\"a\": 'x'}", (1, 7), "a value is expected here"),
        ("{a: 1}", (1, 2), "a key in double quotes"),
        ("{\"a\": 01}", (1, 7), "this is no value"),
        ("{\"a\": <server>}", (1, 7), "a value is expected here, and this is `<`"),
        ("{} x", (1, 4), "something follows"),
        ("{ /* }", (1, 3), "no end"),
        ("{\"a\": 1,, }", (1, 9), "a key in double quotes"),
        (deep.as_str(), (1, 321), "64 levels"),
    ] {
        let problem = apply(text, json!({"z": 1}), &[]).unwrap_err();
        assert!(problem.message.contains(expected), "{text}: {problem}");
        if text.len() < 100 && !expected.contains("backslash") {
            assert_eq!((problem.line, problem.column), place, "{text}: {problem}");
        }
    }
    for bytes in [&b"\xff\xfe{\0}\0"[..], b"{\"a\": \"\xe9\"}"] {
        assert!(edit(json!({}), &[]).apply(bytes).unwrap_err().message.contains("UTF-8"));
    }
}

#[test]
fn keys_of_the_task_are_checked() {
    for set in
        [json!({"a": 1, "A": 2}), json!({"x": {"": 1}}), json!({"x": [{"a": 1, "A": 1}]}), json!({"a:b": 1})]
    {
        let Value::Object(set) = set else { panic!() };
        assert!(JsonEdit::new(set.clone(), Vec::new()).is_err(), "{set:?}");
    }
    assert!(JsonEdit::new(Map::new(), vec![vec![]]).is_err());
}

#[test]
fn differences_do_not_show_secrets() {
    let before = r#"{
  // "Password": "commented-out"
  "OpenId": { "AgentIdentifier": "Paris", "OpenIdClients": { "Job": "old-clear" } },
  "IdentityServer": { "X509KeyFilePassword": "same-word", "X509KeyFilePath": "./a.pfx" },
  "Databases": { "A": "data source=sql1;Password=in-text" },
  "Embedded": "{\"Password\": \"inner\"}"
}"#;
    let edit =
        edit(json!({"OpenId": {"AgentIdentifier": "Lyon", "OpenIdClients": {"Job": "new-clear"}}}), &[]);
    let after = edit.apply(before.as_bytes()).unwrap().text;
    let (old, new) = edit.shown(before, &after);
    for secret in ["commented-out", "old-clear", "new-clear", "same-word", "in-text", "inner"] {
        assert!(!old.contains(secret) && !new.contains(secret), "{secret}: {old}\n{new}");
    }
    assert!(old.contains("\"Paris\"") && new.contains("\"Lyon\"") && new.contains("./a.pfx"), "{new}");
    assert!(new.contains("\"Job\": \"******** (new)\"") && !old.contains("(new)"), "{new}");
    assert_eq!(edit.shown("", "{}"), (String::new(), "{}".to_owned()));
    assert_eq!(edit.shown("{ broken, \"Password\": \"x\"", "{}").0, "********\n");
}

/// A document with its value, written with comments, blanks and trailing commas.
fn document() -> impl Strategy<Value = (Value, String)> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\/é\n]{0,6}".prop_map(Value::from),
    ];
    let value = scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-e]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let root = prop::collection::btree_map("[a-e]", value, 0..5)
        .prop_map(|members| Value::Object(members.into_iter().collect()));
    (root, prop::collection::vec(0_u8..8, 64)).prop_map(|(root, noise)| {
        let mut text = String::new();
        write(&root, &mut text, &mut noise.iter().copied().cycle());
        (root, text)
    })
}

fn blank(text: &mut String, noise: &mut impl Iterator<Item = u8>) {
    text.push_str(match noise.next().unwrap() {
        0 => " // a, \"b\" }\n",
        1 => "/* ], */",
        2 => "\n  ",
        3 => "\r\n\t",
        4 => " ",
        _ => "",
    });
}

fn write(value: &Value, text: &mut String, noise: &mut impl Iterator<Item = u8>) {
    let comma = |text: &mut String, last: bool, noise: &mut dyn Iterator<Item = u8>| {
        if !last || noise.next().unwrap() < 3 {
            text.push(',');
        }
    };
    match value {
        Value::Object(members) => {
            text.push('{');
            for (number, (key, value)) in members.iter().enumerate() {
                blank(text, noise);
                text.push_str(&Value::from(key.as_str()).to_string());
                blank(text, noise);
                text.push(':');
                blank(text, noise);
                write(value, text, noise);
                blank(text, noise);
                comma(text, number + 1 == members.len(), noise);
            }
            blank(text, noise);
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (number, item) in items.iter().enumerate() {
                blank(text, noise);
                write(item, text, noise);
                blank(text, noise);
                comma(text, number + 1 == items.len(), noise);
            }
            blank(text, noise);
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

/// The definition: what a document is after an edit.
fn merged(there: &mut Map<String, Value>, set: &Map<String, Value>) {
    for (key, value) in set {
        match (there.get_mut(key), value) {
            (Some(Value::Object(there)), Value::Object(set)) => merged(there, set),
            _ => drop(there.insert(key.clone(), value.clone())),
        }
    }
}

fn read(text: &str) -> Value {
    super::parse::parse(text).unwrap().root.value()
}

/// The comments of a text, in order.
fn comments(text: &str) -> Vec<String> {
    let document = super::parse::parse(text).unwrap();
    document.comments.iter().map(|span| text[span.clone()].trim_end().to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn setting_merges_and_settles((before, text) in document(), (set, _) in document()) {
        let Value::Object(set) = set else { unreachable!() };
        let edit = JsonEdit::new(set.clone(), Vec::new()).unwrap();
        let Value::Object(mut wanted) = before.clone() else { unreachable!() };
        merged(&mut wanted, &set);
        // A mapping or list in the way of something else is refused, and nothing else is.
        if let Ok(edited) = edit.apply(text.as_bytes()) {
            prop_assert_eq!(read(&edited.text), Value::Object(wanted));
            prop_assert_eq!(edited.changes.is_empty(), edited.text == text);
            let again = edit.apply(edited.text.as_bytes()).unwrap();
            prop_assert_eq!(&again.text, &edited.text);
        }
    }

    #[test]
    fn what_is_added_is_all_that_differs((_, text) in document()) {
        let edit = JsonEdit::new(Map::from_iter([("zz".to_owned(), Value::from("new"))]), Vec::new()).unwrap();
        let added = edit.apply(text.as_bytes()).unwrap().text;
        // All of the old text is there, in order.
        let mut rest = added.chars();
        prop_assert!(text.chars().all(|char| rest.any(|other| other == char)), "{text}\n{added}");
        // Taken out again, the members are what they were.
        let back = JsonEdit::new(Map::new(), vec![vec!["zz".to_owned()]]).unwrap().apply(added.as_bytes()).unwrap();
        prop_assert_eq!(read(&back.text), read(&text));
        prop_assert_eq!(comments(&back.text), comments(&text));
    }

    #[test]
    fn removing_removes_and_settles((before, text) in document(), key in "[a-e]") {
        let edit = JsonEdit::new(Map::new(), vec![vec![key.clone()]]).unwrap();
        let edited = edit.apply(text.as_bytes()).unwrap();
        let Value::Object(mut wanted) = before else { unreachable!() };
        let there = wanted.remove(&key).is_some();
        prop_assert_eq!(read(&edited.text), Value::Object(wanted));
        prop_assert_eq!(there, edited.text != text);
    }

    #[test]
    fn no_text_is_a_panic(text in "[\\[\\]{}\":,/*a1\\\\ \n\r\u{feff}é-]{0,40}") {
        let edit = edit(json!({"a": {"b": 1}}), &[&["c", "d"]]);
        if let Ok(edited) = edit.apply(text.as_bytes()) {
            prop_assert_eq!(edit.apply(edited.text.as_bytes()).unwrap().text, edited.text);
        }
        edit.shown(&text, &text);
    }
}
