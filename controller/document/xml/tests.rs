//! Edits by table, and properties that hold for every document.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ElementEdit, ElementPath, XmlEdit};
use crate::document::{Edited, Problem};

fn namespaces() -> BTreeMap<String, String> {
    BTreeMap::from([("c".to_owned(), "urn:c".to_owned())])
}

fn element(edit: &Value) -> Result<ElementEdit, String> {
    let path = ElementPath::parse(edit["path"].as_str().unwrap(), &namespaces())?;
    let attributes = edit["attributes"].as_object().cloned().unwrap_or_default();
    let text = edit["text"].as_str().map(str::to_owned);
    ElementEdit::new(path, &attributes, text, edit["state"] == "absent", edit["create"] == true)
}

fn edit(edits: Value) -> XmlEdit {
    XmlEdit::new(edits.as_array().unwrap().iter().map(|edit| element(edit).unwrap()).collect())
}

fn apply(text: &str, edits: Value) -> Result<Edited, Problem> {
    let edit = edit(edits);
    let edited = edit.apply(text.as_bytes())?;
    let again = edit.apply(edited.text.as_bytes()).unwrap();
    assert_eq!((again.text.as_str(), again.changes.len()), (edited.text.as_str(), 0), "not settled: {text}");
    Ok(edited)
}

fn becomes(text: &str, edits: Value, expected: &str) {
    assert_eq!(apply(text, edits).unwrap().text, expected);
}

const SHIPPED: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<configuration>\r\n  <!-- shipped -->\r\n  <location path=\".\" inheritInChildApplications=\"false\">\r\n    <system.webServer>\r\n      <aspNetCore processPath='dotnet' arguments=\".\\Server.dll\"\r\n                  stdoutLogEnabled=\"false\" />\r\n    </system.webServer>\r\n  </location>\r\n</configuration>\r\n";

#[test]
fn what_is_right_stays_byte_for_byte() {
    becomes(
        SHIPPED,
        json!([{"path": "//aspNetCore", "attributes": {"processPath": "dotnet", "stdoutLogEnabled": false, "x": null}},
               {"path": "/configuration/location[@path='.']", "create": true},
               {"path": "//nothing", "state": "absent"}]),
        SHIPPED,
    );
}

#[test]
fn a_web_config_is_edited_in_its_style() {
    let edited = apply(
        SHIPPED,
        json!([
            {"path": "//aspNetCore", "attributes": {"processPath": "it's", "arguments": "./Usercube-Agent.dll", "hostingModel": "inprocess"}},
            {"path": "//system.webServer/applicationInitialization", "create": true, "attributes": {"doAppInitAfterRestart": true}},
            {"path": "//system.webServer/applicationInitialization/add[@initializationPage='/']", "create": true},
            {"path": "//aspNetCore/environmentVariables/environmentVariable[@name='NO_PROXY']", "create": true, "attributes": {"value": ".a & <b> \"c\""}},
        ]),
    )
    .unwrap();
    let expected = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<configuration>\r\n  <!-- shipped -->\r\n  <location path=\".\" inheritInChildApplications=\"false\">\r\n    <system.webServer>\r\n      <aspNetCore processPath='it&apos;s' arguments=\"./Usercube-Agent.dll\"\r\n                  stdoutLogEnabled=\"false\"\r\n                  hostingModel=\"inprocess\">\r\n        <environmentVariables>\r\n          <environmentVariable name=\"NO_PROXY\" value=\".a &amp; &lt;b&gt; &quot;c&quot;\" />\r\n        </environmentVariables>\r\n      </aspNetCore>\r\n      <applicationInitialization doAppInitAfterRestart=\"true\">\r\n        <add initializationPage=\"/\" />\r\n      </applicationInitialization>\r\n    </system.webServer>\r\n  </location>\r\n</configuration>\r\n";
    assert_eq!(edited.text, expected);
    assert_eq!(edited.changes[0], "//aspNetCore/@processPath");
}

#[test]
fn elements_attributes_and_texts_go_and_change() {
    let text = "<a>\n  <b k=\"1\" v=\"x\"/>\n  <b k=\"2\">old &lt;</b>\n  <c/><d></d>\n</a>";
    becomes(
        text,
        json!([{"path": "/a/b[@k=\"1\"]", "state": "absent"}]),
        "<a>\n  <b k=\"2\">old &lt;</b>\n  <c/><d></d>\n</a>",
    );
    becomes(
        text,
        json!([{"path": "/a/b", "state": "absent"}, {"path": "/a/c", "state": "absent"}]),
        "<a>\n  <d></d>\n</a>",
    );
    becomes(
        text,
        json!([{"path": "/a/b[@k='1']", "attributes": {"v": null}}, {"path": "/a/b[@k='2']", "text": "new > &"}, {"path": "/a/c", "text": "c"}, {"path": "/a/d/e", "create": true}]),
        "<a>\n  <b k=\"1\"/>\n  <b k=\"2\">new &gt; &amp;</b>\n  <c>c</c><d>\n    <e />\n  </d>\n</a>",
    );
    becomes(text, json!([{"path": "/a/b[@k='2']", "text": "old <"}]), text);
    becomes(
        "<a><b/></a>",
        json!([{"path": "/a/n", "create": true, "attributes": {"x": 1.5}}]),
        "<a><b/><n x=\"1.5\" /></a>",
    );
    becomes(
        "<a x='1\n2'/>",
        json!([{"path": "/a", "attributes": {"x": "1 2", "y": "1\n2"}}]),
        "<a x='1\n2' y=\"1&#10;2\"/>",
    );
}

