//! Builds spanned trees from the events of the YAML parser: types scalars by the rules of YAML 1.1,
//! applies merge keys, and keeps aliases, depth and size within limits.

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle, StructureStyle, Tag};

use super::scalar::{self, ScalarError};
use super::{Diagnostic, Diagnostics, Node, NodeValue, SourceFile, Span, merge, syntax};

/// What a file may ask of the reader.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Deepest nesting, aliases expanded.
    pub depth: usize,
    /// Most nodes in one file, aliases not counted.
    pub nodes: usize,
    /// Most nodes that aliases may add.
    pub aliased: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 128, nodes: 2_000_000, aliased: 250_000 }
    }
}

/// Reads the only document of a file. A tree comes back also when there are errors in it that leave
/// its shape clear, so that its reader can report its own as well.
pub fn parse(file: &Arc<SourceFile>) -> (Option<Node>, Diagnostics) {
    parse_with(file, &Limits::default())
}

/// As [`parse`], within other limits.
pub fn parse_with(file: &Arc<SourceFile>, limits: &Limits) -> (Option<Node>, Diagnostics) {
    let (mut documents, mut diagnostics) = parse_documents(file, limits);
    if let Some(second) = documents.get(1) {
        let message = "a second document starts here; one is expected";
        diagnostics.push(
            Diagnostic::error(&second.span, message).hint("remove the `---` before it, or split the file"),
        );
    }
    let complete = !documents.is_empty();
    (complete.then(|| documents.swap_remove(0)), diagnostics)
}

/// Reads all documents of a file; a file without any is one document that is nothing.
pub fn parse_documents(file: &Arc<SourceFile>, limits: &Limits) -> (Vec<Node>, Diagnostics) {
    let mut builder = Builder::new(file, *limits);
    if let Some(diagnostic) = syntax::forbidden_character(file) {
        return (Vec::new(), diagnostic.into());
    }
    let options: Options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    for event in Parser::new_from_str_with_options(file.text(), options) {
        let taken = match event {
            Ok((event, place)) => {
                let range = place.byte_range().unwrap_or(0..0);
                builder.take(event, range.start, range.end)
            }
            Err(error) => Err(syntax::diagnose(file, &error, limits)),
        };
        if let Err(fatal) = taken {
            builder.diagnostics.push(fatal);
            return (Vec::new(), builder.diagnostics);
        }
    }
    if builder.documents.is_empty() {
        builder.documents.push(Node::new(Span::new(file.clone(), 0, 0), NodeValue::Null));
    }
    (builder.documents, builder.diagnostics)
}

/// A collection whose end was not seen yet.
struct Frame {
    start: usize,
    end: usize,
    flow: bool,
    anchor: usize,
    tag: Option<Tag>,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<(Node, Node)>, merges: Vec<Node>, key: Option<Key> },
}

enum Key {
    /// An ordinary key.
    Node(Node),
    /// A plain `<<`.
    Merge,
    /// A key that was refused already; its value is dropped.
    Refused,
}

struct Anchored {
    node: Node,
    size: usize,
    depth: usize,
}

struct Builder<'a> {
    file: &'a Arc<SourceFile>,
    limits: Limits,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    aliased: usize,
    documents: Vec<Node>,
    diagnostics: Diagnostics,
}

impl<'a> Builder<'a> {
    fn new(file: &'a Arc<SourceFile>, limits: Limits) -> Self {
        Self {
            file,
            limits,
            stack: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            aliased: 0,
            documents: Vec::new(),
            diagnostics: Diagnostics::default(),
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file.clone(), start, end)
    }

