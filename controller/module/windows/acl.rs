//! `win_acl`, `win_owner` and `win_acl_inheritance`: who may do what with files, folders and registry keys.

use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Call, Step};
use serde_json::Value;

use super::place;

/// Rights of files and folders: learn.microsoft.com/dotnet/api/system.security.accesscontrol.filesystemrights.
const FILE: &[(&str, u32)] = &[
    ("ReadData", 0x1),
    ("ListDirectory", 0x1),
    ("WriteData", 0x2),
    ("CreateFiles", 0x2),
    ("AppendData", 0x4),
    ("CreateDirectories", 0x4),
    ("ReadExtendedAttributes", 0x8),
    ("WriteExtendedAttributes", 0x10),
    ("ExecuteFile", 0x20),
    ("Traverse", 0x20),
    ("DeleteSubdirectoriesAndFiles", 0x40),
    ("ReadAttributes", 0x80),
    ("WriteAttributes", 0x100),
    ("Write", 0x116),
    ("Delete", 0x1_0000),
    ("ReadPermissions", 0x2_0000),
    ("Read", 0x2_0089),
    ("ReadAndExecute", 0x2_00a9),
    ("Modify", 0x3_01bf),
    ("ChangePermissions", 0x4_0000),
    ("TakeOwnership", 0x8_0000),
    ("Synchronize", SYNCHRONIZE),
    ("FullControl", FULL),
];
/// Rights of registry keys: learn.microsoft.com/dotnet/api/system.security.accesscontrol.registryrights.
const REGISTRY: &[(&str, u32)] = &[
    ("QueryValues", 0x1),
    ("SetValue", 0x2),
    ("CreateSubKey", 0x4),
    ("EnumerateSubKeys", 0x8),
    ("Notify", 0x10),
    ("CreateLink", 0x20),
    ("Delete", 0x1_0000),
    ("ReadPermissions", 0x2_0000),
    ("WriteKey", 0x2_0006),
    ("ReadKey", 0x2_0019),
    ("ExecuteKey", 0x2_0019),
    ("ChangePermissions", 0x4_0000),
    ("TakeOwnership", 0x8_0000),
    ("FullControl", 0xf_003f),
];
const SYNCHRONIZE: u32 = 0x10_0000;
const FULL: u32 = 0x1f_01ff;

/// The module for one rule.
pub(super) struct WinAcl;

/// The module for owners.
pub(super) struct WinOwner;

/// The module for inheritance.
pub(super) struct WinAclInheritance;

static ACL: ModuleSpec = ModuleSpec {
    name: "win_acl",
    aliases: &["ansible.windows.win_acl"],
    options: &[
        OptionSpec::new("path", OptionKind::Text).required(),
        OptionSpec::new("user", OptionKind::Text).required(),
        OptionSpec::new("rights", OptionKind::Text).required(),
        OptionSpec::new("type", OptionKind::Choice(&["allow", "deny"])).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("inherit", OptionKind::Text),
        OptionSpec::new("propagation", OptionKind::Choice(&["InheritOnly", "None", "NoPropagateInherit"])),
        OptionSpec::new("follow", OptionKind::Bool).limited(not_followed),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

static OWNER: ModuleSpec = ModuleSpec {
    name: "win_owner",
    aliases: &["ansible.windows.win_owner"],
    options: &[
        OptionSpec::new("path", OptionKind::Path).required(),
        OptionSpec::new("user", OptionKind::Text).required(),
        OptionSpec::new("recurse", OptionKind::Bool),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

static INHERITANCE: ModuleSpec = ModuleSpec {
    name: "win_acl_inheritance",
    aliases: &["ansible.windows.win_acl_inheritance"],
    options: &[
        OptionSpec::new("path", OptionKind::Text).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("reorganize", OptionKind::Bool),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn not_followed(follow: &Value) -> Result<(), String> {
    match follow {
        Value::Bool(true) => {
            Err("`true` is not supported\nhint: name the path that the link points to".to_owned())
        }
        _ => Ok(()),
    }
}

/// Whether a path is one of the registry.
fn is_registry(path: &str) -> bool {
    let hive = path.split(['\\', '/']).next().unwrap_or_default().trim_end_matches(':').to_uppercase();
    matches!(hive.as_str(), "HKLM" | "HKCU" | "HKCR" | "HKU" | "HKCC") || hive.starts_with("HKEY_")
}

/// The access mask of rights by their names, as .NET's rules have it: a rule that allows something also
/// allows to wait for it.
pub(super) fn mask(rights: &str, path: &str, allow: bool) -> Result<u32, ModuleError> {
    let registry = is_registry(path);
    let table = if registry { REGISTRY } else { FILE };
    let mut mask = 0;
    for name in rights.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match table.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, bits)) => mask |= bits,
            None => return Err(unknown(name, table)),
        }
    }
    if mask == 0 {
        return Err(ModuleError::new("option `rights` of `win_acl` names no right"));
    }
    if registry || mask == FULL {
        return Ok(mask);
    }
    Ok(if allow { mask | SYNCHRONIZE } else { mask & !SYNCHRONIZE })
}

fn unknown(name: &str, table: &[(&str, u32)]) -> ModuleError {
    let near = table
        .iter()
        .map(|(known, _)| (strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase()), *known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min();
    let hint = match near {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None => format!("there are {}", table.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ")),
    };
    ModuleError::new(format!("`{name}` in `rights` of `win_acl` is not a right\nhint: {hint}"))
}

/// `ContainerInherit`, `ObjectInherit`, both or `None`, as a number; empty for the default of the path.
fn inherit(text: Option<&str>) -> Result<String, ModuleError> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(String::new()) };
    let mut flags = 0;
    for name in text.split(',').map(str::trim) {
        flags |= match name.to_lowercase().as_str() {
            "containerinherit" => 1,
            "objectinherit" => 2,
            "none" => 0,
            _ => {
                return Err(ModuleError::new(format!(
                    "`{name}` in `inherit` of `win_acl` is not possible\nhint: `ContainerInherit`, `ObjectInherit`, both with a comma, or `None`"
                )));
            }
        };
    }
    Ok(flags.to_string())
}

impl Module for WinAcl {
    fn spec(&self) -> &'static ModuleSpec {
        &ACL
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let path = place::path(options, "path")?;
        if path.get(..5).is_some_and(|drive| drive.eq_ignore_ascii_case("cert:")) {
            return Err(ModuleError::new(
                "`win_acl` is for files, folders and keys of the registry\nhint: `certificate_key_acl` says who may use the private key of a certificate",
            ));
        }
        let kind = options.text("type").unwrap_or("allow");
        let mask = mask(options.text("rights").unwrap_or_default(), &path, kind == "allow")?;
        let propagation = match options.text("propagation") {
            Some("NoPropagateInherit") => "1",
            Some("InheritOnly") => "2",
            _ => "0",
        };
        let call = Call::new("acl_rule")
            .with("path", &path)
            .with("user", options.text("user").unwrap_or_default())
            .with("type", kind)
            .with("mask", &mask.to_string())
            .with("inherit", &inherit(options.text("inherit"))?)
            .with("propagate", propagation)
            .with("want", options.text("state").unwrap_or("present"));
        Ok(Work::Host(Box::new(Step::new(call))))
    }
}

impl Module for WinOwner {
    fn spec(&self) -> &'static ModuleSpec {
        &OWNER
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let call = Call::new("owner")
            .with("path", &place::path(options, "path")?)
            .with("user", options.text("user").unwrap_or_default())
            .flag("recurse", options.flag("recurse", false));
        Ok(Work::Host(Box::new(Step::new(call))))
    }
}

