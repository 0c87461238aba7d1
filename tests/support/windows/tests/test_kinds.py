"""Every kind: made, changed, not changed again, only told in check mode, and back as it was."""

from __future__ import annotations

from typing import Any

from .. import accounts
from .case import HostCase
from .certificates import pfx
from .controller import Controller, Reply

POOL = {
    "set.managedRuntimeVersion": "",
    "set.startMode": "alwaysrunning",
    "set.processModel.idleTimeout": "0:00:00",
    "set.processModel.loadUserProfile": "true",
    "set.recycling.periodicRestart.time": "00:00:00",
    "set.recycling.periodicRestart.schedule": [],
}


class KindCase(HostCase):
    def web(self, session: Controller, tools: bool = False) -> list[int]:
        more = {"management_tools": "1"} if tools else {}
        reply = session.ensure(
            "feature", {"host": "features"}, **{"add.installed": ["Web-Server", "Web-AppInit"], **more}
        )
        return self.assertDone(reply).points

    def there_and_back(
        self, session: Controller, kind: str, key: dict[str, str], want: str = "present", body: bytes | None = None,
        **sets: Any,
    ) -> Reply:  # fmt: skip
        """Check mode changes nothing, the second run neither, and restoring brings the old state back."""
        before = self.snapshot()
        check = self.assertDone(session.ensure(kind, key, want, body, check="1", **sets))
        self.assertEqual((check.get("changed"), check.points), ("1", []))
        self.assertEqual(self.snapshot(), before)
        done = self.assertDone(session.ensure(kind, key, want, body, **sets))
        self.assertEqual(done.get("changed"), "1")
        after = self.snapshot()
        self.assertNotEqual(after, before)
        again = self.assertDone(session.ensure(kind, key, want, body, **sets))
        self.assertIsNone(again.get("changed"))
        self.assertEqual(self.snapshot(), after)
        for reply in session.restore(done.points):
            self.assertDone(reply)
            self.assertEqual(reply.get("restored"), "now")
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(session.restore(done.points)[0].get("restored"), "again")
        return done


