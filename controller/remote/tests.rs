//! A host that lies: a fake peer that knows the token and sends what it likes.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};

use crate::{
    CloseReason, Dialect, Login, Nonce, Pipes, ShellEvent, StartError, StartOptions, StartPhase, Started,
    Step, start,
};

/// The far end of a session.
struct Host {
    input: BufReader<ReadHalf<DuplexStream>>,
    output: WriteHalf<DuplexStream>,
    token: String,
}

const FACTS: &str = "I pid 9\nI uid 0\nI temp 0\n";

fn options(nonce: Nonce, login: Login) -> StartOptions {
    StartOptions {
        dialect: Dialect::Posix,
        nonce,
        login,
        password: None,
        timeout: Duration::from_millis(300),
        library: String::new(),
        opening: String::new(),
        waiting: None,
        output_cap: 100_000,
    }
}

/// Makes the two ends; the host has written its sentinel.
async fn ends(login: Login) -> (Pipes, StartOptions, Host) {
    let (near, far) = tokio::io::duplex(1 << 20);
    let (near_read, near_write) = tokio::io::split(near);
    let (far_read, mut far_write) = tokio::io::split(far);
    let nonce = Nonce::new();
    far_write.write_all(format!("banner\n@{nonce}@\n").as_bytes()).await.unwrap();
    let pipes = Pipes {
        stdin: Box::new(near_write),
        stdout: Box::new(near_read),
        stderr: Box::new(tokio::io::empty()),
    };
    let host = Host { input: BufReader::new(far_read), output: far_write, token: String::new() };
    (pipes, options(nonce, login), host)
}

impl Host {
    /// Reads the two lines and the program.
    async fn read_program(&mut self) {
        let (mut first, mut second) = (String::new(), String::new());
        self.input.read_line(&mut first).await.unwrap();
        self.input.read_line(&mut second).await.unwrap();
        let word = |name: &str| {
            let from = first.find(name).unwrap() + name.len();
            first[from..].split([' ', ';']).next().unwrap().to_owned()
        };
        self.token = word("plr_tok=");
        let mut program = vec![0; word("plr_len=").parse().unwrap()];
        self.input.read_exact(&mut program).await.unwrap();
        assert!(program.ends_with(format!("#{}", self.token).as_bytes()));
    }

    async fn say(&mut self, text: &str) {
        // The controller may have hung up already.
        let _ = self.output.write_all(text.replace("TOKEN", &self.token).as_bytes()).await;
    }
}

/// A session with a host that then says `text`, with one step sent.
async fn told(text: &str) -> Vec<ShellEvent> {
    let (pipes, options, mut host) = ends(Login::Plain).await;
    let text = text.to_owned();
    let host = tokio::spawn(async move {
        host.read_program().await;
        host.say(&format!("{FACTS}Y TOKEN\n")).await;
        let mut line = String::new();
        host.input.read_line(&mut line).await.unwrap();
        assert!(line.starts_with("plr_step 1 1 a 0 0 'true' #"), "{line}");
        host.say(&text).await;
        host
    });
    let Started { handle, mut events, .. } = start(pipes, options).await.unwrap();
    handle.send(Step { id: 1, epoch: 1, text: "true".to_owned(), ..Step::default() }).await.unwrap();
    let mut all = Vec::new();
    let collect = async {
        while let Some(event) = events.recv().await {
            all.push(event);
        }
    };
    // An honest end is a silent host; then it hangs up.
    let host = host.await.unwrap();
    if tokio::time::timeout(Duration::from_millis(200), collect).await.is_err() {
        drop(host);
        while let Some(event) = events.recv().await {
            all.push(event);
        }
    }
    all
}

#[tokio::test]
async fn what_a_lying_host_says_ends_the_session() {
    for text in [
        "S 2\n",
        "R 1 0\n",
        "S 1\nS 1\n",
        "S 1\nR 2 0\n",
        "S 1\nK 1\n",
        "V 1 name text\n",
        "O 1 o\nxTOKEN\n",
        "S 1\nR 1 0\nR 1 0\n",
        "A 1\n",
        "S 1\nA 1\n",
        "Y TOKEN\n",
        "I uid 0\n",
        "U dd\n",
        "S 1\nD 1 4294967296 file\n",
        "\u{1}\u{2}garbage\n",
        "S 1\nC 1 0 0 -1\n",
        "S 1\nO 1 o\nxTOKEN and more than a status\n",
    ] {
        let events = told(text).await;
        assert!(
            matches!(events.last(), Some(ShellEvent::Closed(CloseReason::Broken(_)))),
            "{text:?}: {events:?}"
        );
    }
    let endless = "V 1 name ".to_owned() + &"x".repeat(1 << 20);
    assert!(matches!(
        told(&format!("S 1\n{endless}x")).await.last(),
        Some(ShellEvent::Closed(CloseReason::Broken(_)))
    ));
    // What is empty costs too.
    for empty in ["V 1 a \n", "D 1 a\nTOKEN 0\n"] {
        let events = told(&format!("S 1\n{}", empty.repeat(20_000))).await;
        assert!(
            matches!(events.last(), Some(ShellEvent::Closed(CloseReason::Broken(_)))),
            "{:?}",
            events.last()
        );
        assert!(events.len() < 2000, "{} events were kept", events.len());
    }
    let reports = "V 1 name ".to_owned() + &"x".repeat(1000) + "\n";
    let events = told(&format!("S 1\n{}", reports.repeat(300))).await;
    assert!(matches!(events.last(), Some(ShellEvent::Closed(CloseReason::Broken(_)))));
}

