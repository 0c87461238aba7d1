//! The frames that the shell writes, taken apart without believing any of them.
//!
//! A frame is a line; three kinds are followed by raw bytes up to the session's token, which no
//! other process of the host knows. Nothing here allocates by a number that came from the host:
//! memory grows with the bytes that came, up to the limits.

/// How much is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Longest line.
    pub(crate) line: usize,
    /// Largest blob; what is beyond is dropped and the blob is marked.
    pub(crate) blob: usize,
}

/// One frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Frame {
    /// A fact about the session.
    Info { key: String, value: String },
    /// The session takes steps.
    Ready,
    /// A tool is missing or too old.
    Unsupported { tool: String },
    /// The shell ends, and says why.
    Failed { text: String },
    /// A step starts.
    Started { id: u64 },
    /// A step was held back.
    Skipped { id: u64 },
    /// The lease is gone; the shell says what became of it, and ends.
    Fenced { id: u64, why: String },
    /// A piece of a payload was stored (or dropped, because its step is held back).
    Stored { id: u64, wanted: bool },
    /// A step is over.
    Finished { id: u64, status: i32 },
    /// A reported value.
    Value { id: u64, name: String, text: String },
    /// Reported bytes.
    Blob { id: u64, name: String, bytes: Vec<u8>, complete: bool },
    /// A piece of output.
    Output { id: u64, stderr: bool, bytes: Vec<u8> },
    /// A user command is over.
    Command { id: u64, rc: i32, timed_out: bool, dropped: u64 },
}

/// What the bytes that come now belong to.
#[derive(Debug)]
enum State {
    /// A line.
    Line,
    /// Raw bytes up to the token.
    Raw(Raw),
    /// The rest of the line behind the token.
    Trailer(Raw),
}

/// Raw bytes on their way.
#[derive(Debug)]
enum Raw {
    Output { id: u64, stderr: bool },
    Text { id: u64, name: String, bytes: Vec<u8> },
    Blob { id: u64, name: String, bytes: Vec<u8>, over: bool },
}

/// Takes a stream apart.
#[derive(Debug)]
pub(crate) struct Parser {
    token: Needle,
    limits: Limits,
    state: State,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are known to hold no line end.
    searched: usize,
}

impl Parser {
    /// Starts behind the sentinel.
    pub(crate) fn new(token: &str, limits: Limits) -> Self {
        Self { token: Needle::new(token), limits, state: State::Line, buffer: Vec::new(), searched: 0 }
    }

    /// Whether a frame has begun and is not complete.
    pub(crate) fn within_frame(&self) -> bool {
        !matches!(self.state, State::Line) || !self.buffer.is_empty()
    }

