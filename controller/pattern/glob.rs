//! Shell globs as Python's `fnmatch` reads them: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`; the whole name
//! has to match, and case counts.

/// A glob.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug)]
enum Token {
    Many,
    One,
    Just(char),
    Set { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    /// Reads a glob; every text is one.
    pub(super) fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut tokens = Vec::with_capacity(chars.len());
        let mut at = 0;
        while at < chars.len() {
            let token = match chars[at] {
                '*' => Token::Many,
                '?' => Token::One,
                '[' => match set(&chars, at) {
                    Some((token, end)) => {
                        at = end;
                        token
                    }
                    None => Token::Just('['),
                },
                other => Token::Just(other),
            };
            tokens.push(token);
            at += 1;
        }
        Self { tokens }
    }

    /// Tells whether the whole name matches.
    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut token, mut at) = (0, 0);
        // The last `*` seen, and how much of the name it has taken so far.
        let mut star: Option<(usize, usize)> = None;
        loop {
            match self.tokens.get(token) {
                Some(Token::Many) => {
                    star = Some((token, at));
                    token += 1;
                }
                Some(one) if at < name.len() && one.takes(name[at]) => {
                    token += 1;
                    at += 1;
                }
                None if at == name.len() => return true,
                _ => match &mut star {
                    Some((place, taken)) if *taken < name.len() => {
                        *taken += 1;
                        token = *place + 1;
                        at = *taken;
                    }
                    _ => return false,
                },
            }
        }
    }
}

impl Token {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::Many => false,
            Self::One => true,
            Self::Just(this) => *this == character,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&character)) != *negated
            }
        }
    }
}

/// Reads the set that opens at `open`; returns it with the place of its `]`.
fn set(chars: &[char], open: usize) -> Option<(Token, usize)> {
    let negated = chars.get(open + 1) == Some(&'!');
    let start = open + 1 + usize::from(negated);
    // A `]` right behind the opening is a member.
    let search = start + usize::from(chars.get(start) == Some(&']'));
    let end = search + chars.get(search..)?.iter().position(|character| *character == ']')?;
    let members = &chars[start..end];
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < members.len() {
        if members.get(at + 1) == Some(&'-') && at + 2 < members.len() {
            ranges.push((members[at], members[at + 2]));
            at += 3;
        } else {
            ranges.push((members[at], members[at]));
            at += 1;
        }
    }
    Some((Token::Set { negated, ranges }, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_fnmatch() {
        let yes = [
            ("*", ""),
            ("web*", "web1"),
            ("*.example", "a.b.example"),
            ("w?b", "web"),
            ("web0[1:3]", "web0:"),
            ("web0[1-3]", "web02"),
            ("[!a]x", "bx"),
            ("[]]x", "]x"),
            ("[", "["),
            ("a[b", "a[b"),
            ("[a-]", "-"),
            ("*a*b*", "xxaxxbx"),
        ];
        for (glob, name) in yes {
            assert!(Glob::new(glob).matches(name), "{glob} {name}");
        }
        let no = [
            ("web", "web1"),
            ("WEB", "web"),
            ("w?b", "wb"),
            ("web0[1:3]", "web02"),
            ("[!a]x", "ax"),
            ("*a", "ab"),
            ("[z-a]", "m"),
            ("[]", "x"),
        ];
        for (glob, name) in no {
            assert!(!Glob::new(glob).matches(name), "{glob} {name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_a_plain_recursion(glob in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            fn plain(glob: &[u8], name: &[u8]) -> bool {
                match glob.split_first() {
                    None => name.is_empty(),
                    Some((b'*', rest)) => (0..=name.len()).any(|taken| plain(rest, &name[taken..])),
                    Some((first, rest)) => name.split_first().is_some_and(|(head, tail)| (*first == b'?' || first == head) && plain(rest, tail)),
                }
            }
            proptest::prop_assert_eq!(Glob::new(&glob).matches(&name), plain(glob.as_bytes(), name.as_bytes()));
        }
    }
}