#[tokio::test]
async fn an_honest_host_is_believed() {
    let events = told("S 1\nV 1 a b\nO 1 e\nouchTOKEN\nC 1 3 0 5\nR 1 3\n").await;
    let expected = [
        ShellEvent::Started { step: 1 },
        ShellEvent::Value { step: 1, name: "a".into(), text: "b".into() },
        ShellEvent::Output { step: 1, stderr: true, bytes: b"ouch".to_vec() },
        ShellEvent::CommandEnded { step: 1, rc: 3, timed_out: false, dropped: 5 },
        ShellEvent::Finished { step: 1, status: 3 },
        ShellEvent::Closed(CloseReason::Lost),
    ];
    assert_eq!(events, expected);
}

#[tokio::test]
async fn output_beyond_the_cap_is_dropped_here_as_well() {
    let flood = "x".repeat(150_000);
    let events = told(&format!("S 1\nO 1 o\n{flood}TOKEN\nO 1 o\nmoreTOKEN\nC 1 0 0 7\nR 1 0\n")).await;
    let taken: usize = events
        .iter()
        .map(|event| if let ShellEvent::Output { bytes, .. } = event { bytes.len() } else { 0 })
        .sum();
    assert_eq!(taken, 100_000);
    assert!(events.contains(&ShellEvent::CommandEnded {
        step: 1,
        rc: 0,
        timed_out: false,
        dropped: 50_000 + 4 + 7
    }));
}

#[tokio::test]
async fn a_failure_that_the_shell_reports_is_the_reason() {
    let events = told("E the ledger is full\n").await;
    assert_eq!(events, [ShellEvent::Closed(CloseReason::Failed("the ledger is full".into()))]);
    let events = told("X 1\n").await;
    assert_eq!(
        events,
        [ShellEvent::Skipped { step: 1 }, ShellEvent::Closed(CloseReason::Fenced(String::new()))]
    );
}

#[tokio::test]
async fn a_start_fails_by_name() {
    for (text, expected) in [
        ("U setsid\n", "`setsid` cannot be used"),
        ("E no directory\n", "no directory"),
        ("R 1 0\n", "frames out of turn"),
        ("Y 0123\n", "an unknown frame"),
        ("I lease_wait 12 x 600\n", "words about waiting"),
        ("I lease_wait 12 1 600 and more\n", "words about waiting"),
        ("Y TOKEN\n", "did not tell its temp"),
        ("I pid 9\nI uid 0\nI temp 77\nY TOKEN\n", "an unknown directory"),
    ] {
        let (pipes, options, mut host) = ends(Login::Plain).await;
        let host = tokio::spawn(async move {
            host.read_program().await;
            host.say(text).await;
            host
        });
        let error = start(pipes, options).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        drop(host.await.unwrap());
    }
    let (pipes, options, host) = ends(Login::Plain).await;
    let error = start(pipes, options).await.unwrap_err();
    assert!(matches!(error, StartError::Timeout { phase: StartPhase::Shell }), "{error}");
    drop(host);
}

#[tokio::test]
async fn only_short_words_about_waiting_extend_the_limit() {
    let (pipes, mut options, mut host) = ends(Login::Plain).await;
    let (waiting, mut waits) = tokio::sync::mpsc::channel(2);
    options.waiting = Some(waiting);
    let host = tokio::spawn(async move {
        host.read_program().await;
        for second in 0..5 {
            host.say(&format!("I lease_wait 12 {second} 600\n")).await;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        host.say(&format!("{FACTS}Y TOKEN\n")).await;
        host
    });
    // It takes longer than the limit, and nobody reads the words meanwhile.
    start(pipes, options).await.unwrap();
    drop(host.await.unwrap());
    assert_eq!(waits.recv().await.as_deref(), Some("12 0 600"));
    assert_eq!(waits.recv().await.as_deref(), Some("12 1 600"));
    assert_eq!(waits.recv().await, None);

    let (pipes, mut options, mut host) = ends(Login::Plain).await;
    let (waiting, mut waits) = tokio::sync::mpsc::channel(2);
    options.waiting = Some(waiting);
    let host = tokio::spawn(async move {
        host.read_program().await;
        // A key that merely looks like it is a fact like any other.
        for _ in 0..20 {
            host.say(&format!("I x_wait {}\n", "A".repeat(1000))).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        host
    });
    let error = start(pipes, options).await.unwrap_err();
    assert!(matches!(error, StartError::Timeout { phase: StartPhase::Shell }), "{error}");
    assert_eq!(waits.recv().await, None);
    drop(host.await.unwrap());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_survives_the_quoting_of_sh(word in "[^\\x00]{0,40}") {
        let line = format!("printf %s {}", crate::step::quote(&word));
        let output = std::process::Command::new("/bin/sh").arg("-c").arg(line).output().unwrap();
        proptest::prop_assert_eq!(output.stdout, word.as_bytes());
    }
}

#[tokio::test]
async fn a_word_survives_the_quoting_of_a_shell() {
    let words = [
        "",
        "plain",
        "it's",
        "a\nb",
        "$(x) `y` \"z\" \\ ! * ? [a] {b} ~ # ; & | <",
        "'''",
        "äöü€",
        "-n",
        "\t\u{7f}",
    ];
    for word in words {
        let quoted = crate::step::quote(word);
        let output = tokio::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(format!("printf %s {quoted}"))
            .output()
            .await
            .unwrap();
        assert_eq!(output.stdout, word.as_bytes());
        for shell in ["/bin/sh", "/bin/bash", "/usr/bin/fish", "/usr/bin/tcsh"] {
            if word.contains('\n') {
                continue;
            }
            let line = format!("printf %s {}", crate::quote_for_login(word));
            let output = tokio::process::Command::new(shell).arg("-c").arg(&line).output().await;
            let output = output.expect("install the login shells: apt-get install fish tcsh");
            assert_eq!(output.stdout, word.as_bytes(), "{shell}: {line}");
        }
    }
}