    /// Takes bytes, returns the frames they complete. After an error the stream is of no use.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, String> {
        self.buffer.extend_from_slice(bytes);
        let buffer = std::mem::take(&mut self.buffer);
        let mut frames = Vec::new();
        let mut at = 0;
        loop {
            let rest = &buffer[at..];
            match std::mem::replace(&mut self.state, State::Line) {
                State::Line => {
                    let Some(end) = position(&rest[self.searched..], b'\n') else {
                        self.searched = rest.len();
                        if rest.len() > self.limits.line {
                            return Err("a line is too long".to_owned());
                        }
                        break;
                    };
                    let end = self.searched + end;
                    self.searched = 0;
                    at += end + 1;
                    if end > self.limits.line {
                        return Err("a line is too long".to_owned());
                    }
                    self.line(&rest[..end], &mut frames)?;
                }
                State::Raw(mut raw) => {
                    let found = self.token.find(rest);
                    let end = found.unwrap_or_else(|| rest.len().saturating_sub(self.token.len() - 1));
                    raw.take(&rest[..end], self.limits, &mut frames)?;
                    at += end;
                    if found.is_none() {
                        self.state = State::Raw(raw);
                        break;
                    }
                    at += self.token.len();
                    self.state = State::Trailer(raw);
                }
                State::Trailer(raw) => {
                    // At most a space and a status.
                    let Some(end) = position(rest, b'\n') else {
                        if rest.len() > 16 {
                            return Err("raw bytes do not end as they should".to_owned());
                        }
                        self.state = State::Trailer(raw);
                        break;
                    };
                    at += end + 1;
                    raw.end(&rest[..end], &mut frames)?;
                }
            }
        }
        self.buffer = if at == 0 { buffer } else { buffer[at..].to_vec() };
        Ok(frames)
    }

    /// Takes one line.
    fn line(&mut self, line: &[u8], frames: &mut Vec<Frame>) -> Result<(), String> {
        let unknown = || format!("an unknown frame: `{}`", excerpt(line));
        let (kind, rest) = match line {
            [kind, b' ', rest @ ..] => (*kind, rest),
            [kind] => (*kind, &[][..]),
            _ => return Err(unknown()),
        };
        let words = || rest.split(|byte| *byte == b' ');
        let id = || words().next().and_then(number).ok_or_else(unknown);
        let only_id = || if words().count() == 1 { id() } else { Err(unknown()) };
        let frame = match kind {
            b'S' => Frame::Started { id: only_id()? },
            b'K' => Frame::Skipped { id: only_id()? },
            b'X' => {
                Frame::Fenced { id: id()?, why: split(rest).map(|(_, why)| excerpt(why)).unwrap_or_default() }
            }
            b'A' => Frame::Stored { id: only_id()?, wanted: true },
            b'N' => Frame::Stored { id: only_id()?, wanted: false },
            b'R' => {
                let [_, status] = fields(rest).ok_or_else(unknown)?;
                Frame::Finished { id: id()?, status: small(status).ok_or_else(unknown)? }
            }
            b'C' => {
                let [_, rc, timed_out, dropped] = fields(rest).ok_or_else(unknown)?;
                Frame::Command {
                    id: id()?,
                    rc: code(rc).ok_or_else(unknown)?,
                    timed_out: number(timed_out).ok_or_else(unknown)? != 0,
                    dropped: number(dropped).ok_or_else(unknown)?,
                }
            }
            b'V' => {
                let (_, rest) = split(rest).ok_or_else(unknown)?;
                let (name, value) = split(rest).ok_or_else(unknown)?;
                Frame::Value { id: id()?, name: text(name), text: text(value) }
            }
            b'O' => {
                let [_, stream] = fields(rest).ok_or_else(unknown)?;
                let stderr = match stream {
                    b"o" => false,
                    b"e" => true,
                    _ => return Err(unknown()),
                };
                self.state = State::Raw(Raw::Output { id: id()?, stderr });
                return Ok(());
            }
            b'W' => {
                let [_, name] = fields(rest).ok_or_else(unknown)?;
                self.state = State::Raw(Raw::Text { id: id()?, name: text(name), bytes: Vec::new() });
                return Ok(());
            }
            b'D' => {
                let [_, name] = fields(rest).ok_or_else(unknown)?;
                self.state =
                    State::Raw(Raw::Blob { id: id()?, name: text(name), bytes: Vec::new(), over: false });
                return Ok(());
            }
            b'I' => {
                let (key, value) = split(rest).ok_or_else(unknown)?;
                Frame::Info { key: text(key), value: text(value) }
            }
            b'Y' if self.token.is(rest) => Frame::Ready,
            b'U' => Frame::Unsupported { tool: excerpt(rest) },
            b'E' => Frame::Failed { text: excerpt(rest) },
            _ => return Err(unknown()),
        };
        frames.push(frame);
        Ok(())
    }
}

impl Raw {
    /// Takes bytes before the token.
    fn take(&mut self, piece: &[u8], limits: Limits, frames: &mut Vec<Frame>) -> Result<(), String> {
        if piece.is_empty() {
            return Ok(());
        }
        match self {
            Self::Output { id, stderr } => {
                frames.push(Frame::Output { id: *id, stderr: *stderr, bytes: piece.to_vec() });
            }
            Self::Text { bytes, .. } => {
                if bytes.len() + piece.len() > limits.line {
                    return Err("a value is too long".to_owned());
                }
                bytes.extend_from_slice(piece);
            }
            Self::Blob { bytes, over, .. } => {
                let room = limits.blob.saturating_sub(bytes.len());
                *over |= piece.len() > room;
                bytes.extend_from_slice(&piece[..room.min(piece.len())]);
            }
        }
        Ok(())
    }