#[test]
fn namespaces_are_told_by_their_name() {
    let text = "<p:a xmlns:p=\"urn:c\"><p:b/><b/></p:a>";
    becomes(
        text,
        json!([{"path": "/c:a/c:b", "attributes": {"x": "1"}}]),
        "<p:a xmlns:p=\"urn:c\"><p:b x=\"1\"/><b/></p:a>",
    );
    becomes(
        text,
        json!([{"path": "/c:a/b", "attributes": {"x": "1"}}]),
        "<p:a xmlns:p=\"urn:c\"><p:b/><b x=\"1\"/></p:a>",
    );
    becomes(
        text,
        json!([{"path": "/c:a/c:n", "create": true}]),
        "<p:a xmlns:p=\"urn:c\"><p:b/><b/><p:n /></p:a>",
    );
    becomes(
        "<a xmlns=\"urn:c\">\n</a>",
        json!([{"path": "/c:a/c:b", "create": true}]),
        "<a xmlns=\"urn:c\">\n  <b />\n</a>",
    );
}

#[test]
fn mistakes_have_their_place_and_no_value() {
    let text = "<a>\n  <b K=\"hidden\"/>\n  <b/>\n  <c><d/></c>\n</a>\n";
    for (edit, place, expected) in [
        (json!({"path": "/a/b", "attributes": {"x": 1}}), (2, 3), "2 elements are `/a/b`: at 2:3, 3:3"),
        (json!({"path": "/a/b[@K='hidden']", "attributes": {"k": 1}}), (2, 6), "`k` is written `K` here"),
        (json!({"path": "/a/x/y", "attributes": {"k": 1}}), (1, 1), "`/a/x/y` is not there"),
        (json!({"path": "/z/y", "create": true}), (1, 1), "starts with another root element"),
        (json!({"path": "/a//y", "create": true}), (1, 1), "its place is not known"),
        (json!({"path": "/a/C", "create": true}), (4, 3), "`C` is written `c` here"),
        (json!({"path": "/a/b/y", "create": true}), (2, 3), "2 elements are what is above `/a/b/y`"),
        (json!({"path": "/a/c", "text": "x"}), (4, 3), "holds more than text"),
        (json!({"path": "/a/c:n", "create": true}), (1, 1), "in another namespace"),
        (json!({"path": "/a", "state": "absent"}), (1, 1), "the root element cannot be removed"),
    ] {
        let problem = apply(text, json!([edit])).unwrap_err();
        assert!(problem.message.contains(expected) && !problem.message.contains("=hidden"), "{problem}");
        assert_eq!((problem.line, problem.column), place, "{problem}");
    }
    let against = json!([{"path": "/a/c", "attributes": {"x": 1}}, {"path": "/a/c", "attributes": {"x": 2}}]);
    assert!(edit(against).apply(text.as_bytes()).unwrap_err().message.contains("contradict"));
}

#[test]
fn documents_that_could_do_harm_are_refused() {
    let deep = "<a>".repeat(300);
    for (text, expected) in [
        ("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>", "document type"),
        ("<a>&x;</a>", "not one of XML's own"),
        ("<a b=\"&x;\"/>", "not one of XML's own"),
        ("<a>", "`a` has no end tag"),
        ("<a></b>", "not well-formed"),
        ("<a/><b/>", "second root"),
        ("<a/>text", "outside of the root"),
        ("text", "outside of the root"),
        ("", "no element"),
        ("<a b='1' b='2'/>", "attributes of this tag"),
        ("<a b=1/>", "attributes of this tag"),
        ("<a b='<'/>", "`&lt;`"),
        ("<p:a/>", "prefix `p` is not declared"),
        ("<?xml version=\"1.0\" encoding=\"utf-16\"?><a/>", "not UTF-8"),
        ("<a><!-- x", "not well-formed"),
        (deep.as_str(), "deeper than 256"),
    ] {
        let problem = apply(text, json!([{"path": "//nothing", "state": "absent"}])).expect_err(text);
        assert!(problem.message.contains(expected), "{text}: {problem}");
    }
}

