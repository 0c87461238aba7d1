//! Calls of library functions, as the text of a step for a Windows host.
//!
//! A call is one line, `FUNCTION ARGUMENT ARGUMENT`: an argument is `NAME` (no values) or `NAME:VALUE,VALUE`, each value in
//! base64. The session takes it apart and never compiles it, so nothing has to be quoted: PowerShell takes five
//! different characters for a single quote.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    text: String,
}

impl Call {
    /// Begins the call of a function of the library; its name stands here without `pw_`.
    #[must_use]
    pub fn new(function: &'static str) -> Self {
        Self { text: function.to_owned() }
    }

    /// Adds an argument with one value.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.list(name, [value])
    }

    /// Adds an argument if there is a value for it.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds an argument that is `1` where it holds.
    #[must_use]
    pub fn flag(self, name: &str, holds: bool) -> Self {
        if holds { self.with(name, "1") } else { self }
    }

    /// Adds an argument with any number of values. Names are ours and hold letters, digits, `_`, `.` and `-`; what else
    /// should be in one is written as `_XX_`, so that it can never be taken for something of the call.
    #[must_use]
    pub fn list<'v>(mut self, name: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        self.text.push(' ');
        for byte in name.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' => {
                    self.text.push(char::from(byte));
                }
                other => self.text.push_str(&format!("_{other:02x}_")),
            }
        }
        for (number, value) in values.into_iter().enumerate() {
            self.text.push(if number == 0 { ':' } else { ',' });
            STANDARD.encode_string(value, &mut self.text);
        }
        self
    }

    /// The line.
    #[must_use]
    pub fn text(self) -> String {
        self.text
    }
}

/// The call that sets variables for the programs of the calls behind it, with its line end; empty for none.
///
/// # Errors
/// A name that Windows cannot have, or a value with a NUL in it.
pub fn environment(pairs: &[(String, String)]) -> Result<String, String> {
    if pairs.is_empty() {
        return Ok(String::new());
    }
    for (name, value) in pairs {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(format!("`environment`: `{name}` is not the name of an environment variable"));
        }
        if value.contains('\0') {
            return Err(format!("`environment`: the value of `{name}` holds a NUL byte"));
        }
    }
    let names = pairs.iter().map(|(name, _)| name.as_str());
    let values = pairs.iter().map(|(_, value)| value.as_str());
    Ok(Call::new("environment").list("names", names).list("values", values).text() + "\n")
}

/// Values that a host reported: base64 words between commas, `-` for none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Values(pub Vec<String>);

impl Values {
    /// Reads them; nothing for what a host did not write as it should. Text that is not UTF-8 gets replacement characters.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text == "-" {
            return Some(Self::default());
        }
        let element =
            |word: &str| STANDARD.decode(word).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        text.split(',').map(element).collect::<Option<Vec<_>>>().map(Self)
    }

    /// The first value.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_one_line_of_harmless_characters() {
        let text = Call::new("put")
            .with("path", "C:\\a b\u{2018}$(x)\n\u{2019}")
            .list("none", [])
            .list("two", ["", "x"])
            .flag("check", true)
            .flag("diff", false)
            .maybe("owner", None)
            .with("odd name:", "")
            .text();
        assert_eq!(text, "put path:QzpcYSBi4oCYJCh4KQrigJk= none two:,eA== check:MQ== odd_20_name_3a_:");
    }

    #[test]
    fn an_environment_is_a_call_in_front() {
        let pair = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
        assert_eq!(environment(&[]), Ok(String::new()));
        let text = environment(&pair("ProgramFiles(x86)", "a b"));
        assert_eq!(text.as_deref(), Ok("environment names:UHJvZ3JhbUZpbGVzKHg4Nik= values:YSBi\n"));
        assert!(environment(&pair("a=b", "c")).is_err());
        assert!(environment(&pair("a", "\0")).is_err());
    }

    #[test]
    fn values_are_read_or_refused() {
        let values = |text: &str| Values::read(text).map(|values| values.0);
        assert_eq!(values("-"), Some(Vec::new()));
        assert_eq!(values(""), Some(vec![String::new()]));
        assert_eq!(values("eA==,"), Some(vec!["x".to_owned(), String::new()]));
        assert_eq!(values("eA=,"), None);
        assert_eq!(values("*"), None);
    }
}
