//! Bars for a terminal: one line for the rollout, one per host at work, and above them what a person must see.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::board::Board;
use super::lines::{Line, Lines};
use super::{Options, Palette, Reporter};
use crate::executor::event::Event;

/// Time between two pictures.
const FRAME: Duration = Duration::from_millis(100);
/// Pictures a second that the drawing library lets through; above ours, so that it drops none.
const RATE: u8 = 20;

/// The reporter on a terminal. Bars are drawn on standard error, lines go to `out`; both must be the same
/// terminal, else use [`Plain`](super::Plain).
pub struct Progress<O> {
    lines: Lines,
    board: Board,
    bar: ProgressBar,
    /// Columns and lines of the terminal, asked before each picture: people resize.
    size: Box<dyn Fn() -> (usize, usize) + Send>,
    out: O,
    /// Lines that wait for the next picture.
    above: Vec<u8>,
    drawn: Option<Instant>,
}

impl<O: Write + Send> Progress<O> {
    /// Draws on standard error.
    pub fn new(options: Options, out: O) -> Self {
        super::echo::hide_control_characters();
        Self::on(options, out, ProgressDrawTarget::stderr_with_hz(RATE), Box::new(terminal_size))
    }

    /// Draws on any terminal.
    pub fn on_terminal(
        options: Options,
        out: O,
        terminal: Box<dyn TermLike>,
        columns: usize,
        rows: usize,
    ) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(terminal, RATE);
        Self::on(options, out, target, Box::new(move || (columns, rows)))
    }

    fn on(
        options: Options,
        out: O,
        target: ProgressDrawTarget,
        size: Box<dyn Fn() -> (usize, usize) + Send>,
    ) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is valid"));
        let board = Board::new(Palette { color: options.color }, Instant::now());
        Self { lines: Lines::new(options, 1), board, bar, size, out, above: Vec::new(), drawn: None }
    }

    fn draw(&mut self, now: Instant) -> io::Result<()> {
        let (columns, rows) = (self.size)();
        self.bar.set_message(self.board.draw(now, columns, rows).join("\n"));
        if !self.above.is_empty() {
            let above = std::mem::take(&mut self.above);
            self.bar.suspend(|| self.out.write_all(&above).and_then(|()| self.out.flush()))?;
        }
        self.drawn = Some(now);
        Ok(())
    }
}

impl<O: Write + Send> Reporter for Progress<O> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.board.event(event, Instant::now());
        for line in self.lines.event(event) {
            let (Line::Data(text) | Line::Warning(text)) = line;
            self.above.extend_from_slice(text.as_bytes());
            self.above.push(b'\n');
        }
        Ok(())
    }

    fn tick(&mut self) -> io::Result<()> {
        let now = Instant::now();
        match self.drawn {
            Some(drawn) if now.saturating_duration_since(drawn) < FRAME => Ok(()),
            _ => self.draw(now),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.bar.finish_and_clear();
        super::restore_terminal();
        self.out.write_all(&std::mem::take(&mut self.above))?;
        self.out.flush()
    }
}

/// Columns and lines of the terminal on standard error; 80 and 24 where there is none.
pub fn terminal_size() -> (usize, usize) {
    rustix::termios::tcgetwinsize(io::stderr())
        .ok()
        .filter(|size| size.ws_col > 0 && size.ws_row > 0)
        .map_or((80, 24), |size| (usize::from(size.ws_col), usize::from(size.ws_row)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::testing::*;
    use super::*;
    use crate::executor::event::{HostStatus, Status};

    const COLUMNS: usize = 80;

    /// Enough of a terminal: a screen without end, and a cursor that wraps at its right margin.
    #[derive(Clone, Debug, Default)]
    struct Terminal(Arc<Mutex<Screen>>);

    #[derive(Debug, Default)]
    struct Screen {
        lines: Vec<String>,
        row: usize,
        column: usize,
    }

    impl Terminal {
        fn text(&self) -> String {
            let screen = self.0.lock().unwrap();
            screen.lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
        }

        fn put(&self, text: &str) {
            let screen = &mut *self.0.lock().unwrap();
            for c in text.chars() {
                match c {
                    '\r' => screen.column = 0,
                    '\n' => (screen.row, screen.column) = (screen.row + 1, 0),
                    _ => {
                        if screen.column == COLUMNS {
                            (screen.row, screen.column) = (screen.row + 1, 0);
                        }
                        if screen.lines.len() <= screen.row {
                            screen.lines.resize(screen.row + 1, String::new());
                        }
                        let line = &mut screen.lines[screen.row];
                        let mut cells: Vec<char> = line.chars().collect();
                        cells.resize(cells.len().max(screen.column + 1), ' ');
                        cells[screen.column] = c;
                        *line = cells.into_iter().collect();
                        screen.column += 1;
                    }
                }
            }
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, by: usize) -> io::Result<()> {
            self.0.lock().unwrap().row -= by;
            Ok(())
        }

        fn move_cursor_down(&self, by: usize) -> io::Result<()> {
            self.0.lock().unwrap().row += by;
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.put(&format!("{text}\n"));
            Ok(())
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.put(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            let screen = &mut *self.0.lock().unwrap();
            let row = screen.row;
            if let Some(line) = screen.lines.get_mut(row) {
                line.clear();
            }
            screen.column = 0;
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.put(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn failures_stand_above_the_bars_and_the_bars_leave() {
        let terminal = Terminal::default();
        let mut progress =
            Progress::on_terminal(Options::default(), terminal.clone(), Box::new(terminal.clone()), 80, 24);
        for event in [
            run_started(&["a", "b"], false),
            play_started(&["a", "b"], 2),
            started("a", "Copy", None),
            started("b", "Copy", None),
            finished("b", "Copy", Status::Changed, true),
            told("b", "Start", Status::Failed, false, Some("exit status 3"), &["no port"]),
            host_finished("b", HostStatus::Failed, "exit status 3"),
        ] {
            progress.event(&event).unwrap();
        }
        progress.tick().unwrap();
        insta::assert_snapshot!(terminal.text(), @"
        apply site.yml on 2 hosts, 50 at once; run 0198-run

        PLAY [Install the agent] *******************************************************
        2 hosts, 2 tasks
        fatal: [b]: FAILED! => Start: exit status 3
          at site.yml:12:7
          | no port
        [=======>        ] 1/2 hosts  1 at work  1 failed  0:00
          a  Copy                                                                  0:00
        ");
        progress.event(&warning("look")).unwrap();
        progress.finish().unwrap();
        insta::assert_snapshot!(terminal.text(), @"
        apply site.yml on 2 hosts, 50 at once; run 0198-run

        PLAY [Install the agent] *******************************************************
        2 hosts, 2 tasks
        fatal: [b]: FAILED! => Start: exit status 3
          at site.yml:12:7
          | no port
        [WARNING]: look
        ");
    }
}
