"""Framing, epochs, payloads, commands, ledger, lease."""

from __future__ import annotations

import os
import time

from .. import calls
from .case import HostCase
from .controller import Controller


def lease(run: str = "run1", incarnation: str = "1", since: str = "now", seconds: str = "60") -> str:
    return calls.write(
        "lease_take", run=run, incarnation=incarnation, seconds=seconds, operator="me@here", since=since, host="agent1"
    )


class Session(HostCase):
    def test_facts_come_before_it_takes_steps(self) -> None:
        session = self.connect()
        self.assertTrue(session.ready)
        self.assertEqual(session.infos["os"], "Windows")
        self.assertEqual(session.infos["uid"], "0")
        self.assertEqual(session.infos["hostname"], "AGENT1.EXAMPLE")

    def test_a_step_behind_a_failure_is_held_back(self) -> None:
        session = self.connect()
        good, bad = calls.write("ping"), calls.write("read", path="C:\\none", limit="10")
        steps = [session.order(text) for text in (good, bad, good)]
        self.assertEqual(session.result(steps[0]).status, 0)
        failed = session.result(steps[1])
        self.assertEqual((failed.status, failed.get("msg")), (1, "file not found: C:\\none"))
        self.assertTrue(session.result(steps[2]).skipped)
        self.assertEqual(session.result(session.order(good, epoch=2)).status, 0)

    def test_items_of_a_group_go_on_and_fail_together(self) -> None:
        session = self.connect()
        bad, good = calls.write("read", path="C:\\none", limit="10"), calls.write("ping")
        groups = [(bad, "i"), (good, "i"), (good, "l"), (good, "a")]
        steps = [session.order(text, group=group) for text, group in groups]
        replies = [session.result(step) for step in steps]
        self.assertEqual([reply.status for reply in replies[:3]], [1, 0, 0])
        self.assertTrue(replies[3].skipped)

    def test_an_unknown_function_or_argument_fails_the_step(self) -> None:
        session = self.connect()
        self.assertIn("no function `nonsense`", session.run("nonsense").get("msg") or "")
        self.assertIn("no argument `colour`", session.run("read", path="C:\\", colour="red").get("msg") or "")
        self.assertIn(
            "no attribute", session.ensure("service", {"name": "x"}, **{"set.colour": "red"}).get("msg") or ""
        )

    def test_a_line_that_was_cut_off_is_not_run(self) -> None:
        session = self.connect()
        text = calls.write("file", path="C:\\made", state="directory")
        import base64

        encoded = base64.b64encode(text.encode()).decode()
        session.send(f"step 1 1 a 0 0 - {encoded} #{session.token[:-1]}".encode())
        session.close()
        self.assertEqual(self.events("mkdir"), [])

    def test_a_payload_comes_byte_for_byte(self) -> None:
        session = self.connect()
        content = bytes(range(256)) * 4096
        import hashlib

        digest = hashlib.sha256(content).hexdigest()
        first = session.run("put", path="C:\\a.bin", digest=digest, size=str(len(content)))
        self.assertEqual(first.status, 75)
        third = session.run("put", body=content, path="C:\\a.bin", digest=digest, size=str(len(content)), payload="1")
        self.assertDone(third)
        again = session.run("put", path="C:\\A.BIN", digest=digest, size=str(len(content)))
        self.assertEqual(again.get("same"), "1")
        self.assertEqual(session.run("read", path="c:/a.bin", limit="9999999").blobs["content"], content)

    def test_a_command_gives_its_output_and_status(self) -> None:
        session = self.connect()
        reply = session.run("command", argv=["@cmd", "/c", "echo hello& exit 3"])
        self.assertEqual((reply.stdout, reply.command, reply.status), (b"hello\r\n", (3, 0, 0), 1))
        reply = session.run("command", argv=["paceline-test", "args", "a b", 'c"d', "\\\\x\\"])
        self.assertEqual(reply.stdout.decode().split("\r\n")[:3], ["a b", 'c"d', "\\\\x\\"])
        self.assertEqual(session.run("command", argv=["nonsense"]).get("missing"), "2")

    def test_output_is_capped_and_counted(self) -> None:
        session = self.connect()
        reply = session.run("command", argv=["paceline-test", "out", "100000", "err", "20000"])
        self.assertEqual(len(reply.stdout) + len(reply.stderr), 65536)
        self.assertEqual(reply.command, (0, 0, 120000 - 65536))
        self.assertGreaterEqual(len(reply.stderr), 8192)

    def test_a_limit_ends_a_command(self) -> None:
        session = self.connect()
        began = time.monotonic()
        reply = session.result(
            session.order(calls.write("command", argv=["paceline-test", "say", "x", "sleep", "60"]), limit=1)
        )
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual((reply.stdout, reply.command), (b"x\r\n", (1, 1, 0)))

    def test_a_second_channel_interrupts_and_holds_back(self) -> None:
        session = self.connect()
        steps = [
            session.order(calls.write("command", argv=["paceline-test", "sleep", "60"]), epoch=1),
            session.order(calls.write("ping"), epoch=2),
        ]
        time.sleep(0.5)
        opening = [calls.write("beside_hold"), calls.write("beside_interrupt")]
        beside = Controller(self.folder, opening, "plb", session.directory)
        self.assertEqual(beside.process.wait(10), 0)
        beside.close()
        self.assertEqual(session.result(steps[0]).command, (1, 0, 0))
        self.assertTrue(session.result(steps[1]).skipped)

    def test_nothing_runs_after_the_controller_is_gone(self) -> None:
        session = self.connect()
        session.order(calls.write("command", argv=["paceline-test", "sleep", "0.5", "count", "one"]))
        session.order(calls.write("command", argv=["paceline-test", "count", "two"]))
        self.assertEqual(session.stdout.readline(), b"S 1\n")
        session.stdout.close()
        session.process.wait(10)
        from ..host import Host

        host = Host(self.folder)
        self.assertEqual(host.store.get("counters", "one"), 1)
        self.assertIsNone(host.store.get("counters", "two"))
        host.close()
        self.assertEqual(os.listdir(os.path.join(self.folder, "run")), [])

    def test_the_ledger_tells_what_was_done(self) -> None:
        session = self.connect(opening=[calls.write("open_ledger")])
        session.result(session.order(calls.write("command", argv=["paceline-test", "say", "x"]), name="3.0"))
        session.kill()
        again = self.connect(opening=[calls.write("open_ledger")])
        ledger = again.run("tell_ledger").blobs["ledger"].decode()
        lines = ledger.splitlines()
        self.assertEqual((lines[0], lines[-1]), ("S 3.0", "R 3.0 0"))
        begun = next(line for line in lines if line.startswith("B ")).split(" ")
        output = again.run("tell_output", folder=begun[1], number=begun[2])
        self.assertEqual(output.blobs["stdout"], b"x\r\n")


