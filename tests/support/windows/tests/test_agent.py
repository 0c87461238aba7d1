"""The agent's site from nothing to an answer, every wrong turn on the way, packages, restarts."""

from __future__ import annotations

import json
import time

from .. import control
from .certificates import pfx
from .controller import Controller
from .test_files import put
from .test_kinds import POOL, KindCase

ROOT = "C:\\UsercubeContoso"
CONFIG = """<?xml version="1.0" encoding="utf-8"?>
<configuration><location path="." inheritInChildApplications="false"><system.webServer>
<handlers><add name="aspNetCore" path="*" verb="*" modules="AspNetCoreModuleV2" resourceType="Unspecified" /></handlers>
<aspNetCore processPath="dotnet" arguments="./{dll}" stdoutLogEnabled="true" stdoutLogFile="../Temp/stdout-agent.log" hostingModel="inprocess" />
<applicationInitialization doAppInitAfterRestart="true"><add initializationPage="/" /></applicationInitialization>
</system.webServer></location></configuration>
"""
BUNDLE = "C:\\Temp\\dotnet-hosting-8.0.11-win.exe"


class Agent(KindCase):
    def http(self) -> list[object]:
        answer: list[object] = control.act(self.folder, "http", ["https://agent1.example/"])
        return answer[:2]

    def bundle(self, session: Controller, *words: str) -> int:
        control.act(self.folder, "write", [BUNDLE], b"MZ bundle")
        reply = session.run("command", argv=[BUNDLE, *words, "/quiet", "/norestart"])
        assert reply.command
        return reply.command[0]

    def settings(self, session: Controller, thumbprint: str, **wrong: object) -> None:
        place = {"StoreLocation": "LocalMachine", "StoreName": "My"}
        main = {
            "ApplicationUri": "https://server.example",
            "IdentityServer": {
                "X509Thumbprint": thumbprint,
                "X509StoreLocation": "LocalMachine",
                "X509StoreName": "My",
            },
            "EncryptionCertificate": {"Thumbprint": thumbprint, **place},
        }
        agent = {"OpenId": {"AgentIdentifier": "Paris", "OpenIdClients": {"Job": "secret"}}}
        main |= wrong
        text = json.dumps(main)[:-1] + ", // as .NET reads it\n}"
        self.assertDone(put(session, f"{ROOT}\\Runtime\\appsettings.json", text.encode()))
        self.assertDone(put(session, f"{ROOT}\\Runtime\\appsettings.agent.json", json.dumps(agent).encode()))

    def installed(self, session: Controller) -> str:
        """All six steps; returns the thumbprint."""
        for folder in ("Runtime", "Mails", "Sources", "Temp", "Work"):
            self.assertDone(session.run("file", path=f"{ROOT}\\{folder}", state="directory"))
        for name in ("Usercube-Agent.dll", "Usercube-Agent.runtimeconfig.json", "Usercube-Invoke-Job.exe"):
            self.assertDone(put(session, f"{ROOT}\\Runtime\\{name}", b"MZ"))
        self.assertDone(put(session, f"{ROOT}\\Runtime\\web.config", CONFIG.format(dll="Usercube-Agent.dll").encode()))
        self.web(session, True)
        content, thumbprint = pfx("secret")
        values = {"location": "LocalMachine", "store": "My", "secret.password": "secret"}
        self.assertDone(session.run("import_certificate", body=content, **values))
        self.settings(session, thumbprint)
        self.assertDone(session.ensure("pool", {"name": "Usercube"}, **POOL))
        binding = f"https|*:443:agent1.example|1|{thumbprint}|My"
        site = {"set.physicalPath": f"{ROOT}\\Runtime", "set.applicationPool": "Usercube", "set.bindings": [binding]}
        self.assertDone(session.ensure("site", {"name": "UsercubeContoso"}, **site))
        for folder in ("Temp", "Work", "Mails"):
            rule = {"mask": "2032127", "type": "allow", "want": "present", "inherit": "", "propagate": "0"}
            self.assertDone(session.run("acl_rule", path=f"{ROOT}\\{folder}", user="IIS AppPool\\Usercube", **rule))
        identity = {
            "location": "LocalMachine",
            "store": "My",
            "thumbprint": thumbprint,
            "identity": "IIS AppPool\\Usercube",
        }
        self.assertDone(session.ensure("key_acl", identity, **{"set.right": "read"}))
        return thumbprint

    def test_six_steps_and_every_wrong_turn(self) -> None:
        session = self.connect()
        before = self.snapshot()
        thumbprint = self.installed(session)
        self.assertEqual(self.http(), [500, 19])
        self.assertEqual(self.bundle(session, "/install"), 0)
        self.assertEqual(self.http(), [200, 0])
        self.settings(session, thumbprint, ApplicationUri="")
        self.assertEqual(self.http(), [500, 30])
        self.settings(session, "00" * 20)
        self.assertEqual(self.http(), [500, 30])
        self.settings(session, thumbprint)
        pool = {"name": "Usercube"}
        self.assertDone(session.ensure("pool", pool, **{"set.enable32BitAppOnWin64": "true"}))
        self.assertEqual(self.http(), [500, 32])
        self.assertDone(session.ensure("pool", pool, **{"set.enable32BitAppOnWin64": "false", "set.state": "stopped"}))
        self.assertEqual(self.http(), [503, 0])
        self.assertDone(session.ensure("pool", pool, **{"set.state": "started"}))
        put(session, f"{ROOT}\\Runtime\\web.config", CONFIG.format(dll="identitymanager-Agent.dll").encode())
        self.assertEqual(self.http(), [500, 38])
        put(session, f"{ROOT}\\Runtime\\web.config", b"<configuration>")
        self.assertEqual(self.http(), [500, 19])
        put(session, f"{ROOT}\\Runtime\\web.config", CONFIG.format(dll="Usercube-Agent.dll").encode())
        identity = {
            "location": "LocalMachine",
            "store": "My",
            "thumbprint": thumbprint,
            "identity": "IIS AppPool\\Usercube",
        }
        self.assertDone(session.ensure("key_acl", identity, "absent"))
        self.assertEqual(self.http(), [500, 30])
        self.assertDone(session.ensure("key_acl", identity, **{"set.right": "read"}))
        self.assertEqual(self.http(), [200, 0])
        second = {"site": "UsercubeContoso", "path": "/second"}
        self.assertDone(
            session.ensure("app", second, **{"set.physicalPath": f"{ROOT}\\Runtime", "set.applicationPool": "Usercube"})
        )
        self.assertEqual(self.http(), [500, 35])
        self.assertDone(session.ensure("app", second, "absent"))
        self.assertDone(session.ensure("site", {"name": "UsercubeContoso"}, **{"set.state": "stopped"}))
        self.assertEqual(self.http()[0], 0)
        # The agent's own log lies in a folder that the run made, and is not the run's to remove.
        for event in control.act(self.folder, "snapshot", [])["files"].values():
            if "stdout-agent" in event["n"]:
                self.assertDone(session.run("command", argv=["@cmd", "/c", f"del {event['n']}"]))
        # All of it goes back, but for the bundle, which is left installed.
        listed = [int(text.split(" ")[0]) for text in session.run("points_list").all("listed")]
        for reply in session.restore(listed):
            self.assertDone(reply)
        after = self.snapshot()
        for section in ("packages", "registry", "files"):
            after.pop(section, None)
            before.pop(section, None)
        self.assertEqual(after, before)
        self.assertFalse(control.act(self.folder, "get", ["files", ROOT.upper()]))

    def test_an_audit_reads_files_site_and_pool(self) -> None:
        session = self.connect()
        asked = {"folder": ROOT, "limit": "1000000", "pool": "Usercube", "site": "Nowhere"}
        self.assertEqual(session.run("audit", **asked).all("state"), ["absent"])
        self.installed(session)
        self.assertDone(session.ensure("pool", {"name": "Usercube"}, **{"set.state": "stopped"}))
        control.act(self.folder, "write", [f"{ROOT}\\Runtime\\Usercube-Agent.dll"], b"MZ FileVersion=6.2.1.0")
        self.assertDone(put(session, f"{ROOT}\\Work\\appsettings.connection.json", b"{}"))
        variable = {"name": "OpenId__AgentIdentifier", "level": "machine"}
        self.assertDone(session.ensure("environment", variable, **{"set.value": "Other"}))
        before = self.snapshot()
        reply = self.assertDone(session.run("audit", **asked))
        self.assertEqual(before, self.snapshot())
        found = [text.rpartition("\\")[2] for text in reply.all("file")]
        wanted = ["appsettings.agent.json", "appsettings.connection.json", "appsettings.json", "web.config"]
        self.assertEqual(sorted(found), wanted)
        self.assertEqual((reply.all("program"), reply.all("version")), (["1 Usercube-Agent.dll"], ["1 6.2.1.0"]))
        self.assertEqual(reply.all("variable"), ["1 OpenId__AgentIdentifier"])
        self.assertEqual((reply.all("site"), reply.all("site_state")), (["UsercubeContoso"], ["started"]))
        self.assertEqual((reply.all("pool"), reply.all("pool_state")), (["Usercube"], ["stopped"]))
        self.assertEqual(reply.all("identity"), ["IIS AppPool\\Usercube"])
        self.assertTrue(reply.all("binding")[0].startswith("https|*:443:agent1.example|1|"))
        small = session.run("audit", **(asked | {"limit": "1"}))
        self.assertEqual(len(small.all("unread")), 4)
        self.assertDone(session.ensure("site", {"name": "UsercubeContoso"}, "absent"))
        gone = session.run("audit", **asked)
        self.assertEqual((gone.all("site"), gone.all("site_state")), (["Nowhere"], ["missing"]))
        self.assertEqual(gone.all("pool_state"), ["stopped"])

    def test_the_bundle_before_iis_is_a_trap(self) -> None:
        session = self.connect()
        self.assertEqual(self.bundle(session, "/install"), 0)
        self.installed(session)
        listed = session.run("command", argv=["C:\\Program Files\\dotnet\\dotnet.exe", "--list-runtimes"])
        self.assertIn(b"Microsoft.AspNetCore.App 8.0.11", listed.stdout)
        self.assertIsNone(control.act(self.folder, "get", ["modules", "aspnetcoremodulev2"]))
        self.assertEqual(self.http(), [500, 19])
        self.assertEqual(self.bundle(session, "/install"), 0)
        self.assertEqual(self.http(), [500, 19])
        self.assertEqual(self.bundle(session, "/repair"), 0)
        self.assertEqual(self.http(), [200, 0])

    def test_a_worker_holds_its_files(self) -> None:
        session = self.connect()
        self.installed(session)
        self.bundle(session, "/install")
        self.assertEqual(self.http(), [200, 0])
        held = put(session, f"{ROOT}\\Runtime\\Usercube-Agent.dll", b"new")
        self.assertIn("being used by another process", held.get("msg") or "")
        moved = session.run("command", argv=["@cmd", "/c", f"move {ROOT}\\Runtime {ROOT}\\RuntimeOld"])
        self.assertEqual(moved.command[0], 1)  # type: ignore[index]
        self.assertDone(session.ensure("pool", {"name": "Usercube"}, **{"set.state": "stopped"}))
        self.assertDone(put(session, f"{ROOT}\\Runtime\\Usercube-Agent.dll", b"new"))

    def test_the_job_probe_tells_server_and_secret(self) -> None:
        session = self.connect()
        self.installed(session)
        server = {"url": "https://server.example", "clients": {"Job": "secret"}, "jobs": {"Daily": 0}}
        control.act(self.folder, "set", ["server", json.dumps(server)])

        def job(name: str, secret: str) -> tuple[int, bytes]:
            words = [
                "--api-url",
                "https://server.example",
                "--api-client-id",
                "Job",
                "--api-secret",
                secret,
                "-j",
                name,
            ]
            reply = session.run("command", argv=[f"{ROOT}\\Runtime\\Usercube-Invoke-Job.exe", *words])
            assert reply.command
            return reply.command[0], reply.stdout

        self.assertEqual(job("UnknownJob", "secret"), (1, b"Job: UnknownJob is not found\r\n"))
        self.assertEqual(job("Daily", "secret")[0], 0)
        self.assertEqual(job("UnknownJob", "wrong"), (1, b""))

    def test_packages_and_their_codes(self) -> None:
        session = self.connect()
        product = "{11111111-2222-3333-4444-555555555555}"
        package = {
            "package": "msi",
            "product": product,
            "version": "1.0",
            "name": "Tool",
            "files": {"C:\\Tool\\a.txt": "a"},
        }
        control.act(self.folder, "write", ["C:\\Temp\\tool.msi"], json.dumps(package, separators=(",", ":")).encode())
        before = self.snapshot()
        values = {"path": "C:\\Temp\\tool.msi", "want": "present", "codes": ["0", "3010"], "wait": "5"}
        self.assertEqual(session.run("package", check="1", **values).get("changed"), "1")
        control.act(self.folder, "set", ["installer_busy", "2"])
        done = self.assertDone(session.run("package", **values))
        self.assertEqual((done.get("rc"), done.points), ("0", [1]))
        self.assertIsNone(session.run("package", **values).get("changed"))
        session.restore(done.points)
        after = self.snapshot()
        self.assertEqual({key for key in after["files"] if key not in before["files"]}, {"C:\\TOOL"})
        control.act(
            self.folder,
            "write",
            ["C:\\Temp\\bad.msi"],
            json.dumps({**package, "fails": 1603}, separators=(",", ":")).encode(),
        )
        failed = session.run("package", **{**values, "path": "C:\\Temp\\bad.msi"})
        self.assertIn("unexpected rc 1603", failed.get("msg") or "")

    def test_a_restart_ends_sessions_and_changes_the_boot(self) -> None:
        session = self.connect()
        control.act(self.folder, "set", ["reboot_seconds", "0.5"])
        boot = session.infos["boot_id"]
        self.assertDone(session.run("reboot", message="x", delay="1"))
        self.assertNotEqual(session.process.wait(10), None)
        deadline = time.monotonic() + 10
        again = self.connect()
        while not again.ready and time.monotonic() < deadline:
            time.sleep(0.3)
            again = self.connect()
        self.assertNotEqual(again.infos["boot_id"], boot)
        self.assertEqual(len(self.events("boot")), 1)