impl Module for WinAclInheritance {
    fn spec(&self) -> &'static ModuleSpec {
        &INHERITANCE
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let call = Call::new("acl_inheritance")
            .with("path", &place::path(options, "path")?)
            .with("want", options.text("state").unwrap_or("absent"))
            .flag("reorganize", options.flag("reorganize", false));
        Ok(Work::Host(Box::new(Step::new(call))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, text, told};
    use serde_json::json;

    #[test]
    fn options_become_calls() {
        for (module, options, expected) in [
            (
                "win_acl",
                json!({"path": "C:\\x", "user": "IIS AppPool\\Usercube", "rights": "Modify", "type": "allow"}),
                "acl_rule path=C:\\x user=IIS AppPool\\Usercube type=allow mask=1245631 inherit= propagate=0 want=present",
            ),
            (
                "win_acl",
                json!({"path": "HKLM:\\SOFTWARE\\x", "user": "a", "rights": "ReadKey", "type": "deny", "state": "absent",
                    "inherit": "ContainerInherit", "propagation": "InheritOnly"}),
                "acl_rule path=HKLM:\\SOFTWARE\\x user=a type=deny mask=131097 inherit=1 propagate=2 want=absent",
            ),
            (
                "win_acl",
                json!({"path": "C:\\x", "user": "a", "rights": "read, Write", "type": "deny", "inherit": "None"}),
                "acl_rule path=C:\\x user=a type=deny mask=131487 inherit=0 propagate=0 want=present",
            ),
            (
                "win_acl",
                json!({"path": "C:\\x", "user": "a", "rights": "FullControl", "type": "allow", "inherit": "ContainerInherit, ObjectInherit"}),
                "acl_rule path=C:\\x user=a type=allow mask=2032127 inherit=3 propagate=0 want=present",
            ),
            (
                "win_owner",
                json!({"path": "C:\\x", "user": "a", "recurse": true}),
                "owner path=C:\\x user=a recurse=1",
            ),
            ("win_acl_inheritance", json!({"path": "C:\\x"}), "acl_inheritance path=C:\\x want=absent"),
        ] {
            assert_eq!(text(module, options), expected);
        }
    }

    #[test]
    fn unknown_rights_are_refused() {
        let acl = |name: &str, value: &str| {
            let mut options = json!({"path": "C:\\x", "user": "a", "rights": "Read", "type": "allow"});
            options[name] = value.into();
            refused("win_acl", options)
        };
        assert!(acl("rights", "Modfy").contains("did you mean `Modify`?"));
        assert!(acl("rights", "ReadKey").contains("is not a right"));
        assert!(acl("rights", "").contains("names no right"));
        assert!(acl("path", "Cert:\\LocalMachine\\My\\AB").contains("`certificate_key_acl`"));
        assert!(acl("inherit", "Both").contains("ContainerInherit"));
        assert!(acl("progagation", "None").contains("did you mean `propagation`?"));
    }

    #[test]
    fn an_unknown_account_fails() {
        let options = json!({"path": "C:\\x", "user": "a", "rights": "Read", "type": "allow"});
        let (outcome, result) = told("win_acl", options, 1, &[("msg", "the host knows no account `a`")]);
        assert!(outcome.failed);
        assert_eq!(result["msg"], "the host knows no account `a`");
    }
}
