//! The page of a run.

use serde_json::json;

use super::journals::{DIFF, Run, fleet};
use super::sample::HOSTILE;
use super::{Written, whole};
use crate::support::browser::{Browser, LAPTOP, PHONE, Window};
use crate::support::environment::Environment;
use crate::support::hosts::Hosts;
use crate::support::sshd::Sshd;

#[test]
fn shows_a_run_on_a_laptop_and_a_phone_in_light_and_dark() {
    let page = Written::new(&fleet(12, 4).page());
    let mut browser = Browser::start();
    for window in [LAPTOP, PHONE, LAPTOP.dark(), PHONE.dark()] {
        browser.open(&page.path(), window);
        browser.expect_sound(&page.path());
        assert_eq!(browser.text("h1").trim(), "Failed on 4 of 12 hosts");
        // The same cause on four hosts is told once, with its hint, place and output.
        assert_eq!(browser.count(".trouble"), 1);
        let trouble = browser.text(".trouble");
        for word in [
            "cannot open port 443",
            "look at the agent's log",
            "site.yml:12:7",
            "on 4 hosts",
            "srv-0001.corp.example",
        ] {
            assert!(trouble.contains(word), "no `{word}` in {trouble}");
        }
        assert_eq!((browser.count(".timeline .row.wave"), browser.count(".timeline .row.host")), (2, 12));
        assert_eq!(browser.count(".timeline rect.work[x]"), 12);
        let stops = browser.text(".timeline .row.wave .stops");
        assert!(
            stops.contains("nobody else serves: CorpAD") && stops.contains("others go on serving: Exchange"),
            "{stops}"
        );
        // One change on twelve hosts, with its difference; that its path has the name of the host makes no other one.
        assert_eq!((browser.count("details.change"), browser.count(".diff")), (1, 1));
        assert_eq!(browser.text(".diff .new").trim_end(), "+new");
        assert_eq!(browser.count("#points tbody tr"), 12);
        assert_eq!(browser.count("details.host"), 12);
    }
}

#[test]
fn hosts_are_filtered_and_opened() {
    let page = Written::new(&fleet(12, 4).page());
    let mut browser = Browser::start();
    browser.open(&page.path(), LAPTOP);
    assert_eq!(browser.text("[data-filters=hosts] output"), "all 12");
    browser.value("document.querySelector('[data-filters=hosts] input[value=ok]').click()");
    assert_eq!(browser.shown("details.host"), 4);
    browser.value("document.querySelector('details.host').open = true");
    browser.value("document.querySelector('details.host details.log').open = true");
    assert!(browser.text("details.host pre.output").contains("| a line of output"));
    assert_eq!(browser.shown("details.host .steps tbody tr"), 2);
    browser.expect_sound(&page.path());

    browser.open(&page.path(), Window { script: false, ..LAPTOP });
    assert_eq!((browser.shown("details.host"), browser.shown(".filters")), (12, 0));
}

#[test]
fn hostile_text_stays_text() {
    let host = HOSTILE.to_owned();
    let mut run = Run::of(std::slice::from_ref(&host));
    run.at(8, json!({"kind": "wave_started", "wave": 1, "waves": 1, "hosts": [host]}));
    run.at(9, json!({"kind": "warning", "host": host, "message": HOSTILE}));
    run.host(&host, 100, HOSTILE, &format!("{DIFF}+{HOSTILE}\n"), Some(HOSTILE));
    run.finish(2);
    run.log(&host, &format!("| {HOSTILE}\n| \u{9b}31m\n"));
    let html = run.page();
    assert!(
        !html.contains(HOSTILE)
            && !html.contains("<img")
            && !html.contains(['\u{202e}', '\u{9b}', '\0', '\u{1b}'])
    );
    let page = Written::new(&html);
    let mut browser = Browser::start();
    for window in [LAPTOP, PHONE] {
        browser.open(&page.path(), window);
        browser.expect_sound(&page.path());
        let shown = r"</script></style><script>alert(1)</script>";
        for place in [
            ".trouble .cause",
            ".timeline .row.host .name",
            ".diff",
            "details.host pre.output",
            "details.host b",
        ] {
            let text = browser.text(place);
            assert!(text.contains(shown) && text.contains(r"\u{202e}gnp"), "{place}: {text}");
        }
    }
}

