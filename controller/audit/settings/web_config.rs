//! `web.config`: which program the site runs, with which variables, and whether it writes a log.

use zeroize::Zeroizing;

use super::decode::Decoded;
use crate::document::xml::{ReadElement, read};

/// What is of interest in it.
#[derive(Default)]
pub(super) struct WebConfig {
    /// `arguments` of `aspNetCore`.
    pub(super) arguments: Option<String>,
    /// `stdoutLogEnabled`, as written.
    pub(super) stdout_log: Option<String>,
    /// Variables of the environment.
    pub(super) variables: Vec<(String, Zeroizing<String>)>,
    /// Whether several elements `aspNetCore` are in it; the first one was read.
    pub(super) several: bool,
}

/// Most variables that are read.
const VARIABLES: usize = 1000;

/// Reads it; what is wrong with it has line and column in front.
pub(super) fn web_config(decoded: &Decoded) -> Result<WebConfig, String> {
    let without = decoded.wide.then(|| without_declaration(&decoded.text));
    let text = without.as_deref().unwrap_or(&decoded.text);
    let elements = read(text).map_err(|problem| problem.to_string())?;
    // It may stand within `location`, as the publishing tools of .NET write it.
    let mut found = elements.iter().enumerate().filter(|(_, element)| element.name == "aspNetCore");
    let Some((number, element)) = found.next() else { return Ok(WebConfig::default()) };
    let within = |element: &ReadElement, name: &str| {
        element.parent.and_then(|parent| elements.get(parent)).filter(|parent| parent.name == name)
    };
    let variables = elements.iter().filter(|element| {
        element.name == "environmentVariable"
            && within(element, "environmentVariables").is_some_and(|list| list.parent == Some(number))
    });
    let variables = variables.filter_map(|variable| {
        let value = variable.attribute("value").unwrap_or_default();
        Some((variable.attribute("name")?.to_owned(), Zeroizing::new(value.to_owned())))
    });
    Ok(WebConfig {
        arguments: element.attribute("arguments").map(str::to_owned),
        stdout_log: element.attribute("stdoutLogEnabled").map(str::to_owned),
        variables: variables.take(VARIABLES).collect(),
        several: found.next().is_some(),
    })
}

/// A text that was UTF-16 says so in its first line, and it is so no more. Blanks keep places as they are.
fn without_declaration(text: &str) -> Zeroizing<String> {
    let start = text.trim_start_matches('\u{feff}');
    let mut without = Zeroizing::new(String::with_capacity(text.len()));
    match start.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) {
        Some((declaration, rest)) => {
            without.extend(std::iter::repeat_n(' ', declaration.chars().count() + "<?xml?>".len()));
            without.push_str(rest);
        }
        None => without.push_str(start),
    }
    without
}
