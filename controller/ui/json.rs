//! `--output json`: one event a line, and nothing else.

use std::io::{self, Write};

use super::Reporter;
use crate::executor::event::Event;
use crate::hostlog::escape_json;

/// The reporter for programs.
pub struct Json<O> {
    out: O,
}

impl<O: Write + Send> Json<O> {
    /// Lines go to `out`, which may be buffered.
    pub fn new(out: O) -> Self {
        Self { out }
    }
}

impl<O: Write + Send> Reporter for Json<O> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let json = serde_json::to_string(event)?;
        self.out.write_all(escape_json(&json).as_bytes())?;
        self.out.write_all(b"\n")
    }

    fn tick(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::executor::event::Status;

    #[test]
    fn every_event_is_a_line() {
        let out = Paper::default();
        let mut json = Json::new(out.clone());
        json.event(&finished("a\x1b", "t\n", Status::Changed, true)).unwrap();
        json.event(&warning("look")).unwrap();
        json.finish().unwrap();
        insta::assert_snapshot!(out.text(), @r#"
        {"seq":1,"at":"2026-05-09T07:29:33.000001Z","run":"0198-run","host":"a\u001b","task":"t\n","step":1,"kind":"task_finished","status":"changed","changed":true}
        {"seq":1,"at":"2026-05-09T07:29:33.000001Z","run":"0198-run","kind":"warning","message":"look"}
        "#);
    }
}
