//! Every filter, test and function by name, with its arguments; what is not here is refused.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use minijinja::Error;
use minijinja::value::{Kwargs, Value};

use super::error::fail;
use super::python;
use super::session::Session;
use super::{
    collections, encodings, functions, numbers, operators, paths, predicates, regexes, selection, texts,
};

/// A message and a hint.
pub(super) type Refusal = (String, Option<String>);

/// One filter, test or function.
pub(super) struct Spec {
    pub(super) name: &'static str,
    /// The arguments behind the input, in order; `*` takes all further ones, `**` any keyword.
    pub(super) params: &'static [&'static str],
    /// Whether it may be handed undefined values.
    pub(super) lenient: bool,
    pub(super) run: fn(&mut Call) -> Result<Value, Error>,
}

impl Spec {
    pub(super) const fn new(
        name: &'static str,
        params: &'static [&'static str],
        run: fn(&mut Call) -> Result<Value, Error>,
    ) -> Self {
        Self { name, params, lenient: false, run }
    }

    pub(super) const fn lenient(
        name: &'static str,
        params: &'static [&'static str],
        run: fn(&mut Call) -> Result<Value, Error>,
    ) -> Self {
        Self { name, params, lenient: true, run }
    }

    /// Returns how many arguments may be given by position, if there is a limit.
    pub(super) fn most_positional(&self) -> Option<usize> {
        (!self.params.contains(&"*")).then(|| self.params.iter().filter(|name| **name != "**").count())
    }

    /// Checks the name of a keyword argument.
    pub(super) fn check_keyword(&self, keyword: &str) -> Result<(), Refusal> {
        if self.params.contains(&"**") || self.params.contains(&keyword) {
            return Ok(());
        }
        let known = self.params.iter().copied().filter(|name| !name.starts_with('*'));
        Err((format!("`{}` has no argument `{keyword}`", self.name), suggest(keyword, known)))
    }

    /// Runs it.
    pub(super) fn call(
        &self,
        input: Value,
        args: Vec<Value>,
        session: Option<Arc<Session>>,
    ) -> Result<Value, Error> {
        if !self.lenient {
            python::check(&input)?;
        }
        let mut call = Call {
            name: self.name,
            input,
            slots: Vec::with_capacity(self.params.len()),
            rest: Vec::new(),
            keywords: Vec::new(),
            session,
        };
        let named = self.params.iter().take_while(|name| !name.starts_with('*')).count();
        let mut args = args;
        if let Some(last) = args.pop_if(|last| last.is_kwargs()) {
            let keywords = Kwargs::try_from(last)?;
            for name in keywords.args() {
                call.keywords.push((name.to_owned(), keywords.get::<Value>(name)?));
            }
        }
        if !self.lenient {
            for value in args.iter().chain(call.keywords.iter().map(|(_, value)| value)) {
                python::check(value)?;
            }
        }
        for (index, arg) in args.into_iter().enumerate() {
            if index < named {
                call.slots.push(Some(arg));
            } else if self.params.contains(&"*") {
                call.rest.push(arg);
            } else {
                return Err(fail(format!("`{}` takes at most {named} arguments", self.name)));
            }
        }
        call.slots.resize(named, None);
        for (index, name) in self.params[..named].iter().enumerate() {
            if let Some(at) = call.keywords.iter().position(|(keyword, _)| keyword == name) {
                call.slots[index] = Some(call.keywords.remove(at).1);
            }
        }
        if let Some((keyword, _)) = call.keywords.first() {
            self.check_keyword(keyword).map_err(|(message, _)| fail(message))?;
        }
        (self.run)(&mut call)
    }
}

/// One use of a filter, test or function.
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) input: Value,
    pub(super) rest: Vec<Value>,
    pub(super) keywords: Vec<(String, Value)>,
    pub(super) session: Option<Arc<Session>>,
    slots: Vec<Option<Value>>,
}

impl Call {
    /// Returns an argument, if it was given.
    pub(super) fn get(&self, index: usize) -> Option<&Value> {
        self.slots.get(index)?.as_ref()
    }

    /// Returns an argument that has to be there.
    pub(super) fn need(&self, index: usize) -> Result<&Value, Error> {
        self.get(index).ok_or_else(|| fail(format!("`{}` needs an argument more", self.name)))
    }

    /// Returns the input, which has to be text or becomes text as Python would write it.
    pub(super) fn text(&self) -> Result<String, Error> {
        python::text(&self.input)
    }

