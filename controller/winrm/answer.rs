//! Reading answers. They are hostile data: no document types, no deep nesting, nothing is allocated by a number in them, and
//! their size was capped before they got here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use thiserror::Error;

use crate::fault::Fault;

/// Deeper than any answer of Windows.
const DEEPEST: usize = 32;
/// More pieces of output than fit an envelope would be tiny ones.
const MOST_PIECES: usize = 8192;
/// Longest text that is kept of a fault, in characters.
const LONGEST_REASON: usize = 1000;
/// Longest identifier of a shell or command.
const LONGEST_ID: usize = 256;

/// An answer that is not one.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{what}")]
pub struct Unreadable {
    what: String,
}

pub(crate) fn unreadable(what: &str) -> Unreadable {
    Unreadable { what: what.to_owned() }
}

/// The streams that a command writes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// A piece of output.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Piece {
    pub(crate) stream: Stream,
    pub(crate) bytes: Bytes,
}

/// Everything that an answer may hold; each request looks for its own part.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Answer {
    /// The message that it answers.
    pub(crate) relates_to: Option<String>,
    pub(crate) fault: Option<Fault>,
    pub(crate) shell: Option<String>,
    pub(crate) command: Option<String>,
    pub(crate) pieces: Vec<Piece>,
    /// The command of the pieces and the state.
    pub(crate) of_command: Option<String>,
    pub(crate) is_done: bool,
    pub(crate) exit_code: Option<i64>,
    pub(crate) product_vendor: Option<String>,
    pub(crate) product_version: Option<String>,
}

/// An element that is open, with the attributes that matter and the text so far.
#[derive(Default)]
struct Open {
    name: String,
    name_attribute: Option<String>,
    command: Option<String>,
    state: Option<String>,
    code: Option<String>,
    text: String,
}

