"""A test with a host of its own."""

from __future__ import annotations

import os
import tempfile
import unittest
from typing import Any

from .. import calls, control, fresh
from .controller import Controller, Reply


class HostCase(unittest.TestCase):
    """A test with a host of its own."""

    def setUp(self) -> None:
        self.temporary = tempfile.TemporaryDirectory(prefix="windows-model-")
        self.folder = os.path.join(self.temporary.name, "host")
        fresh.create(self.folder, "agent1.example")
        self.open_ones: list[Controller] = []

    def tearDown(self) -> None:
        for controller in self.open_ones:
            if controller.process.poll() is None:
                controller.kill()
            else:
                controller.stdin.close()
                controller.stdout.close()
        self.temporary.cleanup()

    def connect(self, run: str = "20260101T000000-aaaa", opening: list[str] | None = None, **more: Any) -> Controller:
        base = [calls.write("open_points", base="", run=run, host="agent1")]
        controller = Controller(self.folder, base + (opening or []), **more)
        self.open_ones.append(controller)
        return controller

    def snapshot(self) -> dict[str, Any]:
        return control.snapshot(self.folder, times=True)

    def events(self, kind: str) -> list[dict[str, Any]]:
        from ..host import Host

        host = Host(self.folder)
        try:
            return [event for event in host.store.events() if event["event"] == kind]
        finally:
            host.close()

    def assertDone(self, reply: Reply) -> Reply:
        self.assertEqual(reply.status, 0, reply)
        return reply