    fn take(&mut self, event: Event<'_>, start: usize, end: usize) -> Result<(), Diagnostic> {
        if event.is_node() {
            self.nodes += 1;
            if self.nodes > self.limits.nodes {
                let message = format!("the file holds more than {} values", self.limits.nodes);
                return Err(
                    Diagnostic::error(&self.span(start, end), message).hint("split it into several files")
                );
            }
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                // An empty node comes as a plain `~` of no width.
                let text = if plain && start == end { "" } else { text.as_ref() };
                let merge = plain && text == "<<" && tag.is_none();
                let end = if plain || !self.file.text()[start..end].ends_with('\n') {
                    end
                } else {
                    start + self.file.text()[start..end].trim_end().len()
                };
                let value = self.scalar(text, plain, tag.as_deref(), start, end);
                let node = Node::new(self.span(start, end), value);
                self.complete(node, anchor, merge)
            }
            Event::SequenceStart(style, anchor, tag) => self.open(
                style,
                anchor,
                tag.map(std::borrow::Cow::into_owned),
                start,
                Content::Sequence(Vec::new()),
            ),
            Event::MappingStart(style, anchor, tag) => {
                let content = Content::Mapping { entries: Vec::new(), merges: Vec::new(), key: None };
                self.open(style, anchor, tag.map(std::borrow::Cow::into_owned), start, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(end),
            Event::Alias(id) => self.alias(id, start, end),
            _ => Ok(()),
        }
    }

    fn open(
        &mut self,
        style: StructureStyle,
        anchor: usize,
        tag: Option<Tag>,
        start: usize,
        content: Content,
    ) -> Result<(), Diagnostic> {
        if self.stack.len() >= self.limits.depth {
            return Err(self.too_deep(start));
        }
        let flow = style == StructureStyle::Flow;
        self.stack.push(Frame { start, end: start, flow, anchor, tag, content });
        Ok(())
    }

    fn too_deep(&self, at: usize) -> Diagnostic {
        Diagnostic::error(&self.span(at, at), format!("nested deeper than {} levels", self.limits.depth))
    }

    fn close(&mut self, event_end: usize) -> Result<(), Diagnostic> {
        let frame = self.stack.pop().expect("the parser balances its events");
        let end = if frame.flow { event_end } else { frame.end };
        let span = self.span(frame.start, end);
        let value = match frame.content {
            Content::Sequence(items) => NodeValue::Sequence(items),
            Content::Mapping { entries, merges, .. } => {
                match self.unquoted_template(&frame.start, frame.flow, &entries) {
                    Some(text) => NodeValue::String(text),
                    None => NodeValue::Mapping(merge::merge(entries, merges, &mut self.diagnostics)),
                }
            }
        };
        let mut node = Node::new(span, value);
        self.collection_tag(&mut node, frame.tag.as_ref());
        self.complete(node, frame.anchor, false)
    }

    /// `key: {{ name }}` reads as a mapping inside a mapping; nobody means that.
    fn unquoted_template(&self, start: &usize, flow: bool, entries: &[(Node, Node)]) -> Option<String> {
        let text = self.file.text().get(*start..)?;
        if !flow || !entries.is_empty() || !text.starts_with("{{") {
            return None;
        }
        text.find("}}").map(|at| text[..at + 2].to_owned())
    }

    fn alias(&mut self, id: usize, start: usize, end: usize) -> Result<(), Diagnostic> {
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(Diagnostic::error(
                &self.span(start, end),
                "this alias stands inside of what it refers to",
            ));
        };
        self.aliased += anchored.size;
        if self.aliased > self.limits.aliased {
            let message = format!("aliases add more than {} values to this file", self.limits.aliased);
            return Err(Diagnostic::error(&self.span(start, end), message));
        }
        if self.stack.len() + anchored.depth > self.limits.depth {
            return Err(self.too_deep(start));
        }
        let node = anchored.node.clone();
        self.add(node, false, start, end);
        Ok(())
    }

    /// Remembers a finished node under its anchor and hands it to what it stands in.
    fn complete(&mut self, node: Node, anchor: usize, merge: bool) -> Result<(), Diagnostic> {
        if anchor != 0 {
            let (size, depth) = measure(&node);
            self.aliased += size;
            if self.aliased > self.limits.aliased {
                let message =
                    format!("anchors and aliases add more than {} values to this file", self.limits.aliased);
                return Err(Diagnostic::error(&node.span, message));
            }
            self.anchors.insert(anchor, Anchored { node: node.clone(), size, depth });
        }
        let (start, end) = (node.span.start, node.span.end);
        self.add(node, merge, start, end);
        Ok(())
    }