class Kinds(KindCase):
    def test_service(self) -> None:
        session = self.connect()
        key = {"name": "spooler"}
        self.there_and_back(session, "service", key, **{"set.start_mode": "disabled", "set.state": "stopped"})
        self.there_and_back(session, "service", {"name": "W32Time"}, **{"set.state": "running"})
        path = "C:\\Program Files\\Agent\\agent.exe --service"
        self.there_and_back(session, "service", {"name": "Agent"}, **{"set.path": path, "set.start_mode": "delayed"})
        failed = session.ensure("service", {"name": "RemoteRegistry"}, **{"set.state": "running"})
        self.assertIn("disabled", failed.get("msg") or "")
        failed = session.ensure("service", {"name": "RpcSs"}, **{"set.state": "stopped"})
        self.assertIn("depend on it", failed.get("msg") or "")

    def test_feature_with_what_it_brings(self) -> None:
        session = self.connect()
        done = self.there_and_back(session, "feature", {"host": "features"}, **{"add.installed": ["web-server"]})
        names = done.listed("after.installed") or []
        self.assertTrue({"Web-Server", "Web-Default-Doc", "Web-Filtering", "WAS"} <= set(names))
        self.assertNotIn("Web-Mgmt-Console", names)
        self.assertEqual(done.get("exit_code"), "Success")
        failed = session.ensure("feature", {"host": "features"}, **{"add.installed": ["Web-Nonsense"]})
        self.assertIn("Web-Nonsense", failed.get("msg") or "")

    def test_management_tools_come_later_too(self) -> None:
        session = self.connect()
        self.web(session)
        values: dict[str, Any] = {"add.installed": ["Web-Server"], "management_tools": "1"}
        self.there_and_back(session, "feature", {"host": "features"}, **values)

    def test_registry(self) -> None:
        session = self.connect()
        key = {"path": "HKLM:\\SOFTWARE\\Microsoft", "name": "Number"}
        self.there_and_back(session, "registry", key, **{"set.type": "dword", "set.data": "4294967295"})
        self.there_and_back(
            session, "registry", {**key, "name": ""}, **{"set.type": "multistring", "set.data": ["a", ""]}
        )
        self.there_and_back(session, "registry_key", {"path": "HKLM:\\SOFTWARE\\Microsoft\\Windows NT"}, "absent")
        before = self.snapshot()
        done = session.run("registry_value_set", path="hkcu:\\Software\\A\\B", name="X", type="string", data="1")
        self.assertEqual(len(self.assertDone(done).points), 4)
        session.restore(done.points)
        self.assertEqual(self.snapshot(), before)
        failed = session.ensure("registry", key, **{"set.type": "dword", "set.data": "-1"})
        self.assertIn("no number", failed.get("msg") or "")

    def test_environment(self) -> None:
        session = self.connect()
        key = {"name": "HTTPS_PROXY", "level": "machine"}
        self.there_and_back(session, "environment", key, **{"set.value": "proxy.example:6060"})
        self.there_and_back(session, "environment", {"name": "TEMP", "level": "user"}, "absent")
        before = self.snapshot()
        done = session.run(
            "path_elements", name="PATH", level="machine", elements=["c:/windows/", "C:\\new"], want="present"
        )
        self.assertEqual(len(self.assertDone(done).points), 1)
        self.assertTrue((done.listed("after.value") or [""])[0].endswith(";C:\\new"))
        session.restore(done.points)
        self.assertEqual(self.snapshot(), before)

    def test_pool_is_written_once_and_only_where_it_differs(self) -> None:
        session = self.connect()
        self.web(session)
        self.there_and_back(session, "pool", {"name": "Usercube"}, **POOL)
        made = self.assertDone(session.ensure("pool", {"name": "Usercube"}, **POOL))
        count = len(self.events("recycle"))
        self.assertDone(session.ensure("pool", {"name": "usercube"}, **POOL))
        self.assertEqual(len(self.events("recycle")), count)
        change = {"set.queueLength": "2000", "set.startMode": "AlwaysRunning"}
        self.there_and_back(session, "pool", {"name": "Usercube"}, **change)
        self.assertEqual(len(self.events("recycle")), count + 2)
        self.there_and_back(session, "pool", {"name": "Usercube"}, "absent")
        self.there_and_back(session, "pool", {"name": "Usercube"}, **{"set.state": "stopped"})
        failed = session.ensure("pool", {"name": "Usercube"}, **{"set.queueLength": "1"})
        self.assertIn("Integer must be between 10 and 65535", failed.get("msg") or "")
        # One commit: a pool with a wrong attribute is not made either.
        before = self.snapshot()
        failed = session.ensure("pool", {"name": "Half"}, **{"set.startMode": "AlwaysRunning", "set.queueLength": "x"})
        self.assertEqual(failed.status, 1)
        self.assertEqual(self.snapshot(), before)
        self.assertTrue(made.points)

    def test_secrets_are_written_and_never_told(self) -> None:
        session = self.connect()
        self.web(session)
        values = {
            "set.processModel.identityType": "SpecificUser", "set.processModel.userName": "DOMAIN\\svc",
            "secret.processModel.password": "Geheim-123",
        }  # fmt: skip
        done = self.there_and_back(session, "pool", {"name": "Secret"}, **values)
        self.assertNotIn("Geheim", str(done))

    def test_site_application_and_binding(self) -> None:
        session = self.connect()
        self.web(session)
        self.assertDone(session.run("file", path="C:\\Site\\Sub", state="directory"))
        site = {
            "set.physicalPath": "C:\\Site",
            "set.bindings": ["http|*:8080:agent1.example|0||"],
            "set.applicationPool": "DefaultAppPool",
        }
        self.there_and_back(session, "site", {"name": "Agent"}, **site)
        self.assertDone(session.ensure("site", {"name": "Agent"}, **site))
        app = {"site": "Agent", "path": "/sub"}
        self.there_and_back(session, "app", app, **{"set.physicalPath": "C:\\Site\\Sub", "set.preloadEnabled": "true"})
        vdir = {"site": "Agent", "application": "/", "path": "/files"}
        self.there_and_back(session, "vdir", vdir, **{"set.physicalPath": "C:\\Site\\Sub"})
        binding = {"site": "Agent", "protocol": "http", "ip": "*", "port": "81", "host": ""}
        self.there_and_back(session, "binding", binding, **{"set.sslFlags": "0"})
        self.there_and_back(session, "site", {"name": "Default Web Site"}, "absent")
        config = {"section": "system.webServer/applicationInitialization", "location": "Agent"}
        self.there_and_back(
            session,
            "iis_config",
            config,
            **{"set.doAppInitAfterRestart": "True", "set.elements": ["initializationPage=/"]},
        )
        failed = session.ensure("site", {"name": "Second"}, **{**site, "set.state": "started"})
        self.assertIn("0x800700B7", failed.get("msg") or "")

    def test_certificate_key_and_https_binding(self) -> None:
        session = self.connect()
        self.web(session)
        self.assertDone(session.ensure("pool", {"name": "Usercube"}, **POOL))
        content, thumbprint = pfx("secret")
        before = self.snapshot()
        values = {"location": "LocalMachine", "store": "My", "secret.password": "secret", "exportable": "1"}
        wrong = session.run("import_certificate", body=content, **{**values, "secret.password": "no"})
        self.assertEqual(wrong.get("msg"), "The specified network password is not correct.")
        done = self.assertDone(session.run("import_certificate", body=content, **values))
        self.assertEqual(done.get("thumbprint"), thumbprint)
        self.assertIsNone(session.run("import_certificate", body=content, **values).get("changed"))
        where = {"location": "LocalMachine", "store": "My", "thumbprint": thumbprint}
        identity = {**where, "identity": "IIS AppPool\\Usercube"}
        self.there_and_back(session, "key_acl", identity, **{"set.right": "read"})
        binding = {"site": "Default Web Site", "protocol": "https", "ip": "*", "port": "443", "host": "agent1.example"}
        sets = {"set.sslFlags": "1", "set.certificateHash": thumbprint.lower(), "set.certificateStoreName": "My"}
        self.there_and_back(session, "binding", binding, **sets)
        bad = session.ensure("binding", binding, **{**sets, "set.certificateHash": "00" * 20})
        self.assertIn("0x80070520", bad.get("msg") or "")
        self.there_and_back(session, "certificate", where, "absent")
        session.restore(done.points)
        self.assertEqual(self.snapshot(), before)

    def test_firewall_task_user_and_group(self) -> None:
        session = self.connect()
        rule = {"set.localport": "443", "set.protocol": "tcp", "set.enabled": "true", "set.profiles": ["domain"]}
        self.there_and_back(session, "firewall", {"name": "agent"}, **rule)
        self.there_and_back(session, "firewall", {"name": "OpenSSH SSH Server (sshd)"}, "absent")
        task = {
            "set.actions": ["cmd.exe|/c echo hi|"], "set.username": "SYSTEM",
            "set.triggers": ["daily|StartBoundary=2026-01-01T03:00:00"],
        }  # fmt: skip
        self.there_and_back(session, "task", {"path": "\\", "name": "Clean"}, **task)
        user = {"secret.password": "Passw0rd!", "set.fullname": "A B", "add.groups": ["users"]}
        self.there_and_back(session, "user", {"name": "svc-agent"}, **user)
        weak = session.ensure("user", {"name": "weak"}, **{"secret.password": "x"})
        self.assertIn("password policy", weak.get("msg") or "")
        members = {"add.members": ["guest"]}
        self.there_and_back(session, "group", {"name": "Remote Desktop Users"}, **members)
        self.there_and_back(session, "group", {"name": "Agents"}, **{"set.description": "x"})

    def test_access_rules(self) -> None:
        session = self.connect()
        self.assertDone(session.run("file", path="C:\\Data\\Sub", state="directory"))
        before = self.snapshot()
        rule = {
            "path": "C:\\Data",
            "user": "users",
            "type": "allow",
            "mask": "2032127",
            "want": "present",
            "inherit": "",
            "propagate": "0",
        }
        done = self.assertDone(session.run("acl_rule", **rule))
        self.assertEqual(done.listed("after.rules"), ["allow|S-1-5-32-545|2032127|3|0"])
        self.assertIsNone(session.run("acl_rule", **rule).get("changed"))
        closed = self.assertDone(session.run("acl_inheritance", path="C:\\Data", want="absent", reorganize="1"))
        self.assertIn("D:PAI", closed.listed("after..sddl")[0])  # type: ignore[index]
        owner = self.assertDone(session.run("owner", path="C:\\Data", user="SYSTEM", recurse="1"))
        self.assertEqual(len(owner.points), 2)
        unknown = session.run("acl_rule", **{**rule, "user": "IIS AppPool\\None"})
        self.assertIn("knows no account", unknown.get("msg") or "")
        session.restore(done.points + closed.points + owner.points)
        self.assertEqual(self.snapshot(), before)

    def test_what_somebody_changed_later_is_not_restored(self) -> None:
        session = self.connect()
        key = {"path": "HKLM:\\SOFTWARE\\Microsoft", "name": "X"}
        done = session.ensure("registry", key, **{"set.type": "string", "set.data": "run"})
        other = self.connect(run="20260102T000000-bbbb")
        self.assertDone(other.ensure("registry", key, **{"set.data": "somebody"}))
        refused = session.restore(done.points)[0]
        self.assertIn("was changed after the run", refused.get("msg") or "")
        self.assertEqual(session.restore(done.points, force="1")[0].get("restored"), "now")
        self.assertIsNone(
            session.run("probe", kind="registry", **{"key.path": key["path"], "key.name": "X"}).get("before.data")
        )

    def test_a_pool_has_an_account_of_its_own(self) -> None:
        # The SID of IIS APPPOOL\DefaultAppPool as every Windows has it.
        expected = "S-1-5-82-3006700770-424185619-1745488364-794895919-4004696415"
        self.assertEqual(accounts.pool_sid("DefaultAppPool"), expected)