class Lease(HostCase):
    def test_it_is_taken_joined_and_refused(self) -> None:
        first = self.connect(opening=[lease()])
        self.assertEqual(first.infos["lease"], "taken 1 C:\\ProgramData\\Paceline\\lease")
        self.assertTrue(self.connect(opening=[lease()]).infos["lease"].startswith("joined 1 "))
        other = self.connect(opening=[lease("run2")])
        self.assertTrue(other.infos["lease"].startswith("held 1 "))
        self.assertEqual(other.infos["lease_run"], "run1")
        self.assertEqual(other.result(other.order(calls.write("ping"))).fenced, "the lease was taken over")
        self.assertEqual(first.run("ping").status, 0)

    def test_a_higher_incarnation_takes_over_and_ends_the_older_shell(self) -> None:
        first = self.connect(opening=[lease()])
        second = self.connect(opening=[lease(incarnation="2", since="later")])
        self.assertTrue(second.infos["lease"].startswith("taken 2 "))
        self.assertEqual(first.process.wait(10), -9)

    def test_a_step_in_hand_is_waited_for(self) -> None:
        first = self.connect(opening=[lease()])
        step = first.order(calls.write("command", argv=["paceline-test", "sleep", "4", "count", "x"]), limit=30)
        time.sleep(0.4)
        second = self.connect(opening=[lease(incarnation="2", since="later")])
        self.assertTrue(second.infos["lease"].startswith("taken 2 "))
        self.assertIn("lease_wait", second.infos)
        self.assertEqual(first.result(step).command, (0, 0, 0))

    def test_leaving_frees_it(self) -> None:
        self.connect(opening=[lease()]).bye()
        self.assertTrue(self.connect(opening=[lease("run2")]).infos["lease"].startswith("taken 2 "))

    def test_one_that_ran_out_is_renewed_by_nobody(self) -> None:
        first = self.connect(opening=[lease(seconds="1")])
        time.sleep(2.1)
        self.assertEqual(first.result(first.order(calls.write("ping"))).fenced, "the lease ran out")
        renew = calls.write("beside_renew", folder="C:\\ProgramData\\Paceline\\lease", number="1", seconds="60")
        beside = Controller(self.folder, [renew], "plb")
        self.assertEqual(beside.stdout.readline(), b"left\n")
        beside.close()

    def test_a_killed_session_leaves_the_lease_to_the_next_run_of_it(self) -> None:
        first = self.connect(opening=[lease()])
        first.kill()
        self.assertTrue(self.connect(opening=[lease("run2")]).infos["lease"].startswith("held 1 "))
        self.assertTrue(self.connect(opening=[lease(incarnation="2", since="x")]).infos["lease"].startswith("taken 2 "))