    fn add(&mut self, node: Node, merge: bool, start: usize, end: usize) {
        let Some(frame) = self.stack.last_mut() else {
            self.documents.push(node);
            return;
        };
        frame.end = frame.end.max(end);
        match &mut frame.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { entries, merges, key } => match key.take() {
                None if merge => *key = Some(Key::Merge),
                None => match node.value {
                    NodeValue::Sequence(_) | NodeValue::Mapping(_) | NodeValue::Vault(_) => {
                        let place = Span::new(self.file.clone(), start, end);
                        let inner_brace = frame.flow && start == frame.start + 1;
                        let template = inner_brace && self.file.text()[frame.start..].starts_with("{{");
                        self.diagnostics.push(if template {
                            let whole = Span::new(self.file.clone(), frame.start, end + 1);
                            syntax::unquoted_template(&whole)
                        } else {
                            Diagnostic::error(&place, format!("a key has to be text, not {}", node.kind()))
                        });
                        *key = Some(Key::Refused);
                    }
                    _ => *key = Some(Key::Node(node)),
                },
                Some(Key::Node(name)) => entries.push((name, node)),
                Some(Key::Merge) => merges.push(node),
                Some(Key::Refused) => {}
            },
        }
    }

    fn scalar(&mut self, text: &str, plain: bool, tag: Option<&Tag>, start: usize, end: usize) -> NodeValue {
        let span = self.span(start, end);
        let untagged = |builder: &mut Self| {
            if !plain {
                return NodeValue::String(text.to_owned());
            }
            scalar::plain(text).unwrap_or_else(|error| builder.refuse_scalar(&span, &error, text))
        };
        let Some(tag) = tag else { return untagged(self) };
        if let Some(core) = tag.core_suffix()
            && let Some(typed) = scalar::tagged(core, text)
        {
            return typed.unwrap_or_else(|error| self.refuse_scalar(&span, &error, text));
        }
        match tag.original().as_str() {
            "!" => NodeValue::String(text.to_owned()),
            "!unsafe" => match untagged(self) {
                NodeValue::String(text) => NodeValue::Unsafe(text),
                other => other,
            },
            "!vault" | "!vault-encrypted" => NodeValue::Vault(text.to_owned()),
            other => {
                self.unknown_tag(&span, other);
                untagged(self)
            }
        }
    }

    fn refuse_scalar(&mut self, span: &Span, error: &ScalarError, text: &str) -> NodeValue {
        self.diagnostics
            .push(Diagnostic::error(span, error.to_string()).hint(format!("quote it: \"{text}\"")));
        NodeValue::String(text.to_owned())
    }

    fn collection_tag(&mut self, node: &mut Node, tag: Option<&Tag>) {
        let Some(tag) = tag else { return };
        match (tag.core_suffix(), tag.original().as_str(), &node.value) {
            (Some("map"), _, NodeValue::Mapping(_))
            | (Some("seq"), _, NodeValue::Sequence(_))
            | (_, "!", _) => {}
            (_, "!unsafe", _) => node.mark_unsafe(),
            (_, "!vault" | "!vault-encrypted", _) => {
                let message = format!("`!vault` marks text, not {}", node.kind());
                self.diagnostics.push(Diagnostic::error(&node.span, message));
            }
            (_, other, _) => {
                let start = node.span.start;
                let span = self.span(start, start);
                self.unknown_tag(&span, other);
            }
        }
    }

    fn unknown_tag(&mut self, span: &Span, tag: &str) {
        let message = format!("the tag `{tag}` is not supported here");
        let hint = "`!vault`, `!unsafe` and the standard `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!map`, `!!seq` are";
        self.diagnostics.push(Diagnostic::error(span, message).hint(hint));
    }
}

/// Counts the nodes of a tree and its levels.
fn measure(node: &Node) -> (usize, usize) {
    let inner: (usize, usize) = match &node.value {
        NodeValue::Sequence(items) => items.iter().map(measure).fold((0, 0), widest),
        NodeValue::Mapping(entries) => {
            entries.iter().flat_map(|(key, value)| [measure(key), measure(value)]).fold((0, 0), widest)
        }
        _ => return (1, 0),
    };
    (inner.0 + 1, inner.1 + 1)
}

