//! Inventories in INI form, with the grammar and the typing of values that Ansible's users get.
//!
//! A file is a list of sections: `[group]` holds hosts with their variables, `[group:children]` names of groups,
//! `[group:vars]` variables. Values are Python literals where they can be read as such, else text.

use std::sync::Arc;

use indexmap::IndexMap;

use super::GroupName;
use super::build::Builder;
use super::literal::{Literal, literal};
use super::words::{Word, words};
use crate::source::{Diagnostic, Node, NodeValue, SourceFile, Span, suggestion};

/// What the lines of a section are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Section {
    Hosts,
    Children,
    Vars,
}

/// A group that was named before its own section.
struct Pending {
    /// Where it was named first.
    span: Span,
    /// Groups that hold it; none where only its variables were given.
    parents: Vec<GroupName>,
}

/// A part of a line and where it begins in the file.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Piece<'a> {
    fn trim(self) -> Self {
        let text = self.text.trim_start();
        Self { text: text.trim_end(), start: self.start + self.text.len() - text.len() }
    }

    fn span(self, file: &Arc<SourceFile>) -> Span {
        Span::new(file.clone(), self.start, self.start + self.text.len())
    }

    fn split(self, at: usize) -> (Self, Self) {
        let behind = Piece { text: &self.text[at + 1..], start: self.start + at + 1 };
        (Piece { text: &self.text[..at], start: self.start }, behind)
    }
}

/// Adds the groups of an inventory in INI form.
pub(super) fn add_ini(builder: &mut Builder, file: &Arc<SourceFile>) {
    let mut reader = Reader {
        builder,
        file,
        group: GroupName::from("ungrouped"),
        section: Section::Hosts,
        pending: IndexMap::new(),
    };
    let mut start = 0;
    for line in file.text().split_inclusive('\n') {
        let piece = Piece { text: line, start }.trim();
        start += line.len();
        if !piece.text.is_empty() && !piece.text.starts_with(['#', ';']) {
            reader.line(piece);
        }
    }
    reader.finish();
}

struct Reader<'a> {
    builder: &'a mut Builder,
    file: &'a Arc<SourceFile>,
    group: GroupName,
    section: Section,
    pending: IndexMap<GroupName, Pending>,
}

