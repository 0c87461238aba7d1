"""Files, archives, what is in the way, and rollback of it all."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile

from .. import acl, calls, control, names
from ..calls import Failure
from .case import HostCase
from .controller import Controller, Reply


def put(session: Controller, path: str, content: bytes, **more: str) -> Reply:
    digest = hashlib.sha256(content).hexdigest()
    return session.run("put", body=content, path=path, digest=digest, size=str(len(content)), payload="1", **more)


def archive(entries: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            file.writestr(info, content)
    return packed.getvalue()


class Paths(HostCase):
    def test_names(self) -> None:
        self.assertEqual(names.canonical("c:/a/./b/../c. /d."), "C:\\a\\c\\d")
        for bad in (
            "C:\\con",
            "C:\\a\\NUL.txt",
            "C:\\a:b",
            "\\\\server\\share",
            "relative",
            "C:\\a*",
            "C:\\" + "a" * 300,
        ):
            with self.assertRaises(Failure, msg=bad):
                names.canonical(bad)


class Files(HostCase):
    def test_content_goes_in_and_out_and_back(self) -> None:
        session = self.connect()
        before = self.snapshot()
        points = []
        for reply in (
            session.run("file", path="C:\\App\\Runtime", state="directory"),
            put(session, "C:\\App\\Runtime\\a.txt", b"one"),
            put(session, "C:\\Windows\\win.ini", b"changed"),
            put(session, "c:\\app\\RUNTIME\\A.TXT", b"two"),
            session.run("file", path="C:\\Windows\\System32\\drivers", state="absent"),
        ):
            points += self.assertDone(reply).points
        self.assertEqual(session.run("read", path="C:\\App\\Runtime\\a.txt", limit="9").blobs["content"], b"two")
        self.assertNotEqual(self.snapshot(), before)
        for reply in session.restore(points):
            self.assertEqual(self.assertDone(reply).get("restored"), "now")
        self.assertEqual(self.snapshot(), before)

    def test_a_file_of_somebody_else_stays(self) -> None:
        session = self.connect()
        points = self.assertDone(session.run("file", path="C:\\Made", state="directory")).points
        put(self.connect(run="20260102T000000-bbbb"), "C:\\Made\\theirs.txt", b"x")
        refused = session.restore(points)[0]
        self.assertIn("holds what the run did not make", refused.get("msg") or "")
        forced = session.restore(points, force="1")[0]
        self.assertEqual(forced.get("replaced"), "C:\\Made.paceline-1")

    def test_check_mode_changes_nothing(self) -> None:
        session = self.connect()
        before = control.digest(self.folder, True)
        for reply in (
            session.run("file", path="C:\\X", state="directory", check="1"),
            session.run("file", path="C:\\Windows", state="absent", check="1"),
            put(session, "C:\\Windows\\win.ini", b"x", check="1"),
        ):
            self.assertEqual(self.assertDone(reply).get("changed"), "1")
        self.assertEqual(control.digest(self.folder, True), before)

    def test_an_archive_is_unpacked_once_and_back(self) -> None:
        session = self.connect()
        before = self.snapshot()
        content = archive({"Runtime/a.dll": b"MZ", "Runtime/sub/b.txt": b"b", "Runtime/empty/": b""})
        digest = hashlib.sha256(content).hexdigest()
        self.assertEqual(session.run("unzip", path="C:\\App", digest=digest).status, 75)
        first = self.assertDone(session.run("unzip", body=content, path="C:\\App", digest=digest, payload="1"))
        self.assertEqual(session.run("read", path="C:\\App\\Runtime\\sub\\b.txt", limit="9").blobs["content"], b"b")
        again = self.assertDone(session.run("unzip", path="C:\\App", digest=digest))
        self.assertIsNone(again.get("changed"))
        session.restore(first.points)
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(session.run("unzip", path="C:\\App", digest=digest).status, 75)

    def test_an_evil_archive_is_refused_whole(self) -> None:
        session = self.connect()
        before = self.snapshot()
        for bad in ("../x", "a/../../x", "/x", "C:/x", "a:b", "con", "a/aux.txt", "b.", "c ", "a/b|c", "..\\x"):
            content = archive({"good.txt": b"", bad: b""})
            digest = hashlib.sha256(content).hexdigest()
            reply = session.run("unzip", body=content, path="C:\\App", digest=digest, payload="1")
            self.assertIn("refused", reply.get("msg") or "", bad)
        content = archive({"a.txt": b"", "A.TXT": b""})
        digest = hashlib.sha256(content).hexdigest()
        reply = session.run("unzip", body=content, path="C:\\App", digest=digest, payload="1")
        self.assertIn("two entries", reply.get("msg") or "")
        self.assertEqual(self.snapshot(), before)

    def test_a_command_that_is_covered_is_undone(self) -> None:
        session = self.connect()
        before = self.snapshot()
        text = calls.write("arm", covers="C:\\Windows\\win.ini") + "\n"
        text += calls.write(
            "command", argv=["@cmd", "/c", "echo x> C:\\Windows\\win.ini & mkdir C:\\Made"], creates="C:\\Made"
        )
        reply = self.assertDone(session.result(session.order(text)))
        self.assertEqual(len(reply.points), 2)
        self.assertEqual(session.run("command", argv=["@cmd", "/c", "echo"], creates="C:\\Made").get("skip"), "creates")
        session.restore(reply.points)
        self.assertEqual(self.snapshot(), before)

    def test_a_full_disk_fails_before_the_change(self) -> None:
        session = self.connect()
        control.act(self.folder, "set", ["points_full", "true"])
        before = self.snapshot()
        reply = put(session, "C:\\Windows\\win.ini", b"x")
        self.assertIn("nothing was changed", reply.get("msg") or "")
        self.assertEqual(self.snapshot(), before)

    def test_a_killed_session_leaves_every_file_whole(self) -> None:
        import random

        chance = random.Random(7)
        for turn in range(6):
            session = self.connect(run=f"20260101T00000{turn}-aaaa")
            for number in range(40):
                content = f"{turn}.{number}".encode() * 200
                digest = hashlib.sha256(content).hexdigest()
                text = calls.write("put", path=f"C:\\F{number % 7}", digest=digest, size=str(len(content)), payload="1")
                session.order(text, payload=content)
            for _ in range(chance.randrange(1, 60)):
                session.stdout.readline()
            session.kill()
            snapshot = self.snapshot()
            for record in snapshot["files"].values():
                if not record["d"]:
                    with open(os.path.join(self.folder, "blobs", record["c"]), "rb") as blob:
                        self.assertEqual(hashlib.sha256(blob.read()).hexdigest(), record["c"])


class Killed(HostCase):
    def test_a_session_killed_at_any_change_can_be_rolled_back(self) -> None:
        """Before every change there is a point that brings back what was before it."""
        before = self.snapshot()
        for number in range(0, 60):
            control.act(self.folder, "set", ["dies_after", str(number)])
            run = f"20260101T0000{number:02}-aaaa"
            session = self.connect(run=run)
            steps = [
                calls.write("file", path="C:\\App\\Sub", state="directory"),
                calls.write(
                    "put", path="C:\\Windows\\win.ini", digest=hashlib.sha256(b"x").hexdigest(), size="1", payload="1"
                ),
                calls.write("file", path="C:\\Windows\\System32\\drivers", state="absent"),
                calls.write("registry_value_set", path="HKLM:\\SOFTWARE\\A", name="v", type="string", data="x"),
                calls.write("environment_set", level="machine", names=["A", "TEMP"], values=["1", ""]),
                calls.write(
                    "acl_rule",
                    path="C:\\App",
                    user="Users",
                    type="allow",
                    mask="2032127",
                    want="present",
                    inherit="",
                    propagate="0",
                ),
            ]
            numbers = [session.order(step, payload=b"x" if step.startswith("put ") else None) for step in steps]
            whole = all(session.result(step).status == 0 for step in numbers)
            if not whole:
                self.assertEqual(session.process.wait(10), -9)
            again = self.connect(run=run)
            listed = [int(text.split(" ")[0]) for text in again.run("points_list").all("listed")]
            for reply in again.restore(listed):
                self.assertDone(reply)
            self.assertEqual(self.snapshot(), before, f"killed after {number} changes")
            again.bye()
            if whole:
                session.bye()
                return
        self.fail("the steps never came to their end")


class Lists(HostCase):
    def test_sddl_goes_there_and_back(self) -> None:
        text = "O:BAD:PAI(D;OICI;0x1301bf;;;S-1-5-82-1-2-3-4-5)(A;OICIIO;GA;;;CO)(A;;FA;;;SY)"
        found = acl.parse(text)
        self.assertEqual(found.protected, True)
        self.assertEqual(acl.parse(found.sddl()), found)
        for bad in ("", "X:", "D:(A;;FA;;;)", "D:(A;;ZZ;;;SY)", "D:(A;;FA;;;SY"):
            with self.assertRaises(Failure, msg=bad):
                acl.parse(bad)

    def test_deny_beats_allow_and_own_beats_inherited(self) -> None:
        users, pool = "S-1-5-32-545", "S-1-5-82-1-2-3-4-5"
        allow, deny = acl.Ace(True, 0, acl.READ, users), acl.Ace(False, 0, acl.READ, pool)
        inherited = acl.Ace(False, acl.INHERITED, acl.READ, users)
        self.assertFalse(acl.may({users, pool}, acl.canonical_order([allow, deny]), acl.READ))
        self.assertTrue(acl.may({users}, acl.canonical_order([inherited, allow]), acl.READ))
        self.assertEqual(acl.rights_text(0x1200A9), "ReadAndExecute, Synchronize")
