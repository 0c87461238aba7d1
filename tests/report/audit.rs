//! The page of an audit.

use serde_json::json;

use super::Written;
use super::sample::{HOSTILE, fleet, hostile, page};
use crate::support::browser::{Browser, LAPTOP, PHONE, Window};

#[test]
fn a_browser_that_is_told_of_a_request_or_a_message_tells_it() {
    let page = Written::new(
        "<!doctype html><title>x</title><img src=\"http://a.example/b.png\"><script>console.error('bad')</script>",
    );
    let mut browser = Browser::start();
    browser.open(&page.path(), LAPTOP);
    let report = browser.report();
    assert!(report["requests"].to_string().contains("http://a.example/b.png"), "{report}");
    assert!(report["console"].to_string().contains("error: bad"), "{report}");
}

#[test]
fn the_sample_agent_names_no_client_without_its_secret() {
    let text = include_str!("../../playbooks/roles/agent_settings/files/appsettings.agent.json");
    let settings: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        settings["OpenId"]["DefaultOpenIdClient"].is_null(),
        settings["OpenId"]["OpenIdClients"].is_null()
    );
}

#[test]
fn shows_an_audit_on_a_laptop_and_a_phone_in_light_and_dark() {
    let page = Written::new(&page(&fleet(12, 4)));
    let mut browser = Browser::start();
    for window in [LAPTOP, PHONE, LAPTOP.dark(), PHONE.dark()] {
        browser.open(&page.path(), window);
        browser.expect_sound(&page.path());
        assert_eq!(browser.text("h1").trim(), "3 errors, 3 warnings");
        assert_eq!(browser.count(".picture .box.host"), 12);
        assert_eq!(browser.count(".picture .box.connector.error"), 3);
        assert_eq!(browser.count("#connectors tbody tr"), 24);
        assert_eq!(browser.count("#certificates .row.expired"), 4);
        assert!(browser.text("#waived").contains("replaced with the host in June"));
        assert!(browser.text("#drift").contains("moved from ParisAD to LyonAD"));
        // Letters fit into their boxes, and no box lies on another.
        let spilled = browser.value(
            "[...document.querySelectorAll('.picture .box')].filter((box) => { const edge = box.querySelector('rect').getBBox(); \
             return [...box.querySelectorAll('text')].some((text) => text.getBBox().x + text.getBBox().width > edge.x + edge.width - 20); })\
             .map((box) => box.textContent)",
        );
        assert_eq!(spilled, json!([]));
    }
    let colour = |browser: &mut Browser, window: Window| {
        browser.open(&page.path(), window);
        browser.value("getComputedStyle(document.body).backgroundColor")
    };
    assert_eq!(colour(&mut browser, LAPTOP), json!("rgb(255, 255, 255)"));
    assert_eq!(colour(&mut browser, LAPTOP.dark()), json!("rgb(20, 24, 30)"));
}

#[test]
fn filters_narrow_the_findings() {
    let page = Written::new(&page(&fleet(40, 4)));
    let mut browser = Browser::start();
    browser.open(&page.path(), LAPTOP);
    assert_eq!(browser.shown(".finding"), 20);
    assert_eq!(browser.text("[data-filters=findings] output"), "all 20");

    browser.value("document.querySelector('input[value=warning]').click()");
    assert_eq!((browser.shown(".finding"), browser.shown(".finding.warning")), (10, 0));
    assert_eq!(browser.text("[data-filters=findings] output"), "10 of 20");

    let set = |browser: &mut Browser, field: &str, value: &str| {
        browser.value(&format!(
            "(() => {{ const it = document.querySelector('[data-filters=findings]').elements[{}]; it.value = {}; \
             it.dispatchEvent(new Event('input', {{bubbles: true}})); }})()",
            json!(field),
            json!(value)
        ));
    };
    set(&mut browser, "text", "AD0008 settings");
    assert_eq!(browser.shown(".finding"), 1);
    set(&mut browser, "text", "");
    set(&mut browser, "id", "stdout-log-enabled");
    assert_eq!(browser.shown(".finding"), 0);
    browser.value("new Promise((done) => { document.querySelector('[data-filters=findings]').reset(); setTimeout(done, 20); })");
    assert_eq!(browser.shown(".finding"), 20);
    set(&mut browser, "subject", "agent0004");
    assert_eq!(browser.shown(".finding"), 2);
    set(&mut browser, "subject", "site04");
    assert_eq!(browser.shown(".finding"), 4);

    // A box of the picture asks for its own findings.
    browser.value("new Promise((done) => { document.querySelector('.box[data-name=AD0012]').dispatchEvent(new MouseEvent('click', {bubbles: true})); setTimeout(done, 50); })");
    assert_eq!(browser.shown(".finding"), 1);
    assert!(browser.text(".finding:not([hidden])").contains("AD0012"));
    browser.expect_sound(&page.path());
}