    /// Returns a text argument.
    pub(super) fn text_at(&self, index: usize) -> Result<Option<String>, Error> {
        self.get(index).filter(|value| !value.is_none()).map(python::text).transpose()
    }

    /// Returns an integer argument.
    pub(super) fn integer(&self, index: usize) -> Result<Option<i128>, Error> {
        let Some(value) = self.get(index).filter(|value| !value.is_none()) else { return Ok(None) };
        python::as_integer(value).map(Some).ok_or_else(|| {
            fail(format!("`{}` needs an integer, not `{}`", self.name, python::type_name(value)))
        })
    }

    /// Returns a size argument.
    pub(super) fn size(&self, index: usize, default: usize) -> Result<usize, Error> {
        match self.integer(index)? {
            None => Ok(default),
            Some(size) => usize::try_from(size.max(0))
                .ok()
                .filter(|size| *size <= python::MAX_SIZE)
                .ok_or_else(|| fail(format!("`{}`: `{size}` is too large", self.name))),
        }
    }

    /// Returns whether a flag argument counts as true.
    pub(super) fn flag(&self, index: usize, default: bool) -> Result<bool, Error> {
        self.get(index).map_or(Ok(default), python::truth)
    }

    /// Lists the items of the input.
    pub(super) fn items(&self) -> Result<Vec<Value>, Error> {
        python::items(&self.input)
    }
}

type Table = HashMap<&'static str, &'static Spec>;

fn table(parts: &[&'static [Spec]]) -> Table {
    parts.iter().flat_map(|part| part.iter()).map(|spec| (spec.name, spec)).collect()
}

/// Returns all filters, the operations of the rewriter among them.
pub(super) fn filters() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        table(&[
            operators::OPERATORS,
            texts::FILTERS,
            regexes::FILTERS,
            numbers::FILTERS,
            collections::FILTERS,
            selection::FILTERS,
            encodings::FILTERS,
            paths::FILTERS,
        ])
    })
}

/// Returns all tests.
pub(super) fn tests() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| table(&[predicates::TESTS]))
}

/// Returns all functions.
pub(super) fn functions() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| table(&[functions::FUNCTIONS]))
}

pub(super) fn filter(name: &str) -> Option<&'static Spec> {
    filters().get(name).copied()
}

pub(super) fn test(name: &str) -> Option<&'static Spec> {
    tests().get(name).copied()
}

pub(super) fn function(name: &str) -> Option<&'static Spec> {
    functions().get(name).copied()
}

/// Finds the filter of a name as written, `ansible.builtin.` in front or not.
pub(super) fn filter_name(written: &str) -> Result<&'static str, Refusal> {
    known(written, filters(), "filter", REFUSED_FILTERS)
}

/// Finds the test of a name as written.
pub(super) fn test_name(written: &str) -> Result<&'static str, Refusal> {
    known(written, tests(), "test", REFUSED_TESTS)
}

fn known(
    written: &str,
    table: &Table,
    kind: &str,
    refused: &[(&str, &str)],
) -> Result<&'static str, Refusal> {
    let name = short(written);
    if let Some((name, _)) = table.get_key_value(name).filter(|_| !name.starts_with("op:")) {
        return Ok(name);
    }
    if let Some((_, why)) = refused.iter().find(|(refused, _)| *refused == name) {
        return Err((format!("the {kind} `{written}` is not supported"), Some((*why).to_owned())));
    }
    let names = table.keys().copied().filter(|name| !name.starts_with("op:"));
    Err((format!("unknown {kind} `{written}`"), suggest(name, names)))
}

fn short(written: &str) -> &str {
    written
        .strip_prefix("ansible.builtin.")
        .or_else(|| written.strip_prefix("ansible.legacy."))
        .unwrap_or(written)
}

/// Words the refusal of an unknown function.
pub(super) fn unknown_function<'a>(name: &str, locals: impl Iterator<Item = &'a str>) -> Refusal {
    if let Some((_, why)) = REFUSED_FUNCTIONS.iter().find(|(refused, _)| *refused == name) {
        return (format!("the function `{name}` is not supported"), Some((*why).to_owned()));
    }
    let names = functions().keys().copied().chain(locals);
    (format!("unknown function `{name}`"), suggest(name, names))
}