    /// Ends with what stands between the token and the end of the line.
    fn end(self, trailer: &[u8], frames: &mut Vec<Frame>) -> Result<(), String> {
        let status = match trailer {
            [] => 0,
            [b' ', status @ ..] => small(status).ok_or("raw bytes do not end as they should")?,
            _ => return Err("raw bytes do not end as they should".to_owned()),
        };
        match self {
            Self::Output { .. } => {}
            Self::Text { id, name, bytes } => frames.push(Frame::Value { id, name, text: text(&bytes) }),
            Self::Blob { id, name, bytes, over } => {
                frames.push(Frame::Blob { id, name, bytes, complete: status == 0 && !over });
            }
        }
        Ok(())
    }
}

/// A word to look for in a stream, by Horspool's rule.
#[derive(Debug)]
pub(crate) struct Needle {
    word: Vec<u8>,
    shift: [u8; 256],
}

impl Needle {
    /// Words are shorter than 256 bytes.
    pub(crate) fn new(word: &str) -> Self {
        let word = word.as_bytes().to_vec();
        let length = u8::try_from(word.len()).expect("tokens are short");
        let mut shift = [length.max(1); 256];
        for (place, byte) in word.iter().take(word.len().saturating_sub(1)).enumerate() {
            shift[usize::from(*byte)] = length - 1 - u8::try_from(place).expect("tokens are short");
        }
        Self { word, shift }
    }

    /// Length of the word.
    pub(crate) fn len(&self) -> usize {
        self.word.len()
    }

    /// Whether `bytes` is the word.
    fn is(&self, bytes: &[u8]) -> bool {
        self.word == bytes
    }

    /// Where the word stands first.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<usize> {
        let length = self.word.len();
        let mut at = 0;
        while let Some(window) = bytes.get(at..at + length) {
            if window == self.word {
                return Some(at);
            }
            at += usize::from(self.shift[usize::from(window[length - 1])]);
        }
        None
    }
}

/// Where `byte` stands first.
pub(crate) fn position(bytes: &[u8], byte: u8) -> Option<usize> {
    bytes.iter().position(|other| *other == byte)
}

/// Exactly `N` words.
fn fields<const N: usize>(bytes: &[u8]) -> Option<[&[u8]; N]> {
    let mut words = bytes.split(|byte| *byte == b' ');
    let mut found = [&[][..]; N];
    for field in &mut found {
        *field = words.next().filter(|word| !word.is_empty())?;
    }
    words.next().is_none().then_some(found)
}

/// The first word and what follows its space.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = position(bytes, b' ')?;
    (end > 0).then(|| (&bytes[..end], &bytes[end + 1..]))
}

/// Digits only.
fn number(word: &[u8]) -> Option<u64> {
    let digits = word.iter().all(u8::is_ascii_digit) && !word.is_empty();
    digits.then(|| std::str::from_utf8(word).ok()?.parse().ok()).flatten()
}

/// An exit status.
fn small(word: &[u8]) -> Option<i32> {
    number(word).filter(|status| *status < 100_000).and_then(|status| i32::try_from(status).ok())
}