#[test]
fn a_box_shows_its_chain_to_pointer_and_keyboard() {
    let page = Written::new(&page(&fleet(6, 2)));
    let mut browser = Browser::start();
    browser.open(&page.path(), LAPTOP);
    browser.hover(".box[data-name=Agent0002] rect");
    let names = "[...document.querySelectorAll('.box.on')].map((box) => box.dataset.name).sort().join(' ')";
    let chain =
        "AD0002 Agent0002 HR0002 database002.example directory002.example site02-srv-0002.corp.example";
    assert_eq!(browser.value(names), json!(chain));
    assert_eq!(browser.count(".picture .lines .on"), 5);
    browser.hover("h1");
    assert_eq!(browser.count(".box.on"), 0);

    browser.value("document.querySelector('#picture .wide').focus()");
    browser.press("Tab");
    assert_eq!(browser.value("document.activeElement.classList.contains('box')"), json!(true));
    assert!(browser.count(".box.on") > 1);
}

#[test]
fn works_without_script() {
    let page = Written::new(&page(&fleet(12, 4)));
    let mut browser = Browser::start();
    browser.open(&page.path(), Window { script: false, ..LAPTOP });
    assert_eq!((browser.shown(".finding"), browser.shown(".filters")), (6, 0));
    assert_eq!(browser.shown(".picture .box"), 12 * 6);
    browser.expect_sound(&page.path());
}

#[test]
fn hostile_text_stays_text() {
    let html = page(&hostile());
    let shown = r"</script></style><script>alert(1)</script>";
    assert!(
        !html.contains(HOSTILE)
            && !html.contains("<img")
            && !html.contains('\u{202e}')
            && !html.contains('\0')
    );
    let page = Written::new(&html);
    let mut browser = Browser::start();
    for window in [LAPTOP, PHONE] {
        browser.open(&page.path(), window);
        browser.expect_sound(&page.path());
        let first = browser.text(".finding .what");
        assert!(first.contains(shown) && first.contains(r"\u{202e}gnp\x00\x1b[31m{{7*7}}"), "{first}");
        assert!(browser.text("#connectors tbody th").contains(shown));
    }
}

#[test]
fn a_thousand_hosts_are_shown() {
    let html = page(&fleet(1000, 10));
    assert!(html.len() < 6_000_000, "{} bytes", html.len());
    let page = Written::new(&html);
    let mut browser = Browser::start();
    for window in [LAPTOP, PHONE] {
        let took = browser.open(&page.path(), window);
        assert!(took < 120_000, "{took} ms");
        browser.expect_sound(&page.path());
        assert_eq!(browser.count("#connectors tbody tr"), 2000);
        assert_eq!(browser.count(".finding"), 200);
        let boxes = browser.count(".picture .box");
        assert!((60..700).contains(&boxes), "{boxes} boxes");
        let height = browser.number("document.querySelector('.picture').height.baseVal.value");
        assert!(height < 8_000, "the picture is {height} pixels high");
        assert!(browser.text(".picture").contains("1000 hosts"), "the heading counts all");
    }
}
