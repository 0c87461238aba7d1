"""Packages, modules, XML and resources: made, told in check mode only, not made again, and back."""

from __future__ import annotations

from typing import Any

from .. import calls
from ..host import Host
from .case import HostCase
from .controller import Controller, Reply

CONFIG = (
    b"\xef\xbb\xbf<?xml version='1.0' encoding=\"UTF-8\"?>\r\n<configuration>\r\n  <appSettings>\r\n"
    b'    <add key="a" value="1" />\r\n  </appSettings>\r\n</configuration>\r\n'
)


class Installs(HostCase):
    def setting(self, section: str, key: str, value: Any) -> None:
        host = Host(self.folder)
        try:
            with host.store:
                host.store.put(section, key, value)
        finally:
            host.close()

    def there_and_back(self, session: Controller, function: str, **values: Any) -> Reply:
        before = self.snapshot()
        check = self.assertDone(session.run(function, check="1", **values))
        self.assertEqual((check.get("changed"), check.points), ("1", []))
        self.assertEqual(self.snapshot(), before)
        done = self.assertDone(session.run(function, **values))
        self.assertEqual((done.get("changed"), len(done.points)), ("1", 1))
        self.assertNotEqual(self.snapshot(), before)
        again = self.assertDone(session.run(function, **values))
        self.assertEqual((again.get("changed"), again.points), (None, []))
        for reply in session.restore(done.points):
            self.assertDone(reply)
        self.assertEqual(self.snapshot(), before)
        return done

    def choco(self, *names: str, want: str = "present", **more: Any) -> dict[str, Any]:
        return {"names": list(names), "want": want, "timeout": "2700", "limit": "3300", **more}

    def test_packages(self) -> None:
        session = self.connect()
        missing = session.run("chocolatey", **self.choco("git"))
        self.assertIn("no Chocolatey", missing.get("msg") or "")
        self.setting("settings", "choco", "2.2.2")
        done = self.there_and_back(session, "chocolatey", **self.choco("git", version="2.1.0"))
        self.assertEqual(done.get("rc"), "0")
        self.assertDone(session.run("chocolatey", **self.choco("git", version="2.1.0")))
        wrong = session.run("chocolatey", **self.choco("git", version="2.2.0"))
        self.assertIn("is installed as 2.1.0", wrong.get("msg") or "")
        self.there_and_back(session, "chocolatey", **self.choco("git", want="latest"))
        self.there_and_back(session, "chocolatey", **self.choco("all", want="latest"))
        self.there_and_back(session, "chocolatey", **self.choco("git", want="downgrade", version="2.2.0"))
        self.there_and_back(session, "chocolatey", **self.choco("git", want="absent"))
        self.there_and_back(session, "chocolatey", **self.choco("git", pinned="1"))
        failed = session.run("chocolatey", **self.choco("broken"))
        self.assertEqual((failed.status, failed.get("rc")), (1, "1"))
        restarts = self.there_and_back(session, "chocolatey", **self.choco("restarts"))
        self.assertEqual((restarts.get("rc"), restarts.get("reboot")), ("3010", "1"))

    def test_what_somebody_installed_later_stays(self) -> None:
        self.setting("settings", "choco", "2.2.2")
        session = self.connect()
        first = self.assertDone(session.run("chocolatey", **self.choco("git")))
        self.assertDone(session.run("chocolatey", **self.choco("7zip")))
        self.assertDone(session.restore(first.points)[0])
        left = self.snapshot()["choco"]
        self.assertEqual(list(left), ["7zip"])
        second = self.assertDone(session.run("chocolatey", **self.choco("git", version="2.1.0")))
        self.assertDone(session.run("chocolatey", **self.choco("git", want="latest")))
        refused = session.restore(second.points)[0]
        self.assertIn("was changed after the run", refused.get("msg") or "")

    def test_modules(self) -> None:
        session = self.connect()
        missing = session.run("psmodule", name="Pester", want="present")
        self.assertIn("NuGet", missing.get("msg") or "")
        self.setting("settings", "nuget", True)
        self.there_and_back(session, "psmodule", name="az.storage", want="present", repository="Own")
        self.there_and_back(session, "psmodule", name="Pester", want="present", maximum="5.0")
        self.assertDone(session.run("psmodule", name="Pester", want="present", required="4.10.1"))
        self.there_and_back(session, "psmodule", name="Pester", want="latest")
        self.there_and_back(session, "psmodule", name="Pester", want="absent")
        unknown = session.run("psmodule", name="Nonsense", want="present")
        self.assertIn("No match", unknown.get("msg") or "")

    def test_xml_keeps_how_the_file_is_written(self) -> None:
        session = self.connect()
        path = "C:\\web.config"
        self.assertDone(session.run("file", path=path, state="touch"))
        host = Host(self.folder)
        with host.store:
            host.files.write(path, CONFIG)
        host.close()
        add = {"path": path, "xpath": "/configuration/appSettings", "want": "present", "type": "element"}
        self.there_and_back(session, "xml", **add, fragment='<add value="2" key="b"/>')
        self.there_and_back(
            session, "xml", path=path, xpath="//add[@key='a']", want="present", type="attribute", attribute="value", fragment="9"
        )
        self.there_and_back(session, "xml", path=path, xpath="//add", want="absent", type="element")
        self.assertDone(session.run("xml", **add, fragment='<add key="b" value="2"/>'))
        host = Host(self.folder)
        with host.store:
            content = host.files.read(path)
        host.close()
        line = b'    <add key="a" value="1" />\r\n'
        self.assertEqual(content, CONFIG.replace(line, line + b'    <add key="b" value="2" />\r\n'))
        count = self.assertDone(session.run("xml", path=path, xpath="//add", want="present", type="element", only_count="1"))
        self.assertEqual(count.get("count"), "2")

    def test_resources(self) -> None:
        session = self.connect()
        values = {"resource": "Environment", "set.Name": "tA", "set.value": "tx", "set.Ensure": "tPresent"}
        check = self.assertDone(session.result(session.order(_call("dsc", check="1", **values))))
        self.assertEqual((check.get("changed"), "dsc" in self.snapshot()), ("1", False))
        done = self.assertDone(session.result(session.order(_call("dsc", **values))))
        self.assertEqual((done.get("changed"), done.get("module_version")), ("1", "2.12.0.0"))
        again = self.assertDone(session.result(session.order(_call("dsc", **values))))
        self.assertIsNone(again.get("changed"))
        model = {"resource": "xModel", "set.Key": "ta", "set.Members": "ldGE=", "set.Count": "t7", "set.Pairs": "maw==,dHY="}
        secret = {"set.Login_username": "tme", "secret.Login": "geheim"}
        self.assertDone(session.result(session.order(_call("dsc", **model, **secret))))
        record = self.snapshot()["dsc"]["xModel|a"]
        self.assertEqual(record, {"Key": "a", "Members": ["a"], "Count": 7, "Pairs": {"k": "v"}, "Login": ["me", 6]})
        for wrong, said in (
            ({"set.Ensure": "tMaybe"}, "one of Absent, Present"),
            ({"set.Nonsense": "tx"}, "no property"),
            ({"set.Path": "tperhaps"}, "no `bool`"),
            ({"version": "1.0"}, "and not as 1.0"),
        ):
            session.epoch += 1
            failed = session.result(session.order(_call("dsc", **{**values, **wrong})))
            self.assertIn(said, failed.get("msg") or "")


def _call(function: str, **values: str | list[str]) -> str:
    return calls.write(function, **values)
