//! Lines of `authorized_keys` and `known_hosts`: what `authorized_key` and `known_hosts` make of them. Pure, but for the salt
//! of a new hashed name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Map, Value};
use sha1::Sha1;

use super::text::{Edited, Shape, TextEdit};

/// What names the type of a key.
fn is_type(word: &str) -> bool {
    let name = word.trim_end_matches("@openssh.com").trim_end_matches("-cert-v01");
    name.starts_with("ssh-") || name.starts_with("sk-") || name.starts_with("ecdsa-sha2-")
}

/// A line with a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// What it may do, as `sshd(8)` has it; empty for all.
    pub options: String,
    /// Its type.
    pub kind: String,
    /// Its content in base64.
    pub data: String,
    /// What is behind it.
    pub comment: String,
}

impl Key {
    /// Reads a line: options, which may hold spaces within quotes, type, content, comment.
    pub fn read(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let mut quoted = false;
        let mut escaped = false;
        let end = line
            .char_indices()
            .find(|(_, char)| {
                match char {
                    '"' if !escaped => quoted = !quoted,
                    ' ' | '\t' if !quoted => return true,
                    _ => {}
                }
                escaped = *char == '\\' && !escaped;
                false
            })
            .map_or(line.len(), |(at, _)| at);
        let (first, behind) = line.split_at(end);
        let (options, rest) = if is_type(first) { ("", line) } else { (first, behind.trim_start()) };
        let mut words = rest.splitn(3, [' ', '\t']);
        let (kind, data) = (words.next()?, words.next()?);
        if !is_type(kind) || STANDARD.decode(data).is_err() {
            return None;
        }
        Some(Self {
            options: options.to_owned(),
            kind: kind.to_owned(),
            data: data.to_owned(),
            comment: words.next().unwrap_or_default().trim().to_owned(),
        })
    }

    fn line(&self) -> String {
        let words = [&self.options, &self.kind, &self.data, &self.comment];
        let words: Vec<&str> =
            words.iter().map(|word| word.as_str()).filter(|word| !word.is_empty()).collect();
        words.join(" ")
    }
}

/// Keys that may log in.
#[derive(Clone, Debug)]
pub struct AuthorizedKeys {
    /// Which.
    pub keys: Vec<Key>,
    /// Whether they are to be there.
    pub present: bool,
    /// Whether no other is.
    pub exclusive: bool,
}