/// Finds the lookup of a name as written.
pub(super) fn lookup_name(written: &str) -> Result<&'static str, Refusal> {
    let name = short(written);
    let name = match name.strip_prefix("community.general.") {
        Some(other) if ["cartesian", "flattened"].contains(&other) => other,
        _ => name,
    };
    if let Some(known) = lookups().find(|known| *known == name) {
        return Ok(known);
    }
    if let Some((_, why)) = REFUSED_LOOKUPS.iter().find(|(refused, _)| *refused == name) {
        return Err((format!("the lookup `{written}` is not supported"), Some((*why).to_owned())));
    }
    Err((format!("unknown lookup `{written}`"), suggest(name, lookups())))
}

/// Words "did you mean" for the nearest known name.
pub(super) fn suggest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    crate::source::suggestion(name, known)
}

const LOOKUPS: &[&str] = &["env", "file", "vars", "template"];

/// Lists the lookups that are supported.
pub(super) fn lookups() -> impl Iterator<Item = &'static str> {
    LOOKUPS.iter().chain(super::listing::LISTS).copied()
}

const REFUSED_LOOKUPS: &[(&str, &str)] = &[
    ("pipe", "it runs a command on the controller; run it in a task and `register` its result"),
    ("password", "make the password outside and keep it in a vault file"),
    ("url", "fetch it with the module `uri` and `register` the result"),
    ("lines", "it runs a command on the controller; run it in a task and `register` its result"),
    ("ini", "keep the value in a variable file"),
    ("csvfile", "keep the value in a variable file"),
    ("varnames", "collect the variables in one dictionary"),
    ("random_choice", "results have to be the same on every run"),
];

const REFUSED_FILTERS: &[(&str, &str)] = &[
    ("expanduser", "the controller's home folder is not the host's; write the path out"),
    ("expandvars", "use `lookup('env', ...)`"),
    ("realpath", "it would read the controller's disk; write the path out"),
    ("relpath", "it depends on the controller's working folder; write the path out"),
    ("fileglob", "it would read the controller's disk; name the files"),
    ("password_hash", "make the hash outside and keep it in a vault file"),
    ("random", "results have to be the same on every run"),
    ("shuffle", "results have to be the same on every run"),
    ("random_mac", "results have to be the same on every run"),
    ("strftime", "format the date on the host"),
    ("to_datetime", "compare the dates as text, in ISO form"),
    ("sha1", "use `hash('sha256')`"),
    ("md5", "use `hash('sha256')`"),
    ("checksum", "it is SHA-1; use `hash('sha256')`"),
    ("to_uuid", "it is SHA-1; keep the identifier in a variable"),
    ("vault", "keep the value in a vault file"),
    ("unvault", "keep the value in a vault file"),
    ("json_query", "use `selectattr` and `map(attribute=...)`"),
    ("xmlattr", "write the attributes out"),
    ("escape", "write the text as it has to be"),
    ("e", "write the text as it has to be"),
    ("safe", "nothing is escaped here; leave it out"),
    ("pprint", "use `to_nice_json`"),
    ("tojson", "use `to_json`"),
];

const REFUSED_TESTS: &[(&str, &str)] = &[
    ("file", "it would look at the controller's disk; use the module `stat`"),
    ("is_file", "it would look at the controller's disk; use the module `stat`"),
    ("directory", "it would look at the controller's disk; use the module `stat`"),
    ("is_dir", "it would look at the controller's disk; use the module `stat`"),
    ("exists", "it would look at the controller's disk; use the module `stat`"),
    ("link", "it would look at the controller's disk; use the module `stat`"),
    ("is_link", "it would look at the controller's disk; use the module `stat`"),
    ("link_exists", "it would look at the controller's disk; use the module `stat`"),
    ("mount", "it would look at the controller's disk; use the module `setup`"),
    ("is_mount", "it would look at the controller's disk; use the module `setup`"),
    ("same_file", "it would look at the controller's disk; use the module `stat`"),
    ("is_same_file", "it would look at the controller's disk; use the module `stat`"),
    ("vault_encrypted", "values are decrypted when they are read"),
    ("vaulted_file", "files are decrypted when they are read"),
    ("callable", "nothing in a playbook can be called"),
    ("escaped", "nothing is escaped here"),
];

const REFUSED_FUNCTIONS: &[(&str, &str)] = &[
    ("now", "results have to be the same on every run; use the fact `ansible_date_time`"),
    ("lipsum", "write the text out"),
    ("cycler", "use `loop.cycle(...)`"),
    ("joiner", "use the filter `join`"),
];
