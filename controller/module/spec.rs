//! What a module accepts: checked before any host is touched.

use serde_json::Value;

use crate::shell::Platform;

/// A module's names and options.
#[derive(Debug)]
pub struct ModuleSpec {
    /// The short name, as in `copy`; `ansible.builtin.` in front of it is accepted too.
    pub name: &'static str,
    /// Other full names that mean the same.
    pub aliases: &'static [&'static str],
    /// The options.
    pub options: &'static [OptionSpec],
    /// Whether text that is not `key=value` is accepted, and what it means.
    pub free_form: FreeForm,
    /// Whether any option name is accepted (`set_fact`).
    pub open: bool,
    /// Options that are conditions or names of variables, not templates: the executor hands their
    /// nodes over unrendered ([`super::ModuleContext::raw`]).
    pub raw_options: &'static [&'static str],
    /// Where it can run.
    pub platforms: Platforms,
    /// Whether it never changes its host, whatever its options are.
    pub only_looks: bool,
}

/// The hosts that a module can work on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Platforms {
    /// POSIX hosts.
    Posix,
    /// Windows hosts.
    Windows,
    /// Both, or no host at all.
    Any,
}

impl Platforms {
    /// Tells whether it can work on such a host.
    #[must_use]
    pub fn include(self, platform: Platform) -> bool {
        match self {
            Self::Posix => platform == Platform::Posix,
            Self::Windows => platform == Platform::Windows,
            Self::Any => true,
        }
    }
}