fn widest(sum: (usize, usize), item: (usize, usize)) -> (usize, usize) {
    (sum.0 + item.0, sum.1.max(item.1))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> (Option<Node>, Diagnostics) {
        parse(&SourceFile::new("t.yml", "", text))
    }

    fn value(text: &str) -> Value {
        let (node, diagnostics) = read(text);
        assert!(diagnostics.is_empty(), "{}", diagnostics.render(false));
        node.unwrap().to_json()
    }

    fn complaint(text: &str) -> String {
        let (_, diagnostics) = read(text);
        let first = &diagnostics.0[0];
        let place = first.span.as_ref().map(Span::place).unwrap_or_default();
        format!("{place} {} | {}", first.message, first.hint.clone().unwrap_or_default())
    }

    #[test]
    fn reads_trees_with_types_and_quotes() {
        let text = "a: yes\nb: \"yes\"\nc: ['no', no, 0644, '0644', 1e3, ]\nd:\ne: |\n  x\n  y\nf: >-\n  x\n  y\n? g\n: 1\n1: x\n";
        let expected = json!({"a": true, "b": "yes", "c": ["no", false, 420, "0644", "1e3"], "d": null,
            "e": "x\ny\n", "f": "x y", "g": 1, "1": "x"});
        assert_eq!(value(text), expected);
    }

    #[test]
    fn reads_json() {
        let text =
            "{\n\t\"a\": [1,\n\t\t2.5, true, null],\n\t\"b\\/\":{\"c\":\"\\u00e9\\ud83d\\ude00\"}\n}\n";
        assert_eq!(value(text), json!({"a": [1, 2.5, true, null], "b/": {"c": "é😀"}}));
    }

    #[test]
    fn an_empty_file_is_nothing() {
        for text in ["", "---\n", "# only a comment\n", "---\n...\n"] {
            assert_eq!(value(text), Value::Null);
        }
    }

    #[test]
    fn every_node_knows_its_place() {
        let text = "a:\n  - {b: [1, 'é'], c: x}\n  - d: |\n      text\n    e: 2\nf: end\n";
        let node = read(text).0.unwrap();
        let at = |node: &Node| text[node.span.start..node.span.end].to_owned();
        let list = node.get("a").unwrap();
        assert_eq!(at(&node), text.trim_end());
        assert_eq!(at(&list.items()[0]), "{b: [1, 'é'], c: x}");
        assert_eq!(at(&list.items()[0].get("b").unwrap().items()[1]), "'é'");
        assert_eq!(at(list.items()[1].get("e").unwrap()), "2");
        assert_eq!(list.items()[1].span.place(), "t.yml:3:5");
        // The place of block text is its first character, not the `|`.
        assert_eq!(list.items()[1].get("d").unwrap().span.place(), "t.yml:4:7");
        assert_eq!(list.span.place(), "t.yml:2:3");
    }

    #[test]
    fn applies_merge_keys_as_pyyaml() {
        let text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nm: {<<: *x, b: 3}\nl:\n  c: 9\n  <<: [*x, *y]\nq: {'<<': 1}\n";
        let tree = value(text);
        assert_eq!(tree["m"], json!({"a": 1, "b": 3}));
        assert_eq!(tree["l"].to_string(), r#"{"b":1,"c":9,"a":1}"#);
        assert_eq!(tree["q"], json!({"<<": 1}));
        assert!(
            complaint("a: {<<: 1}").contains("`<<` takes a mapping or a list of mappings, not an integer")
        );
    }

    #[test]
    fn warns_about_duplicates_and_lets_the_last_win() {
        let (node, diagnostics) = read("a: 1\nb: 2\na: 3\n");
        assert_eq!(node.unwrap().to_json().to_string(), r#"{"a":3,"b":2}"#);
        assert!(!diagnostics.has_errors());
        assert_eq!(
            complaint("a: 1\nb: 2\na: 3\n"),
            "t.yml:3:1 the key `a` stands here a second time; this one wins | the first one is at t.yml:1:1"
        );
    }

    #[test]
    fn knows_the_tags() {
        assert_eq!(value("!!str 0644"), json!("0644"));
        assert_eq!(value("!!int '12'"), json!(12));
        assert_eq!(value("! 12"), json!("12"));
        assert_eq!(value("a: !unsafe '{{ x }}'"), json!({"a": {"__ansible_unsafe": "{{ x }}"}}));
        assert_eq!(
            value("!unsafe [a, {b: c}, 1]"),
            json!([{"__ansible_unsafe": "a"}, {"b": {"__ansible_unsafe": "c"}}, 1])
        );
        assert_eq!(
            value("!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3330\n"),
            json!({"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n3330\n"})
        );
        assert!(complaint("a: !lookup x").starts_with("t.yml:1:"));
        assert!(complaint("a: !lookup x").contains("the tag `!lookup` is not supported here"));
        assert!(complaint("a: !python/object:os.system [x]").contains("is not supported"));
        assert!(complaint("a: !!binary aGk=").contains("is not supported"));
        assert!(complaint("a: !vault [x]").contains("`!vault` marks text, not a list"));
    }

    #[test]
    fn refuses_alias_bombs_and_deep_trees() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let inner = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
        }
        assert!(complaint(&bomb).contains("add more than 250000 values"));
        assert!(complaint(&"[".repeat(200)).contains("nested deeper than 128 levels"));
        let steps: String = (0..200).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
        assert!(complaint(&steps).contains("nested deeper than 128 levels"));
        assert!(complaint("a: &a [*a]").contains("inside of what it refers to"));
        assert!(complaint("a: *nowhere").contains("an anchor that is not defined"));
    }

    #[test]
    fn explains_common_mistakes() {
        assert_eq!(
            complaint("a:\n\tb: 1\n"),
            "t.yml:2:1 a tab is used as indentation | YAML is indented with spaces only"
        );
        for text in [
            "a: {{ x }}\nb: 1\n",
            "a: {{ x }}/bin\n",
            "- {{ x }} y\n- b\n",
            "a:\n  b: {{ x | default({}) }}\n",
        ] {
            assert!(
                complaint(text).contains("a value that starts with `{{` has to be quoted"),
                "{text}: {}",
                complaint(text)
            );
        }
        assert_eq!(
            complaint("a: 1\nmsg: note: this\n"),
            "t.yml:2:10 a second `: ` stands in this unquoted value | quote the value: msg: 'note: this'"
        );
        assert!(complaint("a: [1, 2\nb: 3\n").starts_with("t.yml:"));
        assert!(complaint("a: \"open\nb: 1\n").contains("quote"));
        assert!(complaint("a: 1\n b: 2\n").starts_with("t.yml:2"));
        assert!(complaint("a: 'x\u{1b}'\n").contains("U+001B"));
        assert!(complaint("a: %x\n").contains("cannot start with `%`"));
        assert!(complaint("a: 99999999999999999999\n").contains("quote it: \"99999999999999999999\""));
        assert!(complaint("{[a]: 1}").contains("a key has to be text, not a list"));
        assert!(complaint("a: 1\n---\nb: 1\n").contains("a second document"));
    }

    #[test]
    fn a_template_without_quotes_is_one_error_only() {
        let (node, diagnostics) = read("a: {{ x }}\nb: 1\n");
        assert_eq!(diagnostics.0.len(), 1);
        assert_eq!(node.unwrap().to_json(), json!({"a": "{{ x }}", "b": 1}));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[ -~\n\té名]{0,80}") {
            let (_, diagnostics) = read(&text);
            diagnostics.render(true);
        }

        #[test]
        fn never_panics_on_yaml_like_text(text in r"([a-z&*!<>|?%@`'#,\[\]{}:. \n\t0-9-]|: |- |\n  |\{\{|<<: ){0,60}") {
            let (_, diagnostics) = read(&text);
            diagnostics.render(false);
        }
    }
}