impl Reader<'_> {
    fn error(&mut self, piece: Piece<'_>, message: impl Into<String>, hint: Option<String>) {
        let error = Diagnostic::error(&piece.span(self.file), message).maybe_hint(hint);
        self.builder.diagnostics.push(error);
    }

    fn line(&mut self, line: Piece<'_>) {
        if let Some(inside) = heading(line) {
            return self.heading(line, inside);
        }
        match self.section {
            Section::Hosts => self.host(line),
            Section::Children => self.child(line),
            Section::Vars => self.variable(line),
        }
    }

    /// Begins a section.
    fn heading(&mut self, line: Piece<'_>, inside: Piece<'_>) {
        let (name, kind) = match inside.text.find(':') {
            Some(at) => inside.split(at),
            None => (inside, Piece { text: "hosts", start: inside.start }),
        };
        let section = match kind.text {
            "hosts" => Section::Hosts,
            "children" => Section::Children,
            "vars" => Section::Vars,
            other => {
                let message = format!("there are no sections of the kind `{}`", other.escape_debug());
                let hint = suggestion(other, ["hosts", "children", "vars"]).unwrap_or_else(|| {
                    "sections are `[group]`, `[group:children]` and `[group:vars]`".to_owned()
                });
                return self.error(kind, message, Some(hint));
            }
        };
        if name.text.is_empty() || inside.text.contains(char::is_whitespace) {
            let hint = "a heading is `[group]` without blanks in it";
            return self.error(line, "this heading names no group", Some(hint.to_owned()));
        }
        let span = name.span(self.file);
        let key = Node::new(span.clone(), NodeValue::String(name.text.to_owned()));
        let Some(text) = self.builder.group_name(&key) else { return };
        let known = self.builder.inventory.groups.contains_key(&GroupName::from(text.as_str()));
        self.group = self.builder.group(&text, Some(&span));
        self.section = section;
        if section == Section::Vars {
            if !known && !self.pending.contains_key(&self.group) {
                self.pending.insert(self.group.clone(), Pending { span, parents: Vec::new() });
            }
        } else if let Some(pending) = self.pending.shift_remove(&self.group) {
            for parent in pending.parents {
                self.builder.add_child(&parent, &self.group, &pending.span);
            }
        }
    }

    /// `name key=value key=value`, with quotes as in a shell.
    fn host(&mut self, line: Piece<'_>) {
        let words = match words(line.text, line.start) {
            Ok(words) => words,
            Err(open) => {
                let open = Piece { text: &line.text[open - line.start..], start: open };
                return self.error(open, "this quote is not closed", None);
            }
        };
        let Some((name, assignments)) = words.split_first() else { return };
        let span = |word: &Word| Span::new(self.file.clone(), word.start, word.end);
        if name.text.ends_with(':') && !name.text.trim_end_matches(':').contains(':') {
            let message = format!("`{}` has a colon and no port behind it", name.text.escape_debug());
            let error = Diagnostic::error(&span(name), message);
            self.builder.diagnostics.push(error);
            return;
        }
        let mut variables = Vec::new();
        for word in assignments {
            let place = span(word);
            let Some((key, value)) = word.text.split_once('=') else {
                let message = format!("`{}` is no `name=value`", word.text.escape_debug());
                let hint = "values with blanks in them stand in quotes";
                self.builder.diagnostics.push(Diagnostic::error(&place, message).hint(hint));
                continue;
            };
            let value = self.value(value, &place);
            variables.push((Node::new(place, NodeValue::String(key.to_owned())), value));
        }
        let key = Node::new(span(name), NodeValue::String(name.text.clone()));
        let variables =
            (!variables.is_empty()).then(|| Node::new(line.span(self.file), NodeValue::Mapping(variables)));
        let group = self.group.clone();
        self.builder.add_hosts(&group, &key, variables);
    }

    /// The name of a group.
    fn child(&mut self, line: Piece<'_>) {
        let end = line.text.find('#').unwrap_or(line.text.len());
        let name = Piece { text: &line.text[..end], start: line.start }.trim();
        if name.text.is_empty() || name.text.contains([':', ']']) || name.text.contains(char::is_whitespace) {
            let hint = "below `:children` each line is the name of one group";
            return self.error(line, "this is no name of a group", Some(hint.to_owned()));
        }
        let child = GroupName::from(name.text);
        let span = name.span(self.file);
        if self.builder.inventory.groups.contains_key(&child) && !self.is_named_only(&child) {
            let parent = self.group.clone();
            self.builder.add_child(&parent, &child, &span);
        } else {
            let pending = self.pending.entry(child).or_insert_with(|| Pending { span, parents: Vec::new() });
            pending.parents.push(self.group.clone());
        }
    }

    /// Whether a group is there for its variables only, so far.
    fn is_named_only(&self, group: &GroupName) -> bool {
        self.pending.contains_key(group)
    }

    /// `key = value`, up to the end of the line.
    fn variable(&mut self, line: Piece<'_>) {
        let Some(at) = line.text.find('=') else {
            let hint = "below `:vars` each line is `name=value`";
            return self.error(line, "this is no `name=value`", Some(hint.to_owned()));
        };
        let (key, value) = line.split(at);
        let (key, value) = (key.trim(), value.trim());
        let node = self.value(value.text, &value.span(self.file));
        let key = Node::new(key.span(self.file), NodeValue::String(key.text.to_owned()));
        let content = Node::new(line.span(self.file), NodeValue::Mapping(vec![(key, node)]));
        let group = self.group.clone();
        self.builder.add_group_vars(&group, content);
    }

    /// Types a value.
    fn value(&mut self, text: &str, span: &Span) -> Node {
        match literal(text, span) {
            Literal::Value(node) => node,
            Literal::Text => Node::new(span.clone(), NodeValue::String(text.to_owned())),
            Literal::Refused(what) => {
                let message = format!("`{}` is {what}", text.escape_debug());
                let error =
                    Diagnostic::error(span, message).hint("put it in quotes within quotes: \"'...'\"");
                self.builder.diagnostics.push(error);
                Node::new(span.clone(), NodeValue::Null)
            }
        }
    }

    /// Groups that were named and never defined.
    fn finish(self) {
        for (group, pending) in self.pending {
            let names = self.builder.inventory.groups.keys().map(|name| &*name.0);
            let (message, hint) = if pending.parents.is_empty() {
                (
                    format!("there is no group `{group}` to give variables to"),
                    format!("add a section `[{group}]`"),
                )
            } else {
                let known = suggestion(&group.0, names.filter(|name| *name != &*group.0));
                let message =
                    format!("there is no group `{group}` to be a child of `{}`", pending.parents[0]);
                (message, known.unwrap_or_else(|| format!("add a section `[{group}]`")))
            };
            self.builder.diagnostics.push(Diagnostic::error(&pending.span, message).hint(hint));
        }
    }
}