impl Answer {
    pub(crate) fn parse(document: &[u8]) -> Result<Self, Unreadable> {
        let document = std::str::from_utf8(document).map_err(|_| unreadable("it is not UTF-8"))?;
        let mut reader = Reader::from_str(document.trim_start_matches('\u{feff}'));
        let (mut answer, mut open) = (Self::default(), Vec::<Open>::new());
        let mut has_envelope = false;
        loop {
            match reader.read_event().map_err(|error| unreadable(&format!("it is not XML: {error}")))? {
                Event::Start(start) => {
                    let element = element(&start)?;
                    has_envelope |= open.is_empty() && element.name == "Envelope";
                    if open.len() == DEEPEST {
                        return Err(unreadable("it is nested too deeply"));
                    }
                    open.push(element);
                }
                Event::Empty(start) => {
                    let element = element(&start)?;
                    answer.take(element, &open)?;
                }
                Event::End(_) => match open.pop() {
                    Some(element) => answer.take(element, &open)?,
                    None => return Err(unreadable("it is not XML")),
                },
                Event::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text.xml10_content());
                    }
                }
                Event::CData(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text.xml10_content());
                    }
                }
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref() {
                        Ok(Some(c)) => c.to_string(),
                        Ok(None) => resolve_predefined_entity(&reference.xml10_content())
                            .ok_or_else(|| unreadable("it refers to an entity"))?
                            .to_owned(),
                        Err(_) => return Err(unreadable("it refers to an entity")),
                    };
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&resolved);
                    }
                }
                Event::DocType(_) => return Err(unreadable("it has a document type")),
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
                Event::Eof => break,
            }
        }
        if !open.is_empty() {
            return Err(unreadable("it is cut off"));
        }
        if !has_envelope {
            return Err(unreadable("it is not a SOAP envelope"));
        }
        Ok(answer)
    }

    /// Takes what an element that ended tells. `around` are the elements that it is in.
    fn take(&mut self, element: Open, around: &[Open]) -> Result<(), Unreadable> {
        let parent = around.last().map_or("", |open| open.name.as_str());
        match (parent, element.name.as_str()) {
            ("Header", "RelatesTo") => self.relates_to = Some(identifier(&element.text)?),
            ("SelectorSet", "Selector") if element.name_attribute.as_deref() == Some("ShellId") => {
                self.shell = Some(identifier(&element.text)?);
            }
            ("Shell", "ShellId") if self.shell.is_none() => self.shell = Some(identifier(&element.text)?),
            ("CommandResponse", "CommandId") => self.command = Some(identifier(&element.text)?),
            ("ReceiveResponse", "Stream") => self.piece(&element)?,
            ("ReceiveResponse", "CommandState") => {
                self.of_command = element.command;
                self.is_done = element.state.is_some_and(|state| state.ends_with("/CommandState/Done"));
            }
            ("CommandState", "ExitCode") => {
                let code =
                    element.text.trim().parse().map_err(|_| unreadable("its exit code is not a number"))?;
                self.exit_code = Some(code);
            }
            ("IdentifyResponse", "ProductVendor") => self.product_vendor = Some(sentence(&element.text)),
            ("IdentifyResponse", "ProductVersion") => self.product_version = Some(sentence(&element.text)),
            _ if around.iter().any(|open| open.name == "Fault") => self.part_of_fault(parent, &element),
            ("Body", "Fault") => {
                self.fault.get_or_insert_default();
            }
            _ => {}
        }
        Ok(())
    }

    fn piece(&mut self, element: &Open) -> Result<(), Unreadable> {
        let stream = match element.name_attribute.as_deref() {
            Some("stdout") => Stream::Output,
            Some("stderr") => Stream::Error,
            _ => return Err(unreadable("it has output of a stream that was not asked for")),
        };
        if element.command.is_some() {
            self.of_command.clone_from(&element.command);
        }
        let text = element.text.as_str();
        let bytes = if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
            STANDARD.decode(text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<_>>())
        } else {
            STANDARD.decode(text)
        }
        .map_err(|_| unreadable("its output is not base64"))?;
        if !bytes.is_empty() {
            if self.pieces.len() == MOST_PIECES {
                return Err(unreadable("it has too many pieces of output"));
            }
            self.pieces.push(Piece { stream, bytes: bytes.into() });
        }
        Ok(())
    }

    fn part_of_fault(&mut self, parent: &str, element: &Open) {
        let fault = self.fault.get_or_insert_default();
        let number = |text: &str| text.trim().parse::<u32>().ok();
        match (parent, element.name.as_str()) {
            ("Subcode", "Value") => {
                let value = element.text.trim();
                fault.subcode = sentence(value.rsplit(':').next().unwrap_or(value));
            }
            ("Reason", "Text") if fault.reason.is_empty() => fault.reason = sentence(&element.text),
            // A provider's fault lies within that of WinRM and ends first: the outer one has the last word.
            (_, "WSManFault") => {
                if let Some(code) = element.code.as_deref().and_then(number) {
                    fault.set_code(code);
                }
            }
            // Quotas come as an error of WMI.
            (_, "error_Code") if fault.code.is_none() => {
                if let Some(code) = number(&element.text) {
                    fault.set_code(code);
                }
            }
            ("WSManFault" | "ProviderFault", "Message" | "ProviderFault") => {
                let text = sentence(&element.text);
                if !text.is_empty() {
                    fault.reason = text;
                }
            }
            _ => {}
        }
    }
}

fn element(start: &BytesStart<'_>) -> Result<Open, Unreadable> {
    let mut open = Open { name: start.local_name().as_ref().to_owned(), ..Open::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| unreadable("it is not XML"))?;
        let place = match attribute.key.local_name().as_ref() {
            "Name" => &mut open.name_attribute,
            "CommandId" => &mut open.command,
            "State" => &mut open.state,
            "Code" => &mut open.code,
            _ => continue,
        };
        let value =
            attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| unreadable("it is not XML"))?;
        *place = Some(identifier(&value)?);
    }
    Ok(open)
}

/// An identifier or address of the host, of a length that fits.
fn identifier(text: &str) -> Result<String, Unreadable> {
    let text = text.trim();
    if text.len() > LONGEST_ID || text.chars().any(char::is_control) {
        return Err(unreadable("an identifier in it is too long"));
    }
    Ok(text.to_owned())
}

/// A host's text on one line, without control characters, and not too long.
fn sentence(text: &str) -> String {
    let mut sentence = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence.push_str(word);
        if sentence.chars().count() > LONGEST_REASON {
            return sentence.chars().take(LONGEST_REASON).chain(['…']).collect();
        }
    }
    sentence
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
