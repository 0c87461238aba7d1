//! Writing XML: the only way text gets into an envelope. Names and namespaces are ours; every value is escaped, and one that
//! XML cannot hold is refused.

use thiserror::Error;

/// A value holds a character that XML 1.0 has no way to write (XML 1.0, 2.2).
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error(
    "{what} holds the character U+{character:04X}, which cannot be sent\nhint: remove it, or send it as input of the command"
)]
pub struct NotXml {
    what: &'static str,
    character: u32,
}

/// A document that grows; elements are closed in the order in which they were opened.
#[derive(Default)]
pub(crate) struct Writer {
    text: String,
    open: Vec<&'static str>,
}

impl Writer {
    pub(crate) fn open(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, &str)],
    ) -> Result<(), NotXml> {
        self.tag(name, attributes)?;
        self.text.push('>');
        self.open.push(name);
        Ok(())
    }

    pub(crate) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.text.push_str("</");
            self.text.push_str(name);
            self.text.push('>');
        }
    }

    /// An element with text.
    pub(crate) fn leaf(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, &str)],
        value: &str,
    ) -> Result<(), NotXml> {
        self.open(name, attributes)?;
        self.value(name, value)?;
        self.close();
        Ok(())
    }

    /// An element without content.
    pub(crate) fn empty(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, &str)],
    ) -> Result<(), NotXml> {
        self.tag(name, attributes)?;
        self.text.push_str("/>");
        Ok(())
    }

    /// The document, once everything is closed.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    fn tag(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) -> Result<(), NotXml> {
        self.text.push('<');
        self.text.push_str(name);
        for (attribute, value) in attributes {
            self.text.push(' ');
            self.text.push_str(attribute);
            self.text.push_str("=\"");
            self.value(attribute, value)?;
            self.text.push('"');
        }
        Ok(())
    }

    fn value(&mut self, what: &'static str, value: &str) -> Result<(), NotXml> {
        for c in value.chars() {
            match c {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\'' => self.text.push_str("&apos;"),
                // A reader turns these into blanks or line feeds unless they are written as references.
                '\t' => self.text.push_str("&#9;"),
                '\n' => self.text.push_str("&#10;"),
                '\r' => self.text.push_str("&#13;"),
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                    return Err(NotXml { what, character: u32::from(c) });
                }
                _ => self.text.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use quick_xml::events::Event;

    use super::*;

    #[test]
    fn what_cannot_be_written_is_refused_by_name() {
        let mut writer = Writer::default();
        let error = writer.leaf("rsp:Command", &[], "a\u{7}").unwrap_err();
        assert!(error.to_string().starts_with("rsp:Command holds the character U+0007"));
    }

    proptest! {
        #[test]
        fn any_text_comes_back_and_makes_no_markup(text in "\\PC*", attribute in "\\PC*") {
            let mut writer = Writer::default();
            writer.leaf("a", &[("b", &attribute)], &text).unwrap();
            let document = writer.finish();
            let mut reader = quick_xml::Reader::from_str(&document);
            let (mut seen, mut elements) = (String::new(), 0);
            loop {
                match reader.read_event().unwrap() {
                    Event::Start(start) => {
                        elements += 1;
                        let value = start.attributes().next().unwrap().unwrap();
                        prop_assert_eq!(&*value.normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap(), attribute.as_str());
                    }
                    Event::Text(text) => seen.push_str(&text.xml10_content()),
                    Event::GeneralRef(reference) => {
                        seen.push_str(&quick_xml::escape::unescape(&format!("&{};", &*reference.xml10_content())).unwrap());
                    }
                    Event::Eof => break,
                    _ => {}
                }
            }
            prop_assert_eq!(elements, 1);
            prop_assert_eq!(seen, text);
        }
    }
}
