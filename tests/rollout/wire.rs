//! What goes over the wire: content once, and not again when it is there.

use super::Fleet;
use crate::support::proxy::Proxy;
use crate::support::sshd::address;

#[test]
fn content_that_is_there_is_not_sent() {
    const PAYLOAD: usize = 1_500_000;
    let mut fleet = Fleet::of(2);
    fleet.payload(PAYLOAD);
    let proxies: Vec<Proxy> = (1..=2).map(|host| Proxy::to(&address(host), fleet.sshd.port(host))).collect();
    for (index, proxy) in proxies.iter().enumerate() {
        fleet.hosts.set(&format!("h{:02}", index + 1), "ansible_port", &proxy.port.to_string());
        fleet.hosts.know(fleet.sshd.known_host(&address(index + 1), proxy.port));
    }
    fleet.hosts.write(&fleet.environment);

    fleet.apply(0, &[]);
    for proxy in &proxies {
        let sent = proxy.sent();
        assert!(sent > PAYLOAD as u64, "the proxy is not in between: {sent} bytes");
        assert!(sent < 2 * PAYLOAD as u64, "the payload was sent more than once: {sent} bytes");
    }
    let second = fleet.apply(0, &[]);
    assert_eq!(second.of("h01").changed, 0);
    for proxy in &proxies {
        let sent = proxy.sent();
        assert!(sent > 0 && sent < PAYLOAD as u64 / 10, "{sent} bytes in a run that changes nothing");
    }

    // One host lost its payload, and only this one gets it again.
    std::fs::remove_file(fleet.work("h02").join("agent/payload")).unwrap();
    fleet.apply(0, &[]);
    let sent = [proxies[0].sent(), proxies[1].sent()];
    assert!(sent[0] < PAYLOAD as u64 / 10 && sent[1] > PAYLOAD as u64, "{sent:?}");

    // A plan with differences looks, but sends no content that is not asked for.
    std::fs::remove_file(fleet.work("h02").join("agent/payload")).unwrap();
    fleet.environment.events(0, &["plan", "-i", "inventory.yml", "playbook.yml"]);
    assert!(proxies[1].sent() < PAYLOAD as u64 / 10);
}