fn lines(bytes: Option<&[u8]>) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(bytes.unwrap_or_default())
        .map_err(|error| format!("the file is not UTF-8: byte {} does not fit", error.valid_up_to()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn edited(bytes: Option<&[u8]>, before: &[String], after: &[String], message: &str) -> Edited {
    if before == after && bytes.is_some() {
        return Edited::new(bytes.unwrap_or_default().to_vec(), "");
    }
    let text: String = after.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    Edited::new(text.into_bytes(), message)
}

impl TextEdit for AuthorizedKeys {
    fn edit(&self, bytes: Option<&[u8]>) -> Result<Edited, String> {
        let before = lines(bytes)?;
        let mut after: Vec<String> = Vec::new();
        let mut left: Vec<&Key> = self.keys.iter().collect();
        for line in &before {
            let Some(key) = Key::read(line) else {
                after.push(line.clone());
                continue;
            };
            let wanted = self.keys.iter().find(|wanted| wanted.data == key.data && wanted.kind == key.kind);
            match (wanted, self.present) {
                (Some(wanted), true) => {
                    // A second line of the same key would open what the first one limits.
                    if let Some(at) = left.iter().position(|left| left.data == wanted.data) {
                        left.remove(at);
                        after.push(if key == *wanted { line.clone() } else { wanted.line() });
                    }
                }
                (Some(_), false) => {}
                (None, present) if present && self.exclusive => {}
                (None, _) => after.push(line.clone()),
            }
        }
        if self.present {
            after.extend(left.iter().map(|key| key.line()));
        }
        Ok(edited(bytes, &before, &after, "keys changed"))
    }

    fn shape(&self) -> Shape {
        Shape::Cron
    }

    fn without_file(&self, _path: &str, _create: bool) -> Option<String> {
        (!self.present).then(String::new)
    }
}

/// A host that is known by its key.
#[derive(Clone, Debug)]
pub struct KnownHost {
    /// Its name or address, as `ssh` looks for it.
    pub name: String,
    /// Type and content of its key; nothing for all its keys.
    pub key: Option<(String, String)>,
    /// The line to write; its first word is replaced where names are hashed.
    pub line: String,
    /// Whether it is to be there.
    pub present: bool,
    /// Whether the name is hashed.
    pub hash: bool,
}

fn hashed(salt: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    mac.update(name.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// Whether a line is for a host, and whether its name is hashed there.
fn names_host(names: &str, host: &str) -> Option<bool> {
    if let Some(rest) = names.strip_prefix("|1|") {
        let (salt, digest) = rest.split_once('|')?;
        let (salt, digest) = (STANDARD.decode(salt).ok()?, STANDARD.decode(digest).ok()?);
        return (hashed(&salt, host)? == digest).then_some(true);
    }
    names.split(',').any(|name| name.eq_ignore_ascii_case(host)).then_some(false)
}

impl KnownHost {
    fn wanted_line(&self) -> Result<String, String> {
        if !self.hash {
            return Ok(self.line.clone());
        }
        let mut salt = [0; 20];
        SystemRandom::new().fill(&mut salt).map_err(|_| "no random bytes are to be had".to_owned())?;
        let digest = hashed(&salt, &self.name).unwrap_or_default();
        let rest = self.line.split_once(' ').map_or("", |(_, rest)| rest);
        Ok(format!("|1|{}|{} {rest}", STANDARD.encode(salt), STANDARD.encode(digest)))
    }
}

impl TextEdit for KnownHost {
    fn edit(&self, bytes: Option<&[u8]>) -> Result<Edited, String> {
        let before = lines(bytes)?;
        let mut after = Vec::new();
        let mut there = false;
        for line in &before {
            let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
            let (names, kind, data) = (words.next(), words.next(), words.next());
            // Lines with a marker are about authorities and revoked keys.
            let host = names
                .filter(|names| !names.starts_with(['#', '@']))
                .and_then(|names| names_host(names, &self.name));
            let (Some(is_hashed), Some(kind), Some(data)) = (host, kind, data) else {
                after.push(line.clone());
                continue;
            };
            match (&self.key, self.present) {
                (Some((wanted, content)), true) if wanted == kind => {
                    if content == data && is_hashed == self.hash && !there {
                        there = true;
                        after.push(line.clone());
                    }
                }
                (Some((wanted, content)), false) if wanted != kind || content != data => {
                    after.push(line.clone());
                }
                (_, true) => after.push(line.clone()),
                (_, false) => {}
            }
        }
        if self.present && !there {
            after.push(self.wanted_line()?);
        }
        Ok(edited(bytes, &before, &after, "hosts changed"))
    }

    fn shape(&self) -> Shape {
        Shape::Cron
    }

    fn without_file(&self, _path: &str, _create: bool) -> Option<String> {
        (!self.present).then(String::new)
    }

    fn tell(&self, _bytes: &[u8], result: &mut Map<String, Value>) {
        result.insert("name".to_owned(), self.name.clone().into());
        result.insert("state".to_owned(), if self.present { "present" } else { "absent" }.into());
        result.insert("hash_host".to_owned(), self.hash.into());
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== ann@desk";
    const TWO: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== bob";

    fn after(edit: &dyn TextEdit, text: &str) -> String {
        String::from_utf8(edit.edit(Some(text.as_bytes())).unwrap().bytes).unwrap()
    }

    #[test]
    fn keys_are_known_by_their_content() {
        let key = Key::read(ONE).unwrap();
        let mut edit = AuthorizedKeys { keys: vec![key.clone()], present: true, exclusive: false };
        let odd = "# mine\nfrom=\"a b\",command=\"echo \\\"x\\\"\" ";
        let old = format!("{odd}{ONE}\n{TWO}\n\n");
        assert_eq!(after(&edit, &old), format!("# mine\n{ONE}\n{TWO}\n\n"));
        assert_eq!(after(&edit, &format!("{TWO}\n")), format!("{TWO}\n{ONE}\n"));
        assert_eq!(edit.edit(Some(format!("{ONE}\n").as_bytes())).unwrap().message, "");
        edit.exclusive = true;
        assert_eq!(after(&edit, &old), format!("# mine\n{ONE}\n\n"));
        edit.keys[0].options = "no-pty".to_owned();
        assert_eq!(after(&edit, &format!("{ONE}\n{ONE}\n")), format!("no-pty {ONE}\n"));
        edit.present = false;
        assert_eq!(after(&edit, &old), format!("# mine\n{TWO}\n\n"));
        for wrong in ["", "# x", "ssh-rsa", "ssh-rsa %%% x", "echo hi"] {
            assert_eq!(Key::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hosts_are_found_by_plain_and_hashed_names() {
        let line = |data: &str| format!("a.example ssh-rsa {data}");
        let mut edit = KnownHost {
            name: "a.example".to_owned(),
            key: Some(("ssh-rsa".to_owned(), "AAAA".to_owned())),
            line: line("AAAA"),
            present: true,
            hash: false,
        };
        let other = "b.example,c ssh-rsa BBBB\n@revoked a.example ssh-rsa AAAA\na.example ssh-ed25519 CCCC\n";
        let with = after(&edit, other);
        assert_eq!(with, format!("{other}{}\n", line("AAAA")));
        assert_eq!(after(&edit, &with), with);
        assert_eq!(after(&edit, &format!("{}\n", line("BBBB"))), format!("{}\n", line("AAAA")));
        edit.hash = true;
        let hidden = after(&edit, &with);
        assert!(hidden.starts_with(other) && !hidden[other.len()..].contains("example"), "{hidden}");
        assert_eq!(after(&edit, &hidden), hidden);
        (edit.present, edit.key) = (false, None);
        assert_eq!(after(&edit, &hidden), other.replace("a.example ssh-ed25519 CCCC\n", ""));
        assert!(edit.without_file("x", true).is_some());
    }
}
