//! Tests of the whole folder: a table of expressions with the results that ansible-core 2.19 gave,
//! and what the engine promises beyond it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Binding, Engine, Lookups, Scope, ScopeDirectory, TemplateError, TextOptions};
use crate::source::{Diagnostics, Node, NodeValue, SourceFile, Span};

/// Variables for tests.
#[derive(Default)]
pub(super) struct Variables(pub(super) HashMap<String, Binding>);

impl Scope for Variables {
    fn lookup(&self, name: &str) -> Option<Binding> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

impl Variables {
    pub(super) fn source(variables: &Json) -> Self {
        let entries = variables.as_object().into_iter().flatten();
        Self(entries.map(|(name, value)| (name.clone(), Binding::Source(Arc::new(node(value))))).collect())
    }

    pub(super) fn data(variables: &Json) -> Self {
        let entries = variables.as_object().into_iter().flatten();
        Self(entries.map(|(name, value)| (name.clone(), Binding::Data(Arc::new(value.clone())))).collect())
    }

    pub(super) fn pending(name: &str) -> Self {
        Self(HashMap::from([(name.to_owned(), Binding::Pending)]))
    }
}

/// Makes a node of a value; its text lies in a file of its own.
pub(super) fn node(value: &Json) -> Node {
    let file = SourceFile::new("test.yml", "", value.as_str().unwrap_or_default());
    let span = Span::new(file.clone(), 0, file.text().len());
    let value = match value {
        Json::Null => NodeValue::Null,
        Json::Bool(value) => NodeValue::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => NodeValue::Int(integer),
            None if number.is_u64() => NodeValue::Large(number.as_u64().expect("it is one")),
            None => NodeValue::Float(number.as_f64().expect("a number is an integer or a float")),
        },
        Json::String(text) => NodeValue::String(text.clone()),
        Json::Array(items) => NodeValue::Sequence(items.iter().map(node).collect()),
        Json::Object(entries) => {
            NodeValue::Mapping(entries.iter().map(|(key, value)| (node(&json!(key)), node(value))).collect())
        }
    };
    Node::new(span, value)
}

pub(super) fn text(text: &str) -> Node {
    node(&json!(text))
}

fn render(template: &str, variables: &Variables) -> Result<Json, TemplateError> {
    Engine::new().render(&text(template), variables)
}

