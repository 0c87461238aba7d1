"""The model knows the functions that the controller calls, and the library has them."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

from .. import everything
from ..calls import FUNCTIONS
from ..ensure import KINDS

CONTROLLER = Path(__file__).resolve().parents[4] / "controller"


def read(pattern: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(CONTROLLER.rglob(pattern)))


class Contract(unittest.TestCase):
    def test_what_the_controller_calls_is_here(self) -> None:
        self.assertTrue(everything.LOADED)
        called = set(re.findall(r'Call::new\(\s*"([a-z_0-9]+)"', read("*.rs")))
        self.assertGreater(len(called), 5)
        self.assertEqual(sorted(called - set(FUNCTIONS)), [])

    def test_what_is_here_is_in_the_library(self) -> None:
        library = set(re.findall(r"(?m)^function pw_([a-z_0-9]+)", read("*.ps1")))
        self.assertEqual(sorted(set(FUNCTIONS) - library), [])
        kinds = {name for name in KINDS if f"read_{name}" in library}
        self.assertEqual(sorted(set(KINDS) - kinds), [])
        theirs = set(re.findall(r"(?m)^function pw_read_([a-z_]+)\(\$key\)", read("*.ps1")))
        self.assertEqual(sorted(theirs - set(KINDS)), [])