/// What text directly behind the module name means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FreeForm {
    /// Only `key=value` pairs.
    Pairs,
    /// The text is the value of the named option, `key=value` pairs of other options may be in it
    /// (`command`, `shell`, `script`, `meta`).
    Option(&'static str),
    /// The text is the value of the named option as it stands (`raw`).
    Verbatim(&'static str),
}

/// One option.
#[derive(Debug)]
pub struct OptionSpec {
    /// Its name.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// What it accepts.
    pub kind: OptionKind,
    /// Whether it must be given.
    pub required: bool,
    /// Whether null is a value of it; elsewhere null means that it is not given.
    pub nullable: bool,
    /// Why it is refused although Ansible has it (then giving it is an error with this hint).
    pub refused: Option<&'static str>,
    /// What its type alone does not say about its value.
    pub limit: Option<Limit>,
}

/// Checks a value that has the type of its option: literal ones before any host is touched, the others when they
/// are known. Returns the message, with a hint.
pub type Limit = fn(&Value) -> Result<(), String>;

/// The type of an option.
#[derive(Clone, Copy, Debug)]
pub enum OptionKind {
    /// Text; numbers and booleans are turned into text as Ansible does.
    Text,
    /// A path; as text, `~` is expanded on the host.
    Path,
    /// A boolean in any of Ansible's spellings.
    Bool,
    /// An integer.
    Int,
    /// A number.
    Float,
    /// A list; a string is split at commas as Ansible does.
    List,
    /// A mapping.
    Map,
    /// Anything.
    Any,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A file mode: octal digits, an integer, or symbolic (`u=rw,g=r`).
    Mode,
}

impl OptionSpec {
    /// Makes an optional option without other names.
    pub const fn new(name: &'static str, kind: OptionKind) -> Self {
        Self { name, aliases: &[], kind, required: false, nullable: false, refused: None, limit: None }
    }

    /// Makes it required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Makes null one of its values.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// Gives it other names.
    #[must_use]
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Refuses it, with what to do instead.
    #[must_use]
    pub const fn refused(self, hint: &'static str) -> Self {
        Self { refused: Some(hint), ..self }
    }

    /// Takes only some of the values of its type.
    #[must_use]
    pub const fn limited(self, limit: Limit) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

impl ModuleSpec {
    /// A module without options, for `..ModuleSpec::EMPTY`.
    pub const EMPTY: Self = Self {
        name: "",
        aliases: &[],
        options: &[],
        free_form: FreeForm::Pairs,
        open: false,
        raw_options: &[],
        platforms: Platforms::Posix,
        only_looks: false,
    };

    /// Refuses a host of another platform.
    ///
    /// # Errors
    /// Says what the module is for, and what the host is taken for.
    pub fn check_platform(&self, host: &str, platform: Platform) -> Result<(), String> {
        if self.platforms.include(platform) {
            return Ok(());
        }
        let other = match platform {
            Platform::Posix => Platform::Windows,
            Platform::Windows => Platform::Posix,
        };
        let hint = match platform {
            Platform::Posix => {
                "set `ansible_connection: winrm`, or `ansible_shell_type: powershell` for SSH, for Windows hosts"
            }
            Platform::Windows => {
                "take the module of `ansible.windows` for it, or `when: ansible_os_family != 'Windows'`"
            }
        };
        let name = self.name;
        Err(format!("module `{name}` is for {other} hosts, and `{host}` is a {platform} host\nhint: {hint}"))
    }

    /// Finds an option by its name or one of its other names.
    pub fn option(&self, name: &str) -> Option<&'static OptionSpec> {
        self.options.iter().find(|option| option.name == name || option.aliases.contains(&name))
    }

    /// Checks that an option may be given; an open module takes any name.
    ///
    /// # Errors
    /// The message, with a hint: the name is unknown, or the option is refused.
    pub fn check_name(&self, name: &str) -> Result<Option<&'static OptionSpec>, String> {
        match self.option(name) {
            Some(option) => match option.refused {
                Some(hint) => {
                    Err(format!("option `{name}` of `{}` is not supported\nhint: {hint}", self.name))
                }
                None => Ok(Some(option)),
            },
            None if self.open => Ok(None),
            None => Err(self.unknown(name)),
        }
    }

    /// Lists the required options that are not among `given` (canonical names).
    pub fn missing<'a>(&self, given: impl IntoIterator<Item = &'a str>) -> Vec<&'static str> {
        let given: Vec<&str> = given.into_iter().collect();
        self.options
            .iter()
            .filter(|option| option.required && !given.contains(&option.name))
            .map(|option| option.name)
            .collect()
    }

    /// Tells whether the executor hands this option over unrendered.
    pub fn is_raw(&self, name: &str) -> bool {
        self.raw_options.contains(&name)
    }

    fn unknown(&self, name: &str) -> String {
        let near = self
            .options
            .iter()
            .filter(|option| option.refused.is_none())
            .flat_map(|option| std::iter::once(&option.name).chain(option.aliases))
            .map(|known| (strsim::damerau_levenshtein(known, name), *known))
            .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
            .min();
        let hint = match near {
            Some((_, known)) => format!("did you mean `{known}`?"),
            None if self.options.is_empty() => format!("`{}` takes no options", self.name),
            None => {
                let names: Vec<String> = self
                    .options
                    .iter()
                    .filter(|option| option.refused.is_none())
                    .map(|option| format!("`{}`", option.name))
                    .collect();
                format!("it has {}", names.join(", "))
            }
        };
        format!("`{}` has no option `{name}`\nhint: {hint}", self.name)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    static COPY: ModuleSpec = ModuleSpec {
        name: "copy",
        options: &[
            OptionSpec::new("dest", OptionKind::Path).required(),
            OptionSpec::new("backup", OptionKind::Bool),
            OptionSpec::new("mode", OptionKind::Mode).aliases(&["permissions"]),
            OptionSpec::new("attributes", OptionKind::Text).refused("use `command: chattr`"),
        ],
        ..ModuleSpec::EMPTY
    };

    #[test]
    fn names_are_checked_with_a_suggestion() {
        assert_eq!(COPY.check_name("permissions").unwrap().unwrap().name, "mode");
        assert_eq!(
            COPY.check_name("bakcup").unwrap_err(),
            "`copy` has no option `bakcup`\nhint: did you mean `backup`?"
        );
        assert_eq!(
            COPY.check_name("zzz").unwrap_err(),
            "`copy` has no option `zzz`\nhint: it has `dest`, `backup`, `mode`"
        );
        assert_eq!(
            COPY.check_name("attributes").unwrap_err(),
            "option `attributes` of `copy` is not supported\nhint: use `command: chattr`"
        );
        assert_eq!(COPY.missing(["mode"]), ["dest"]);
    }
}
