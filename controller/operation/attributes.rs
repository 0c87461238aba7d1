//! Mode, owner, group and times that a path shall have.

use super::answer::PathState;

/// What a path shall have; nothing given leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    /// The mode.
    pub mode: Option<FileMode>,
    /// A user's name or number.
    pub owner: Option<String>,
    /// A group's name or number.
    pub group: Option<String>,
    /// The time of the last access.
    pub access_time: Option<FileTime>,
    /// The time of the last modification.
    pub modification_time: Option<FileTime>,
}

/// A mode as it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileMode {
    /// All twelve bits.
    Bits(u32),
    /// A change of the bits that are there, as words for `pf_mode_of`.
    Symbolic(String),
}

/// A time to set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileTime {
    /// The host's time when the step runs.
    Now,
    /// `YYYY-MM-DD hh:mm:ss` in the host's time zone.
    At(String),
}

impl FileMode {
    /// Reads octal digits or a symbolic mode (`u=rwX,g+r`). As in Ansible, `X` also counts what
    /// earlier clauses did, and a clause without classes means all of them, less the umask.
    pub fn parse(text: &str) -> Option<Self> {
        let octal = text.strip_prefix("0o").unwrap_or(text);
        if !octal.is_empty() && octal.bytes().all(|byte| byte.is_ascii_digit()) {
            let bits = u32::from_str_radix(octal, 8).ok()?;
            return (bits <= 0o7777).then_some(Self::Bits(bits));
        }
        let mut words = Vec::new();
        for clause in text.split(',') {
            let at = clause.find(['=', '+', '-'])?;
            let (classes, mut rest) = clause.split_at(at);
            let umask = classes.is_empty();
            let classes = if umask || classes == "a" { "ugo" } else { classes };
            while let Some(operator) = rest.chars().next() {
                let behind = &rest[1..];
                let end = behind.find(['=', '+', '-']).unwrap_or(behind.len());
                for class in classes.chars() {
                    words.push(word(operator, class, &behind[..end], umask)?);
                }
                rest = &behind[end..];
            }
        }
        Some(Self::Symbolic(words.join(" ")))
    }
}

/// One operator for one class: `OP:CLEAR:BITS:X:COPY:SHIFT:UMASK`.
fn word(operator: char, class: char, permissions: &str, umask: bool) -> Option<String> {
    let (shift, special) = match class {
        'u' => (6, 0o4000),
        'g' => (3, 0o2000),
        'o' => (0, 0o1000),
        _ => return None,
    };
    let (mut bits, mut executable, mut copied) = (0, 0, String::new());
    for permission in permissions.chars() {
        match permission {
            'r' => bits |= 4 << shift,
            'w' => bits |= 2 << shift,
            'x' => bits |= 1 << shift,
            'X' => executable = 1 << shift,
            's' if class != 'o' => bits |= special,
            't' if class == 'o' => bits |= special,
            's' | 't' => {}
            'u' | 'g' | 'o' => copied.push(permission),
            _ => return None,
        }
    }
    let clear = (7 << shift) | special;
    let umask = u8::from(umask);
    Some(format!("{operator}:{clear}:{bits}:{executable}:{copied}:{shift}:{umask}"))
}

impl Attributes {
    /// The mode that a path shall have, by the rules of `pf_mode_of`; the umask is octal text.
    pub(super) fn mode_of(&self, state: &PathState, umask: Option<&str>) -> Option<u32> {
        let words = match self.mode.as_ref()? {
            FileMode::Bits(bits) => return Some(*bits),
            FileMode::Symbolic(words) => words,
        };
        let umask = umask.and_then(|text| u32::from_str_radix(text, 8).ok()).unwrap_or(0o22);
        let mut mode = state.mode;
        for word in words.split(' ') {
            let mut parts = word.split(':');
            let operator = parts.next()?;
            let mut number = || parts.next()?.parse::<u32>().ok();
            let (clear, mut bits, executable) = (number()?, number()?, number()?);
            let copied = parts.next()?;
            let shift: u32 = parts.next()?.parse().ok()?;
            for class in copied.chars() {
                let from = match class {
                    'u' => 6,
                    'g' => 3,
                    _ => 0,
                };
                bits |= (mode >> from & 7) << shift;
            }
            if parts.next()? == "1" {
                bits &= !umask;
            }
            if state.kind == "directory" || mode & 0o111 != 0 {
                bits |= executable;
            }
            mode = match operator {
                "=" => mode & !clear | bits,
                "+" => mode | bits,
                _ => mode & !bits,
            };
        }
        Some(mode)
    }

    /// What chown has to be told for a path; empty if nothing.
    pub(super) fn owner_of(&self, state: &PathState) -> String {
        let differs = |wanted: &str, name: &str, number: u64| {
            if wanted.bytes().all(|byte| byte.is_ascii_digit()) {
                wanted.parse() != Ok(number)
            } else {
                wanted != name
            }
        };
        let mut spec = String::new();
        if let Some(owner) = &self.owner
            && differs(owner, &state.owner, state.uid)
        {
            spec.push_str(owner);
        }
        if let Some(group) = &self.group
            && differs(group, &state.group, state.gid)
        {
            spec.push(':');
            spec.push_str(group);
        }
        spec
    }

    /// The words that `pf_begin` takes: mode, owner, group, access and modification time.
    pub(super) fn words(&self) -> [String; 5] {
        let mode = match &self.mode {
            None => String::new(),
            Some(FileMode::Bits(bits)) => bits.to_string(),
            Some(FileMode::Symbolic(words)) => format!("s{words}"),
        };
        let time = |time: &Option<FileTime>| match time {
            None => String::new(),
            Some(FileTime::Now) => "now".to_owned(),
            Some(FileTime::At(text)) => text.clone(),
        };
        [
            mode,
            self.owner.clone().unwrap_or_default(),
            self.group.clone().unwrap_or_default(),
            time(&self.access_time),
            time(&self.modification_time),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_ansible_reads_them() {
        assert_eq!(FileMode::parse("0644"), Some(FileMode::Bits(0o644)));
        assert_eq!(FileMode::parse("0o1777"), Some(FileMode::Bits(0o1777)));
        assert_eq!(FileMode::parse("0999"), None);
        assert_eq!(FileMode::parse("77777"), None);
        assert_eq!(FileMode::parse("u=q"), None);
        assert_eq!(FileMode::parse("z=r"), None);
        assert_eq!(
            FileMode::parse("u=rwX,g+s"),
            Some(FileMode::Symbolic("=:2496:384:64::6:0 +:1080:1024:0::3:0".to_owned()))
        );
        assert_eq!(
            FileMode::parse("+x"),
            Some(FileMode::Symbolic("+:2496:64:0::6:1 +:1080:8:0::3:1 +:519:1:0::0:1".to_owned()))
        );
        assert_eq!(
            FileMode::parse("o=g-x"),
            Some(FileMode::Symbolic("=:519:0:0:g:0:0 -:519:1:0::0:0".to_owned()))
        );
    }
}