#[test]
fn edits_of_the_task_are_checked() {
    for (edit, expected) in [
        (json!({"path": "a"}), "`/` is expected at column 1"),
        (json!({"path": "/a["}), "`@` and the name"),
        (json!({"path": "/a[1]"}), "`@` and the name"),
        (json!({"path": "/a[@b=c]"}), "a value in quotes"),
        (json!({"path": "/a[@b='c"}), "a closing quote"),
        (json!({"path": "/a/@b"}), "a name"),
        (json!({"path": ""}), "a path is empty"),
        (json!({"path": "/q:a"}), "the prefix `q` is unknown"),
        (json!({"path": "/a"}), "nothing to do"),
        (json!({"path": "/a", "attributes": {"a b": 1}}), "is not the name of an attribute"),
        (json!({"path": "/a", "attributes": {"a": [1]}}), "not a text, a number or a boolean"),
        (json!({"path": "/a", "attributes": {"a": "\u{1}"}}), "cannot be part of XML"),
        (json!({"path": "/a[@k='1']", "attributes": {"k": "2"}}), "would not be found again"),
        (json!({"path": "/a", "state": "absent", "text": "x"}), "takes no `attributes`"),
    ] {
        let error = element(&edit).expect_err(&edit.to_string());
        assert!(error.contains(expected), "{edit}: {error}");
    }
}

#[test]
fn differences_do_not_show_secrets() {
    let before = "<c>\n  <!-- old password: commented -->\n  <add key=\"ApiSecret\" value=\"in-value\"/>\n  <x password='in-attribute' other=\"seen\"/>\n  <DbPassword>in-text</DbPassword>\n  <v name=\"HTTPS_PROXY\" value=\"http://user:in-url@p.example\"/>\n  <connectionStrings><add name=\"a\" connectionString=\"in-section\"/></connectionStrings>\n</c>";
    let edit = edit(json!([{"path": "/c/x", "attributes": {"password": "brand-new", "other": "open"}}]));
    let after = edit.apply(before.as_bytes()).unwrap().text;
    let (old, new) = edit.shown(before, &after);
    for secret in ["commented", "in-value", "in-attribute", "in-text", "in-url", "in-section", "brand-new"] {
        assert!(!old.contains(secret) && !new.contains(secret), "{secret}: {old}\n{new}");
    }
    assert!(old.contains("password='********' other=\"seen\""), "{old}");
    assert!(new.contains("password='******** (new)' other=\"open\""), "{new}");
    assert_eq!(new.matches("(new)").count(), 1, "{new}");
}

/// A document of elements `a` to `c` with comments, texts and attributes.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("<!-- <b x='1'/> -->".to_owned()),
        Just("\n  ".to_owned()),
        Just("text &amp; more".to_owned()),
        Just("<![CDATA[<a>]]>".to_owned()),
        Just("<b/>".to_owned()),
        Just("<c x = '1'\n y=\"&lt;\" />".to_owned()),
    ];
    let inner = leaf.prop_recursive(4, 30, 4, |inner| {
        ("[abc]", prop::collection::vec(inner, 0..4), any::<bool>()).prop_map(
            |(name, children, attribute)| {
                let attribute = if attribute { " x=\"2\"" } else { "" };
                format!("<{name}{attribute}>{}</{name}>", children.concat())
            },
        )
    });
    prop::collection::vec(inner, 0..4).prop_map(|children| format!("<r>{}</r>\n", children.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_added_is_all_that_differs(text in document()) {
        let edits = json!([{"path": "/r/new[@k='v']", "create": true, "attributes": {"z": "<&\""}}]);
        let added = apply(&text, edits).unwrap();
        let mut rest = added.text.chars();
        prop_assert!(text.chars().all(|char| rest.any(|other| other == char)), "{text}\n{}", added.text);
        let back = apply(&added.text, json!([{"path": "/r/new", "state": "absent"}])).unwrap();
        let visible = |text: &str| text.split_whitespace().collect::<String>();
        prop_assert_eq!(visible(&back.text), visible(&text));
    }

    #[test]
    fn edits_settle_or_say_why(text in document(), name in "[abc]") {
        for edits in [
            json!([{"path": format!("//{name}"), "attributes": {"x": "3", "y": null}}]),
            json!([{"path": format!("//{name}"), "state": "absent"}]),
            json!([{"path": format!("/r/{name}"), "text": "t"}]),
            json!([{"path": format!("/r/{name}/b/c"), "create": true}]),
        ] {
            if let Err(problem) = apply(&text, edits) {
                prop_assert!(problem.message.contains("elements are") || problem.message.contains("not there") || problem.message.contains("more than text"), "{problem}");
            }
        }
    }

    #[test]
    fn no_text_is_a_panic(text in "[<>/&;!\\-\\[\\]\"'= abx?\n\u{feff}é]{0,40}") {
        let edit = edit(json!([{"path": "//a", "attributes": {"b": "x"}}, {"path": "//b", "state": "absent"}]));
        if let Ok(edited) = edit.apply(text.as_bytes()) {
            prop_assert_eq!(edit.apply(edited.text.as_bytes()).unwrap().text, edited.text);
        }
        edit.shown(&text, &text);
    }
}
