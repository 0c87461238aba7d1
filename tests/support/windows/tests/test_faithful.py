"""What Windows has and a simple model would not: several rules of one name, tasks that rows cannot say, display names."""

from __future__ import annotations

import json
from typing import Any

from .. import firewall, services
from ..host import Host
from .case import HostCase
from .controller import Controller

TWIN = "Windows Remote Management (HTTP-In)"


class Faithful(HostCase):
    def prepare(self, section: str, key: str, record: dict[str, Any]) -> None:
        host = Host(self.folder)
        try:
            with host.store, host.store.together():
                host.store.put(section, key, record)
        finally:
            host.close()

    def twins(self) -> None:
        rule = firewall.new(TWIN) | {"protocol": "tcp", "localport": "5985", "edge": "1"}
        first = rule | {"profiles": ["domain", "private"], "enabled": True}
        self.prepare("firewall", TWIN.lower(), first | {"more": [rule | {"profiles": ["public"], "remoteip": "localsubnet"}]})

    def test_all_firewall_rules_of_a_name_change_and_come_back(self) -> None:
        self.twins()
        session = self.connect()
        before = self.snapshot()
        done = self.assertDone(session.ensure("firewall", {"name": TWIN}, **{"set.enabled": "true"}))
        self.assertEqual(done.listed("before.enabled"), ["rule 1: true", "rule 2: false"])
        self.assertEqual(done.listed("after.enabled"), ["true"])
        self.assertIsNone(session.ensure("firewall", {"name": TWIN}, **{"set.enabled": "true"}).get("changed"))
        profiles = self.assertDone(session.ensure("firewall", {"name": TWIN}, **{"set.profiles": ["domain"]}))
        gone = self.assertDone(session.ensure("firewall", {"name": TWIN}, "absent"))
        self.assertEqual(session.run("probe", kind="firewall", **{"key.name": TWIN}).get("before_exists"), "0")
        for reply in session.restore(done.points + profiles.points + gone.points):
            self.assertDone(reply)
        self.assertEqual(self.snapshot(), before)

    def task(self, session: Controller) -> None:
        """A task as Windows has many: its action is a COM handler, its trigger a custom one."""
        made = {"set.actions": ["cmd.exe||"], "set.username": "SYSTEM"}
        self.assertDone(session.ensure("task", {"path": "\\", "name": "Handler"}, **made))
        host = Host(self.folder)
        try:
            with host.store, host.store.together():
                task = host.store.get("tasks", "\\handler")
                assert task is not None
                state = task["state"] | {"actions": ["other|5"], "triggers": ["custom"]}
                host.store.put("tasks", "\\handler", task | {"state": state})
        finally:
            host.close()

    def test_a_task_comes_back_as_a_whole(self) -> None:
        first = self.connect(run="20260101T000000-0000")
        self.task(first)
        session = self.connect()
        before = self.snapshot()
        key = {"path": "\\", "name": "Handler"}
        sets: dict[str, Any] = {
            "set.actions": ["cmd.exe||/c echo"], "set.triggers": ["boot"], "set.description": "changed",
        }  # fmt: skip
        done = self.assertDone(session.ensure("task", key, **sets))
        self.assertEqual(done.listed("before.actions"), ["other|5"])
        for reply in session.restore(done.points):
            self.assertDone(reply)
        self.assertEqual(self.snapshot(), before)
        bad = session.ensure("task", key, **{"set.actions": ["other|6"]})
        self.assertIn("no program", bad.get("msg") or "")
        self.assertIn("other|5", json.dumps(before))

    def test_a_restart_of_what_was_stopped_is_undone(self) -> None:
        session = self.connect()
        before = self.snapshot()
        values = {"kind": "service", "key.name": "W32Time", "action": "restart"}
        done = self.assertDone(session.run("activate", **values))
        self.assertEqual(len(done.points), 2)
        self.assertEqual(done.listed("after.state"), ["running"])
        state, activation = done.points
        stopped = session.run("service_phase", phase="stop", number=str(state))
        self.assertEqual(stopped.get("restored"), "now")
        session.restore([state, activation])
        session.run("service_phase", phase="check", number=str(state))
        self.assertEqual(self.snapshot(), before)
        # What ran is restarted, and that is all that there is to undo.
        again = self.assertDone(session.run("activate", **{**values, "key.name": "Spooler"}))
        self.assertEqual(len(again.points), 1)

    def test_a_service_goes_by_its_display_name_too(self) -> None:
        session = self.connect()
        host = Host(self.folder)
        try:
            record = services.need(host, "Spooler")
        finally:
            host.close()
        self.assertNotEqual(record["display"].lower(), "spooler")
        before = self.snapshot()
        done = self.assertDone(session.ensure("service", {"name": record["display"]}, **{"set.start_mode": "manual"}))
        self.assertEqual(done.listed("after..service_name"), ["Spooler"])
        self.assertTrue((done.get("point") or "").endswith("service Spooler"))
        session.restore(done.points)
        self.assertEqual(self.snapshot(), before)

    def test_a_password_that_is_kept_is_written_for_another_account(self) -> None:
        session = self.connect()
        key = {"name": "Spooler"}
        secret = {"secret.password": "Geheim-1", "keep_secret": "1"}
        self.assertDone(session.ensure("user", {"name": "svc"}, **{"secret.password": "Geheim-1"}))
        done = self.assertDone(session.ensure("service", key, **{"set.username": ".\\svc", **secret}))
        self.assertEqual(done.get("changed"), "1")
        wrote = self.events("ensure")[-1]["wrote"]
        self.assertEqual(wrote, ["username"])
        self.assertIsNone(session.ensure("service", key, **{"set.username": ".\\svc", **secret}).get("changed"))

    def test_a_slash_is_part_of_a_key(self) -> None:
        session = self.connect()
        ciphers = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Ciphers"
        before = self.snapshot()
        done = session.run("registry_value_set", path=f"{ciphers}\\RC4 128/128", name="Enabled", type="dword", data="0")
        self.assertDone(done)
        there = session.run("probe", kind="registry_key", **{"key.path": f"{ciphers}\\RC4 128/128"})
        self.assertEqual(there.get("before_exists"), "1")
        wrong = session.run("probe", kind="registry_key", **{"key.path": f"{ciphers}\\RC4 128"})
        self.assertEqual(wrong.get("before_exists"), "0")
        session.restore(done.points)
        self.assertEqual(self.snapshot(), before)

    def test_iis_wants_a_folder(self) -> None:
        session = self.connect()
        self.assertDone(session.ensure("feature", {"host": "features"}, **{"add.installed": ["Web-Server"]}))
        before = self.snapshot()
        site = "Default Web Site"
        vdir = {"site": site, "application": "/", "path": "/f"}
        for reply in (
            session.ensure("app", {"site": site, "path": "/a"}),
            session.ensure("vdir", vdir),
        ):
            self.assertIn("needs a physical path", reply.get("msg") or "")
        nowhere = {"set.physicalPath": "C:\\Nowhere"}
        for reply in (
            session.ensure("app", {"site": site, "path": "/a"}, **nowhere),
            session.ensure("vdir", vdir, **nowhere),
            session.ensure("site", {"name": site}, **nowhere),
        ):
            self.assertIn("is not there", reply.get("msg") or "")
        self.assertEqual(self.snapshot(), before)

    def test_no_access_list_is_not_an_empty_one(self) -> None:
        path = "HKLM:\\SOFTWARE\\Open"
        self.prepare("registry", path.upper(), {"n": path, "v": {}, "sddl": "O:BA"})
        session = self.connect()
        before = self.snapshot()
        rule = {"path": path, "user": "users", "type": "allow", "mask": "131097", "want": "present", "inherit": "", "propagate": "0"}
        refused = session.run("acl_rule", **rule)
        self.assertIn("has no access list", refused.get("msg") or "")
        done = self.assertDone(session.run("acl_inheritance", path=path, want="present"))
        self.assertEqual((done.listed("before.rules"), done.listed("after.rules")), (["null"], []))
        for reply in session.restore(done.points):
            self.assertDone(reply)
        self.assertEqual(self.snapshot(), before)
