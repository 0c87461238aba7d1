//! A headless Chromium that opens pages (`tests/support/browser/drive.py`). It ends when its standard input does, so when the
//! test dies too.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

use super::patience::{self, Lines, PATIENCE};

/// The browser's process.
pub(crate) struct Browser {
    child: Child,
    pipes: Option<(ChildStdin, Lines)>,
}

/// A window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
    /// Whether scripts run.
    pub(crate) script: bool,
}

/// A laptop.
pub(crate) const LAPTOP: Window = Window { width: 1366, height: 768, dark: false, script: true };
/// A phone.
pub(crate) const PHONE: Window = Window { width: 390, height: 844, dark: false, script: true };

impl Window {
    pub(crate) fn dark(self) -> Self {
        Self { dark: true, ..self }
    }
}

/// The first elements that reach beyond the window, but for what is within something that scrolls or cuts.
const BEYOND: &str = "[...document.querySelectorAll('body *')].filter(e => { for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== 'visible') return false; return true; }).filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).slice(0, 12).map(e => `${e.tagName}.${e.getAttribute('class')} ${Math.round(e.getBoundingClientRect().right)} ${e.textContent.trim().slice(0, 40)}`)";

impl Browser {
    pub(crate) fn start() -> Self {
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/browser/drive.py");
        let mut child = Command::new("/usr/bin/python3")
            .arg(driver)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("install python3; `tests/run` does");
        let pipes = (child.stdin.take().unwrap(), Lines::of(child.stdout.take().unwrap()));
        Self { child, pipes: Some(pipes) }
    }

    /// Opens a page and returns how many milliseconds it took.
    #[track_caller]
    pub(crate) fn open(&mut self, path: &Path, window: Window) -> u64 {
        let scheme = if window.dark { "dark" } else { "light" };
        let answer = self.ask(&json!({
            "do": "open", "path": path, "width": window.width, "height": window.height,
            "scheme": scheme, "script": window.script,
        }));
        answer["milliseconds"].as_u64().unwrap()
    }

    /// The value of an expression on the page.
    #[track_caller]
    pub(crate) fn value(&mut self, script: &str) -> Value {
        self.ask(&json!({"do": "evaluate", "script": script}))
    }

    /// The number that an expression on the page has.
    #[track_caller]
    pub(crate) fn number(&mut self, script: &str) -> i64 {
        let value = self.value(script);
        value.as_i64().unwrap_or_else(|| panic!("{script}: {value}"))
    }

    /// How many elements fit a selector.
    #[track_caller]
    pub(crate) fn count(&mut self, selector: &str) -> i64 {
        self.number(&format!("document.querySelectorAll({}).length", json!(selector)))
    }

    /// How many elements that fit a selector are shown.
    #[track_caller]
    pub(crate) fn shown(&mut self, selector: &str) -> i64 {
        self.number(&format!(
            "[...document.querySelectorAll({})].filter((it) => it.checkVisibility()).length",
            json!(selector)
        ))
    }

    /// The text of the first element that fits a selector.
    #[track_caller]
    pub(crate) fn text(&mut self, selector: &str) -> String {
        let value = self.value(&format!("document.querySelector({}).textContent", json!(selector)));
        value.as_str().unwrap_or_else(|| panic!("{selector}: {value}")).to_owned()
    }

    #[track_caller]
    pub(crate) fn press(&mut self, key: &str) {
        self.ask(&json!({"do": "press", "key": key}));
    }

    #[track_caller]
    pub(crate) fn hover(&mut self, selector: &str) {
        self.ask(&json!({"do": "hover", "selector": selector}));
    }

    /// What the page wrote to the console, asked for, and wanted to say in dialogs.
    #[track_caller]
    pub(crate) fn report(&mut self) -> Value {
        self.ask(&json!({"do": "report"}))
    }

    /// Checks that the page is whole by itself: no message, no request but for itself, no dialog, nothing wider than
    /// the window, nothing that could run but its own script.
    #[track_caller]
    pub(crate) fn expect_sound(&mut self, path: &Path) {
        let report = self.report();
        assert_eq!(report["console"], json!([]), "{report}");
        assert_eq!(report["dialogs"], json!([]), "{report}");
        let own = format!("file://{}", path.display());
        assert_eq!(report["requests"], json!([own]), "the page asks for something: {report}");
        let (wide, window) = (
            self.number("document.documentElement.scrollWidth"),
            self.number("document.documentElement.clientWidth"),
        );
        if wide > window {
            let beyond = self.value(BEYOND);
            panic!("the page is {wide} pixels wide in a window of {window}: {beyond}");
        }
        assert_eq!(self.count("script"), 1);
        assert_eq!(self.count("iframe, object, embed, img, link[rel=stylesheet], [style], [onclick]"), 0);
    }

    #[track_caller]
    fn ask(&mut self, line: &Value) -> Value {
        let (stdin, stdout) = self.pipes.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        let answer = stdout.next("the browser").unwrap_or_default();
        let mut answer: Value = serde_json::from_str(&answer)
            .expect("the browser ended; its message is above (install chromium; `tests/run` does)");
        assert!(answer.get("error").is_none(), "{line}: {answer}");
        answer["ok"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without input it ends by itself, and takes Chromium with it.
        self.pipes.take();
        patience::ends(&mut self.child, PATIENCE);
    }
}
