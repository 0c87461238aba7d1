//! What is written to PowerShell.

use super::*;

#[test]
fn the_command_line_fits_cmd_and_needs_no_quotes() {
    let nonce = Nonce::new();
    let line = command_line(&nonce);
    assert!(line.len() < 8000, "{}", line.len());
    assert!(line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .-+/=".contains(&byte)), "{line}");
    let encoded = line.rsplit(' ').next().unwrap();
    let bytes = BASE64.decode(encoded).unwrap();
    let (units, rest) = bytes.as_chunks::<2>();
    assert!(rest.is_empty());
    let text =
        String::from_utf16(&units.iter().map(|unit| u16::from_le_bytes(*unit)).collect::<Vec<_>>()).unwrap();
    assert!(text.contains(&format!("\"`n@{nonce}@`n\"")), "{text}");
    assert!(!text.contains("@NONCE@"));
    assert!(text.len() < 2500);
}

#[test]
fn what_is_no_call_does_not_get_between_the_quotes() {
    let text = program("function pw_x($a) { return 0 }", "x name:QQ==\n'@; exit\n# y\nX y\nx \u{e4}", "T");
    assert!(text.ends_with("plr_main @'\n# calls\nx name:QQ==\n# end of calls\n'@\n#T"), "{text}");
}

#[test]
fn a_step_is_one_line() {
    let step = Step {
        id: 7,
        epoch: 2,
        text: "read path:QQ==\nput path:Qg==".to_owned(),
        group: Group::LastItem,
        timeout: Some(std::time::Duration::from_millis(1500)),
        name: Some("4.1".to_owned()),
        ..Step::default()
    };
    assert_eq!(unit(&step), "step 7 2 l 2 0 4.1 cmVhZCBwYXRoOlFRPT0KcHV0IHBhdGg6UWc9PQ==");
    let bare = Step { id: 1, epoch: 1, text: "ping".to_owned(), ..Step::default() };
    assert_eq!(unit(&bare), "step 1 1 a 0 0 - cGluZw==");
}

#[test]
fn the_scripts_are_plain_and_of_the_language_only() {
    for (name, text) in [
        ("bootstrap", BOOTSTRAP),
        ("session", PARTS[0]),
        ("platform", PARTS[1]),
        ("call", PARTS[2]),
        ("run", PARTS[3]),
        ("beside", PARTS[4]),
    ] {
        assert!(text.is_ascii(), "{name}");
        for word in [
            "Write-",
            "Get-",
            "New-Object",
            "Out-",
            "ConvertTo",
            "Add-Type",
            "Invoke-Expression",
            "iex ",
            "Start-",
            "Select-",
            "Test-Path",
            "ForEach-Object",
            "Where-Object",
        ] {
            assert!(!text.contains(word), "{name}: {word}");
        }
        // Braces and quotes in strings are rare enough here that a miscount is a mistake.
        let count = |c: char| {
            text.lines()
                .filter(|line| !line.starts_with('#'))
                .flat_map(str::chars)
                .filter(|found| *found == c)
                .count()
        };
        assert_eq!(count('{'), count('}'), "{name}");
        assert_eq!(count('('), count(')'), "{name}");
    }
}