#[test]
fn gives_what_ansible_gives() {
    let cases: Vec<Json> = serde_json::from_str(include_str!("cases.json")).expect("the table is JSON");
    let engine = Engine::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let template = case["text"].as_str().expect("each case has a text");
        let variables = Variables::source(&case["variables"]);
        let result = if case["condition"] == true {
            engine.condition(&text(template), &variables).map(Json::from)
        } else {
            engine.render(&text(template), &variables)
        };
        let fits = match (&result, case.get("value")) {
            (Ok(value), Some(expected)) => value == expected,
            (Err(_), None) => true,
            _ => false,
        };
        if !fits {
            let shown = result.map_or_else(|error| format!("error: {error}"), |value| value.to_string());
            wrong.push(format!(
                "{template:?}\n  ansible: {}\n  here:    {shown}",
                case.get("value").unwrap_or(&json!("error"))
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn makes_the_files_that_ansible_makes() {
    let cases: Vec<Json> = serde_json::from_str(include_str!("files.json")).expect("the table is JSON");
    let variables = Variables::source(&json!({
        "x": "ex", "n": null, "l": ["a", "b"], "t": true, "d": { "k": [1] }, "nl": "p\nq",
    }));
    let engine = Engine::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let options = &case["options"];
        let mut chosen = TextOptions::default();
        let set = |name: &str, target: &mut String| {
            if let Some(text) = options[name].as_str() {
                text.clone_into(target);
            }
        };
        set("newline_sequence", &mut chosen.newline_sequence);
        set("variable_start_string", &mut chosen.variable_start_string);
        set("variable_end_string", &mut chosen.variable_end_string);
        set("block_start_string", &mut chosen.block_start_string);
        set("block_end_string", &mut chosen.block_end_string);
        chosen.trim_blocks = options["trim_blocks"].as_bool().unwrap_or(true);
        chosen.lstrip_blocks = options["lstrip_blocks"].as_bool().unwrap_or(false);
        let file = SourceFile::new("t.j2", "", case["text"].as_str().expect("each case has a text"));
        let result = engine.text(&file, &chosen, &variables);
        if result.as_ref().ok().map(String::as_str) != case["value"].as_str() {
            wrong.push(format!("{case}\n  here: {result:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn waits_for_what_is_pending_even_when_hidden() {
    for template in ["{{ r.rc }}", "{{ r | default(1) }}", "{{ r is defined }}", "{{ v }}", "x {{ w.a }}"] {
        let mut variables = Variables::pending("r");
        variables.0.extend(Variables::source(&json!({ "v": "{{ r.rc }}", "w": { "a": "{{ v }}" } })).0);
        match render(template, &variables) {
            Err(TemplateError::Pending { name }) => assert_eq!(name, "r", "{template}"),
            other => panic!("{template}: {other:?}"),
        }
    }
    let condition = Engine::new().condition(&text("r.rc == 0"), &Variables::pending("r"));
    assert!(matches!(condition, Err(TemplateError::Pending { .. })), "{condition:?}");
    let other = render("{{ 1 if true else r.rc }}", &Variables::pending("r"));
    assert_eq!(other.expect("what is not read is not waited for"), 1);
}

#[test]
fn says_where_and_what_is_wrong() {
    let cases = [
        ("{{ nme }}", "test.yml:1:4", "`nme` is undefined", "did you mean `name`?"),
        (
            "a {{ host.adress }}",
            "test.yml:1:6",
            "the dictionary has no entry `adress`",
            "did you mean `address`?",
        ),
        ("{{ name | lenght }}", "test.yml:1:11", "unknown filter `lenght`", "did you mean `length`?"),
        ("{{ name is defind }}", "test.yml:1:12", "unknown test `defind`", "did you mean `defined`?"),
        ("{{ name | map('uper') }}", "test.yml:1:15", "unknown filter `uper`", "did you mean `upper`?"),
        ("{{ nope() }}", "test.yml:1:4", "unknown function `nope`", ""),
        (
            "{{ lookup('pipe', 'id') }}",
            "test.yml:1:11",
            "the lookup `pipe` is not supported",
            "it runs a command on the controller",
        ),
        (
            "{{ name | default(boolaen=true) }}",
            "test.yml:1:11",
            "`default` has no argument `boolaen`",
            "did you mean `boolean`?",
        ),
        ("x {% include 'a' %}", "test.yml:1:6", "`{% include %}` is not supported", ""),
        (
            "{{ name | random }}",
            "test.yml:1:11",
            "the filter `random` is not supported",
            "the same on every run",
        ),
        ("{{ 'a' + 1 }}", "test.yml:1:4", "`+` does not work on `str` and `int`", "`~`"),
        ("{{ name", "test.yml:1:4", "unexpected end of input", ""),
    ];
    let variables = Variables::source(&json!({ "name": "n", "host": { "address": "a" } }));
    let mut wrong = Vec::new();
    for (template, place, message, hint) in cases {
        let error = render(template, &variables).expect_err(template).into_diagnostic();
        let found = error.span.as_ref().map(Span::place).unwrap_or_default();
        let fits = found == place
            && error.message.contains(message)
            && error.hint.clone().unwrap_or_default().contains(hint);
        if !fits {
            wrong.push(format!("{template}: {found} {} ({:?})", error.message, error.hint));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn finds_mistakes_before_rendering() {
    let engine = Engine::new();
    let tree =
        node(&json!({ "a": ["{{ x | nope }}"], "b": { "c": "{{ y is nope }} {{ z" }, "d": "plain {x}" }));
    let mut diagnostics = Diagnostics::default();
    engine.check(&tree, &mut diagnostics);
    engine.check_condition(&text("x == "), &mut diagnostics);
    engine.check_condition(&text("{{ x }} == 1"), &mut diagnostics);
    engine.check_condition(&text("'{{ x }}' == 'a'"), &mut diagnostics);
    engine.check_condition(&text("lookup('url', 'x') == 1"), &mut diagnostics);
    engine.check_condition(&node(&json!(["a == 1", "b | nope"])), &mut diagnostics);
    engine.check_condition(&node(&json!(1)), &mut diagnostics);
    let file = SourceFile::new("t.j2", "", "one\r\n{{ a }}\r\n{{ b | nope }}\r\n");
    engine.check_text(&file, &TextOptions::default(), &mut diagnostics);
    engine.check(&text("{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}"), &mut diagnostics);
    assert_eq!(diagnostics.0.len(), 11, "{:?}", diagnostics.0);
    diagnostics.0.truncate(9);
    let last = diagnostics.0.last().and_then(|diagnostic| diagnostic.span.as_ref()).map(Span::place);
    assert_eq!(last.as_deref(), Some("t.j2:3:8"));
}

#[test]
fn accepts_what_is_right_before_rendering() {
    let engine = Engine::new();
    let mut diagnostics = Diagnostics::default();
    let right = "{% macro m(a, kwargs) %}{{ a }}{{ kwargs }}{% endmacro %}{{ m(1, 2) }}{{ varargs }}{% for x in range(3) %}{{ loop.index }}{% endfor %}\
                 {{ x | ansible.builtin.default(omit) }} {{ y is ansible.builtin.version('1', '>') }}\
                 {% set ns = namespace(a=1) %}{{ lookup('ansible.builtin.file', 'a') }}{{ z | map('int') | select('odd') }}";
    engine.check(&text(right), &mut diagnostics);
    engine.check_condition(&text("{{ x }}"), &mut diagnostics);
    engine.check_condition(&node(&json!(true)), &mut diagnostics);
    assert!(diagnostics.0.is_empty(), "{:?}", diagnostics.0);
}

#[test]
fn names_the_chain_of_a_cycle() {
    let variables = Variables::source(&json!({ "a": "{{ b }}", "b": "x{{ c }}", "c": "{{ a }}" }));
    let error = render("{{ a }}", &variables).expect_err("a cycle cannot be rendered");
    assert!(error.to_string().contains("`a` -> `b` -> `c` -> `a`"), "{error}");
    let error = render("{{ a | default('x') }}", &variables).expect_err("a cycle is not undefined");
    assert!(matches!(error, TemplateError::Failed(_)), "{error}");
}

#[test]
fn reads_long_chains_on_a_small_stack() {
    let chain = |length: usize| {
        let mut variables = serde_json::Map::new();
        for index in 0..length {
            variables.insert(format!("v{index}"), json!(format!("{{{{ v{} }}}}", index + 1)));
        }
        variables.insert(format!("v{length}"), json!("end"));
        Json::Object(variables)
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        assert_eq!(render("{{ v0 }}", &Variables::source(&chain(20))).expect("a chain of 20 is fine"), "end");
        let error =
            render("{{ v0 }}", &Variables::source(&chain(60))).expect_err("a chain of 60 is too long");
        assert!(error.to_string().contains("too deep"), "{error}");
        let recursion = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
        render(recursion, &Variables::default()).expect_err("endless recursion ends");
        let nested = format!("{{{{ {}1{} }}}}", "[".repeat(5000), "]".repeat(5000));
        render(&nested, &Variables::default()).expect_err("deep nesting is refused");
    });
    thread.expect("a thread starts").join().expect("the stack suffices");
}

#[test]
fn ends_what_would_not_end() {
    let endless =
        "{% for a in range(100000) %}{% for b in range(100000) %}{{ a * b }}{% endfor %}{% endfor %}";
    let error = render(endless, &Variables::default()).expect_err("fuel runs out");
    assert!(error.to_string().contains("takes too long"), "{error}");
    for template in [
        "{{ 'a' * 10000000000 }}",
        "{{ range(1000000000000) }}",
        "{{ 'x' | center(99999999999) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 2 ** 999999 }}",
        "{{ range(1000) | product(range(1000), range(1000)) }}",
        "{{ ('a' * 40) | regex_search('(a+)+b$') }}",
    ] {
        let result = render(template, &Variables::default());
        assert!(result.is_err() || result.is_ok_and(|value| value.is_null()), "{template}");
    }
}

#[test]
fn drops_what_is_omitted() {
    let variables =
        Variables::source(&json!({ "mode": "{{ omit }}", "inner": { "a": "{{ omit }}", "b": 1 } }));
    let tree = node(&json!({
        "owner": "{{ nobody | default(omit) }}", "mode": "{{ mode }}", "list": [1, "{{ omit }}"], "inner": "{{ inner }}",
    }));
    let engine = Engine::new();
    assert_eq!(
        engine.render(&tree, &variables).expect("it renders"),
        json!({ "list": [1], "inner": { "b": 1 } })
    );
    assert!(engine.render(&text("{{ omit }}"), &variables).is_err());
    assert_eq!(engine.render_option(&text("{{ omit }}"), &variables).expect("it renders"), None);
}

#[derive(Debug)]
struct Hosts;

impl ScopeDirectory for Hosts {
    fn with_scope(&self, name: &str, read: &mut dyn FnMut(&dyn Scope)) -> bool {
        let variables = match name {
            "a" => {
                json!({ "own": "of {{ me }}", "me": "a", "ring": "{{ hostvars['b'].ring }}", "bad": "{{ nope }}" })
            }
            "b" => json!({ "ring": "{{ hostvars['a'].ring }}" }),
            _ => return false,
        };
        read(&with_hosts(&variables));
        true
    }

    fn names(&self) -> Vec<String> {
        vec!["a".to_owned(), "b".to_owned()]
    }
}

fn with_hosts(variables: &Json) -> Variables {
    let mut variables = Variables::source(variables);
    variables.0.insert("hostvars".to_owned(), Binding::Scopes(Arc::new(Hosts)));
    variables
}

#[test]
fn reads_the_variables_of_other_hosts() {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let variables = with_hosts(&json!({ "me": "here", "other": "a" }));
        let render = |template: &str| render(template, &variables);
        assert_eq!(render("{{ hostvars[other].own }} {{ me }}").expect("it renders"), "of a here");
        assert_eq!(
            render("{{ hostvars | list }} {{ 'c' in hostvars }}").expect("it renders"),
            "['a', 'b'] False"
        );
        assert_eq!(render("{{ hostvars['c'].x | default(1) }}").expect("it renders"), 1);
        assert_eq!(render("{{ hostvars['a'].bad | default(2) }}").expect("it renders"), 2);
        let error = render("{{ hostvars['a'].ring }}").expect_err("a ring ends nowhere");
        assert!(error.to_string().contains("refer to each other"), "{error}");
    });
    thread.expect("a thread starts").join().expect("the stack suffices");
}

#[test]
fn turns_results_into_text() {
    let engine = Engine::new();
    let variables = Variables::source(&json!({ "t": true, "l": ["a", 1], "n": null, "f": 1.0 }));
    for (template, expected) in
        [("{{ t }}", "True"), ("{{ l }}", "['a', 1]"), ("{{ f }}", "1.0"), ("a{{ n }}", "a")]
    {
        assert_eq!(engine.render_string(&text(template), &variables).expect("it renders"), expected);
    }
}

#[test]
fn reads_unsafe_text_as_it_stands_and_refuses_ciphertext() {
    let place = text("x").span;
    let mut variables = Variables::default();
    let raw = Node::new(place.clone(), NodeValue::Unsafe("{{ evil }}".to_owned()));
    let secret = Node::new(place, NodeValue::Vault("$ANSIBLE_VAULT;1.1;AES256\n3330\n".to_owned()));
    variables.0.insert("raw".to_owned(), Binding::Source(Arc::new(raw.clone())));
    variables.0.insert("secret".to_owned(), Binding::Source(Arc::new(secret.clone())));
    assert_eq!(render("{{ raw }}", &variables).expect("it renders"), "{{ evil }}");
    assert_eq!(Engine::new().render(&raw, &variables).expect("it renders"), "{{ evil }}");
    assert!(render("{{ secret }}", &variables).expect_err("it is encrypted").to_string().contains("decrypt"));
    assert!(Engine::new().render(&secret, &variables).is_err());
}

struct Files;

impl Lookups for Files {
    fn find(&self, _: &str, _: &str, _: &[std::path::PathBuf]) -> Option<String> {
        None
    }

    fn glob(&self, _: &str, _: &str, _: &[std::path::PathBuf]) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    fn file(&self, path: &str, _: &[PathBuf]) -> Result<String, String> {
        if path == "a" {
            Ok("from {{ a }}\n\n".to_owned())
        } else {
            Err(format!("there is no file `{path}`"))
        }
    }

    fn template(&self, path: &str, _: &[PathBuf]) -> Result<String, String> {
        match path {
            "a.j2" => Ok("x = {{ v }}\n".to_owned()),
            "number.j2" => Ok("{{ v }}\n".to_owned()),
            "self.j2" => Ok("{{ lookup('template', 'self.j2') }}".to_owned()),
            _ => Err(format!("there is no template `{path}`")),
        }
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/{{ u }}".to_owned())
    }
}

#[test]
fn looks_up_files_templates_environment_and_variables() {
    let engine = Engine::new_with(Box::new(Files), crate::secrets::vault::Vault::default());
    let variables = Variables::source(&json!({ "v": "{{ w }}", "w": 1, "which": "w" }));
    let render = |template: &str| engine.render(&text(template), &variables);
    assert_eq!(render("{{ lookup('file', 'a') }}").expect("it renders"), "from {{ a }}");
    assert_eq!(render("{{ query('file', 'a') }}").expect("it renders"), json!(["from {{ a }}"]));
    assert_eq!(render("{{ lookup('file', 'a', rstrip=false) }}").expect("it renders"), "from {{ a }}\n\n");
    assert_eq!(render("{{ lookup('template', 'a.j2') }}").expect("it renders"), "x = 1\n");
    assert_eq!(render("{{ lookup('template', 'number.j2') }}").expect("it renders"), 1);
    assert_eq!(render("{{ lookup('env', 'HOME') }}").expect("it renders"), "/home/{{ u }}");
    assert_eq!(render("{{ lookup('env', 'X', default='d') }}").expect("it renders"), "d");
    assert_eq!(render("{{ lookup('vars', which) }}").expect("it renders"), 1);
    assert_eq!(render("{{ vars['v'] + vars[which] }}").expect("it renders"), 2);
    assert_eq!(render("{{ vars | list | sort }}").expect("it renders"), json!(["v", "w", "which"]));
    assert!(render("{{ lookup('file', 'b') }}").expect_err("there is none").to_string().contains("`b`"));
    assert!(render("{{ lookup('template', 'self.j2') }}").is_err());
}

#[test]
fn renders_in_microseconds() {
    let engine = Engine::new();
    let variables = Variables::source(&json!({ "base": "/opt/{{ name }}", "name": "agent", "n": 3 }));
    let path = text("{{ base }}/bin/{{ name | upper }}");
    let condition = text("n > 2 and name in ['agent', 'other'] and base is defined");
    let start = std::time::Instant::now();
    for _ in 0..2000 {
        engine.render(&path, &variables).expect("it renders");
        engine.condition(&condition, &variables).expect("it renders");
    }
    // Without optimisation, on a busy machine: what is checked is that nothing is compiled again.
    assert!(start.elapsed().as_micros() / 4000 < 1000, "{:?}", start.elapsed() / 4000);
}

#[test]
fn does_not_copy_large_data() {
    let mut variables = Variables::default();
    let large = json!({ "stdout": "x".repeat(8 << 20), "rc": 0 });
    variables.0.insert("r".to_owned(), Binding::Data(Arc::new(large)));
    let start = std::time::Instant::now();
    for _ in 0..200 {
        assert_eq!(render("{{ r.rc }}", &variables).expect("it renders"), 0);
    }
    let of_the_code = start.elapsed();
    assert_eq!(
        render("{{ r.stdout | length + r.stdout.find('y') }}", &variables).expect("it renders"),
        (8 << 20) - 1
    );
    assert!(of_the_code.as_millis() < 2000, "{of_the_code:?}");
}

proptest! {
    #[test]
    fn what_hosts_sent_stays_as_it_is(sent in "\\PC{0,20}(\\{\\{|\\{%|\\{#)?\\PC{0,40}(\\}\\}|%\\})?") {
        let variables = Variables::data(&json!({ "r": { "stdout": sent, "l": [sent] }, "s": sent }));
        let mut variables = variables;
        variables.0.extend(Variables::source(&json!({ "indirect": "{{ r.stdout }}", "deep": { "a": "{{ indirect }}" } })).0);
        for template in ["{{ s }}", "{{ r.stdout }}", "{{ r['l'][0] }}", "{{ indirect }}", "{{ deep.a }}", "{{ r | to_json | from_json | map(attribute='x', default=s) | first }}"] {
            prop_assert_eq!(render(template, &variables).expect("it renders"), json!(sent));
        }
        prop_assert_eq!(render("<{{ s }}>", &variables).expect("it renders"), json!(format!("<{sent}>")));
        prop_assert_eq!(render("{{ r }}", &variables).expect("it renders"), json!({ "stdout": sent, "l": [sent] }));
        prop_assert!(Engine::new().condition(&text("s == r.stdout and indirect == s"), &variables).expect("it holds"));
    }

    #[test]
    fn no_text_makes_it_panic(template in "\\PC{0,30}(\\{\\{|\\{%)\\PC{0,40}(\\}\\}|%\\})", sent in "\\PC{0,8}") {
        let engine = Engine::new();
        let variables = Variables::data(&json!({ "a": sent, "x": [1, sent] }));
        let mut diagnostics = Diagnostics::default();
        engine.check(&text(&template), &mut diagnostics);
        engine.check_condition(&text(&template), &mut diagnostics);
        let _ = engine.render(&text(&template), &variables);
        let _ = engine.condition(&text(&template), &variables);
    }

    #[test]
    fn yaml_and_json_read_back(value in "[ -~\\n\\tä]{0,30}", other in -1000i64..1000) {
        let variables = Variables::data(&json!({ "v": { "a": value, "b": [value, other, { "c": value }] } }));
        let expected = json!({ "a": value, "b": [value, other, { "c": value }] });
        for template in ["{{ v | to_yaml | from_yaml }}", "{{ v | to_nice_yaml | from_yaml }}", "{{ v | to_json | from_json }}", "{{ v | to_nice_json | from_json }}"] {
            prop_assert_eq!(render(template, &variables).expect("it renders"), expected.clone(), "{}", template);
        }
    }
}