/// What a program of Windows exits with may be any 32 bits.
fn code(word: &[u8]) -> Option<i32> {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    number(digits)?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Bytes as text.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The beginning of bytes for a message.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let part = &bytes[..bytes.len().min(200)];
    String::from_utf8_lossy(part).chars().map(|c| if c.is_control() { '.' } else { c }).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    const LIMITS: Limits = Limits { line: 1000, blob: 64 };

    fn parse(bytes: &[u8]) -> Result<Vec<Frame>, String> {
        Parser::new(TOKEN, LIMITS).feed(bytes)
    }

    #[test]
    fn every_kind_of_frame_is_read() {
        let stream = format!(
            "I uid 0\nI home /root with space\nY {TOKEN}\nS 7\nV 7 mode 0644 x\nV 7 empty \nW 7 two\na\nb{TOKEN}\n\
             D 7 file\n\0\x01{TOKEN} 0\nO 7 e\nouch{TOKEN}\nC 7 -1073741819 1 99\nR 7 75\nK 8\nX 9\nA 9\nN 9\nU dd\nE no space\n"
        );
        let value = |name: &str, text: &str| Frame::Value { id: 7, name: name.into(), text: text.into() };
        let frames = parse(stream.as_bytes()).unwrap();
        assert_eq!(frames.len(), 17);
        assert_eq!(frames[1], Frame::Info { key: "home".into(), value: "/root with space".into() });
        assert_eq!(frames[2], Frame::Ready);
        assert_eq!(frames[4..7], [value("mode", "0644 x"), value("empty", ""), value("two", "a\nb")]);
        assert_eq!(frames[7], Frame::Blob { id: 7, name: "file".into(), bytes: vec![0, 1], complete: true });
        assert_eq!(frames[8], Frame::Output { id: 7, stderr: true, bytes: b"ouch".to_vec() });
        assert_eq!(frames[9], Frame::Command { id: 7, rc: -1_073_741_819, timed_out: true, dropped: 99 });
        assert_eq!(frames[10], Frame::Finished { id: 7, status: 75 });
        assert_eq!(frames[13], Frame::Stored { id: 9, wanted: true });
    }

    #[test]
    fn what_is_not_a_frame_is_an_error() {
        for stream in [
            "Q 1\n",
            "S\n",
            "S x\n",
            "S 1 2\n",
            "S -1\n",
            "R 1\n",
            "R 1 999999\n",
            "C 1 0 0\n",
            "C 1 -x 0 0\n",
            "C 1 4294967296 0 0\n",
            "O 1 x\n",
            "Y\n",
            "Y 0123\n",
            "\n",
            "S 99999999999999999999999\n",
            "D 1 4294967296 name\n",
        ] {
            assert!(parse(stream.as_bytes()).is_err(), "{stream:?}");
        }
        assert!(parse(&[b'x'; 1001]).is_err());
        assert!(parse(format!("O 1 o\nabc{TOKEN}garbage\n").as_bytes()).is_err());
    }

    #[test]
    fn a_blob_beyond_the_limit_is_cut_and_marked() {
        let stream = format!("D 1 big\n{}{TOKEN} 0\n", "x".repeat(100));
        let Frame::Blob { bytes, complete, .. } = parse(stream.as_bytes()).unwrap().remove(0) else {
            panic!()
        };
        assert_eq!((bytes.len(), complete), (64, false));
    }

    /// Joins neighbouring pieces of output, which depend on how the stream was cut.
    fn joined(frames: Vec<Frame>) -> Vec<Frame> {
        let mut joined: Vec<Frame> = Vec::new();
        for frame in frames {
            if let (Some(Frame::Output { bytes: all, .. }), Frame::Output { bytes, .. }) =
                (joined.last_mut(), &frame)
            {
                all.extend_from_slice(bytes);
            } else {
                joined.push(frame);
            }
        }
        joined
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_without_panic_and_within_memory(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        ) {
            let mut parser = Parser::new(TOKEN, LIMITS);
            for piece in &pieces {
                if parser.feed(piece).is_err() {
                    break;
                }
                prop_assert!(parser.buffer.len() <= LIMITS.line);
            }
        }

        #[test]
        fn lines_that_resemble_frames_never_panic(
            lines in prop::collection::vec("[SKXANRCVOWDIYUE] ?[0-9oe ]{0,12}\n", 0..20),
        ) {
            drop(Parser::new(TOKEN, LIMITS).feed(lines.concat().as_bytes()));
        }

        #[test]
        fn raw_bytes_come_through_whole_however_the_stream_is_cut(
            raw in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..50,
        ) {
            let mut stream = b"O 3 o\n".to_vec();
            stream.extend_from_slice(&raw);
            stream.extend_from_slice(format!("{TOKEN}\nR 3 0\n").as_bytes());
            let mut parser = Parser::new(TOKEN, LIMITS);
            let frames: Vec<_> = stream.chunks(size).flat_map(|piece| parser.feed(piece).unwrap()).collect();
            let mut expected = vec![Frame::Finished { id: 3, status: 0 }];
            if !raw.is_empty() {
                expected.insert(0, Frame::Output { id: 3, stderr: false, bytes: raw });
            }
            prop_assert_eq!(joined(frames), expected);
            prop_assert!(!parser.within_frame());
        }

        #[test]
        fn a_word_is_found_where_it_stands(before in "[0-9a-f]{0,80}", after in "[0-9a-f]{0,40}") {
            let all = format!("{before}{TOKEN}{after}");
            prop_assert_eq!(Needle::new(TOKEN).find(all.as_bytes()), all.find(TOKEN));
        }
    }
}