/// What stands between the brackets of a heading; a comment may follow.
fn heading(line: Piece<'_>) -> Option<Piece<'_>> {
    let inside = line.text.strip_prefix('[')?;
    let end = inside.find(']')?;
    let behind = inside[end + 1..].trim_start();
    let text = &inside[..end];
    // `[1:3]` and the like at the start of a host's name are ranges, which go on behind the bracket.
    (behind.is_empty() || behind.starts_with('#')).then_some(Piece { text, start: line.start + 1 })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::load;
    use crate::inventory::{GroupName, HostName, Inventory};

    fn read(text: &str) -> Inventory {
        let (inventory, _, shown) = load(&[("inventory/hosts", text)]);
        assert_eq!(shown, "");
        inventory
    }

    fn variable(inventory: &Inventory, host: &str, name: &str) -> Value {
        inventory.variable(&HostName::from(host), name).unwrap().node.to_value()
    }

    #[test]
    fn hosts_have_ports_ranges_and_typed_variables() {
        let inventory = read(
            "# comment\n; another\nlone ansible_host=10.0.0.9\n\n[web] # front\nw[01:02].example:2222 n=5 t=True text='a b' list='[1, 2]' \
             old=007 none= cut=abc#def gone=1\n",
        );
        let names: Vec<&str> = inventory.hosts.keys().map(|name| &*name.0).collect();
        assert_eq!(names, ["lone", "w01.example", "w02.example"]);
        let of = |name| variable(&inventory, "w02.example", name);
        assert_eq!(of("ansible_port"), json!(2222));
        assert_eq!((of("n"), of("t"), of("text")), (json!(5), json!(true), json!("a b")));
        assert_eq!((of("list"), of("old"), of("none")), (json!([1, 2]), json!("007"), json!("")));
        assert_eq!(of("cut"), json!("abc"));
        assert!(inventory.variable(&"w02.example".into(), "gone").is_none());
    }

    #[test]
    fn variables_of_groups_go_on_to_the_end_of_the_line() {
        let inventory = read(
            "[web]\na\n[web:vars]\nnum=5\nlow=true\nnote=prod ; not a comment\nquoted = \"x y\"  # comment\npath=C:\\temp\n\
             ansible_group_priority=3\njinja={{ other }}\n",
        );
        let of = |name| variable(&inventory, "a", name);
        assert_eq!((of("num"), of("low")), (json!(5), json!("true")));
        assert_eq!((of("note"), of("quoted")), (json!("prod ; not a comment"), json!("x y")));
        assert_eq!((of("path"), of("jinja")), (json!("C:\\temp"), json!("{{ other }}")));
        assert_eq!(inventory.groups[&GroupName::from("web")].priority, 3);
    }

    #[test]
    fn children_may_stand_before_their_section() {
        let inventory =
            read("[site:children]\nweb\ndb\n[web:vars]\nx=1\n[web]\na\n[db]\nb\n[all:vars]\ny=2\n");
        let children: Vec<&str> =
            inventory.groups[&GroupName::from("site")].children.iter().map(|name| &*name.0).collect();
        assert_eq!(children, ["web", "db"]);
        assert_eq!((variable(&inventory, "a", "x"), variable(&inventory, "b", "y")), (json!(1), json!(2)));
    }

    #[test]
    fn every_mistake_has_its_place() {
        let (_, _, shown) = load(&[(
            "inventory/hosts",
            "a b\nc 'd\nd:\n[web:var]\n[web x]\n[two:vars]\nx=1\nnothing\n[three:children]\nnope\na b\n[web]\ne n=99999999999999999999 c=1j\n",
        )]);
        insta::assert_snapshot!(shown, @r#"
        Error F/inventory/hosts:1:3 `b` is no `name=value` | values with blanks in them stand in quotes
        Error F/inventory/hosts:2:3 this quote is not closed
        Error F/inventory/hosts:3:1 `d:` has a colon and no port behind it
        Error F/inventory/hosts:4:6 there are no sections of the kind `var` | did you mean `vars`?
        Error F/inventory/hosts:5:1 this heading names no group | a heading is `[group]` without blanks in it
        Error F/inventory/hosts:8:1 this is no `name=value` | below `:vars` each line is `name=value`
        Error F/inventory/hosts:11:1 this is no name of a group | below `:children` each line is the name of one group
        Error F/inventory/hosts:13:3 `99999999999999999999` is too large for an integer | put it in quotes within quotes: "'...'"
        Error F/inventory/hosts:13:26 `1j` is a complex number | put it in quotes within quotes: "'...'"
        Error F/inventory/hosts:6:2 there is no group `two` to give variables to | add a section `[two]`
        Error F/inventory/hosts:10:1 there is no group `nope` to be a child of `three` | add a section `[nope]`
        "#);
    }
}