#[test]
fn a_thousand_hosts_are_shown() {
    let html = fleet(1000, 10).page();
    assert!(html.len() < 8_000_000, "{} bytes", html.len());
    let page = Written::new(&html);
    let mut browser = Browser::start();
    for window in [LAPTOP, PHONE] {
        let took = browser.open(&page.path(), window);
        assert!(took < 120_000, "{took} ms");
        browser.expect_sound(&page.path());
        assert_eq!((browser.count("details.host"), browser.count(".timeline .row.host")), (1000, 1000));
        assert_eq!(browser.count(".trouble"), 1);
        assert_eq!(browser.count(".diff"), 1);
        assert!(browser.shown(".timeline .row.host") < 200, "those that are well are folded away");
    }
}

#[test]
fn logs_that_are_too_long_are_cut_and_the_page_says_where_they_are() {
    let hosts: Vec<String> = (0..300).map(|n| format!("h{n}")).collect();
    let mut run = Run::of(&hosts);
    for host in &hosts {
        run.host(host, 100, "x", DIFF, None);
        run.log(host, &"| a line of output that is long enough\n".repeat(5_000));
    }
    run.finish(0);
    let html = run.page();
    assert!(html.len() < 9_000_000, "{} bytes", html.len());
    assert!(html.contains("bytes are left out; all of it is in"));
    assert!(html.contains("is not on this page: <code>"));
}

#[test]
fn a_real_run_has_a_page() {
    let (environment, sshd) = (Environment::new(), Sshd::start(2));
    Hosts::numbered(&environment, &sshd, 2).write(&environment);
    environment.write(
        "playbook.yml",
        "- name: Settings\n  hosts: web\n  gather_facts: false\n  serial: 1\n  tasks:\n    - name: Writes settings\n      copy: { content: \"name = {{ inventory_hostname }}\\n\", dest: \"{{ work }}/settings\" }\n    - name: Secret\n      command: echo the-secret-of-{{ inventory_hostname }}\n      no_log: true\n    - name: Ends badly\n      shell: \"echo '<b>why</b>' >&2; exit 7\"\n      when: inventory_hostname == 'h02'\n",
    );
    environment.run(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes", "--diff"]).expect(2);
    let told = environment.run(&["runs", "report", "latest"]).expect(0).stdout;
    let path = environment.path(told.trim_end());
    assert!(told.ends_with("/report.html\n") && path.exists(), "{told}");
    let json = environment
        .run(&["runs", "report", "latest", "-o", "mine.html", "--output", "json"])
        .expect(0)
        .stdout;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["file"], "mine.html");
    let html = environment.run(&["runs", "report", "latest", "-o", "-"]).expect(0).stdout;
    assert!(html.starts_with("<!doctype html>") && !html.contains("the-secret"), "a secret is on the page");
    assert!(environment.run(&["runs", "report", "ffff"]).expect(1).stderr.contains("ffff"));
    let error = environment.run(&["runs", "report", "latest", "-o", "no/where.html"]).expect(1).stderr;
    assert!(error.contains("cannot write the page `no/where.html`") && error.contains("hint: "), "{error}");

    let path = whole(&path);
    let mut browser = Browser::start();
    browser.open(&path, LAPTOP);
    browser.expect_sound(&path);
    assert_eq!(browser.text("h1").trim(), "Failed on 1 of 2 hosts");
    assert_eq!(browser.count(".timeline .row.wave"), 2);
    assert!(browser.text(".trouble").contains("<b>why</b>"));
    assert!(browser.text("#changes .diff").contains("+name = h0"));
    assert!(browser.text("#points").contains("/settings"));
}
