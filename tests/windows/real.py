"""Runs the real PowerShell functions where there is an engine, and compares their answers with the model's.

`real.py` compares; where the model can run (not on Windows itself: it needs locks of POSIX), it also checks that the recorded
answers in `answers.json` are the model's of today. `real.py --record` writes them anew. `real.py --levels FILE` notes in FILE
(`status.json`) which operations agreed under which engine; `real.py --readme` writes the README's table, `--check` says whether
it is the one of today.
Without an engine it says how many functions were not run, and that is all that this machine can say of them.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/windows")]

from cases import CASES, Case, Step  # noqa: E402
from windows import calls  # noqa: E402
from windows.tests.controller import Controller, Reply  # noqa: E402

ANSWERS = ROOT / "tests/windows/answers.json"
STATUS = ROOT / "tests/windows/status.json"
LEVELS = ["never run", "bare engine", "Windows"]
SESSION = ROOT / "controller/remote/powershell"
LIBRARY = ROOT / "controller/operation/windows"
ON_WINDOWS = sys.platform == "win32"


def parts(source: Path, folder: Path) -> str:
    """The text of the files that a Rust source includes as `PARTS`, as the controller sends it."""
    listed = re.search(r"const PARTS[^=]*=\s*&?\[(.*?)\];", source.read_text(encoding="utf-8"), re.DOTALL)
    assert listed, f"no PARTS in {source}"
    names = re.findall(r'include_str!\("([^"]+)"\)', listed.group(1))
    lines = [line for name in names for line in (folder / name).read_text(encoding="ascii").splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"


class Real(Controller):
    """A session of a real engine."""

    def __init__(self, engine: str, base: str, run: str) -> None:
        self.nonce = os.urandom(16).hex()
        bootstrap = (SESSION / "bootstrap.ps1").read_text(encoding="ascii").splitlines()
        text = "\n".join(line for line in bootstrap if line and not line.startswith("#")) + "\n"
        encoded = base64.b64encode(text.replace("@NONCE@", f"@{self.nonce}@").encode("utf-16-le")).decode()
        words = ["-NoProfile", "-NonInteractive", "-InputFormat", "None", "-OutputFormat", "Text"]
        if ON_WINDOWS:
            words += ["-ExecutionPolicy", "Bypass"]
        opening = calls.write("open_points", base=base, run=run, host="host")
        program = parts(SESSION / "mod.rs", SESSION) + parts(LIBRARY / "library.rs", LIBRARY)
        body = f"{program}plr_main @'\n# calls\n{opening}\n# end of calls\n'@"
        self._start([engine, *words, "-EncodedCommand", encoded], body, "plr", None)


def asked(step: Step, scratch: str) -> str:
    """The call with the scratch folder in it."""
    separator = "\\" if "\\" in scratch else "/"

    def put_in(value: Any) -> Any:
        if isinstance(value, list):
            return [put_in(one) for one in value]
        return value.replace("{T}/", scratch + separator).replace("{T}", scratch)

    words = [step.function]
    for name, value in step.values.items():
        listed = put_in(value) if isinstance(value, list) else [put_in(value)]
        encoded = ",".join(base64.b64encode(one.encode()).decode() for one in listed)
        words.append(f"{name}:{encoded}" if listed else name)
    return " ".join(words)


def said(reply: Reply, step: Step) -> list[Any]:
    """What of an answer is compared."""
    found: dict[str, Any] = {}
    for name in step.agree:
        found[name] = reply.listed(name) if "." in name else reply.all(name)
    return [reply.status, found]


def play(session: Controller, case: Case, scratch: str) -> list[Any]:
    answers = []
    for step in case.steps:
        reply = session.result(session.order(asked(step, scratch), payload=step.body))
        answers.append(said(reply, step))
        session.epoch += 1
    return answers


def model_answers() -> dict[str, list[Any]]:
    """What the model says; it must end each step with the status that the case names."""
    from windows import fresh

    answers = {}
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="windows-real-") as folder:
            fresh.create(f"{folder}/host", "model")
            opening = calls.write("open_points", base="", run="run", host="host")
            session = Controller(f"{folder}/host", [opening])
            session.run("file", path="C:\\Scratch", state="directory")
            if case.needs == "iis":
                values = {"kind": "feature", "want": "present", "key.host": "features", "add.installed": "Web-Server"}
                session.run("ensure", **values)
            session.close()
            again = calls.write("open_points", base="", run="run2", host="host")
            session = Controller(f"{folder}/host", [again])
            answers[case.name] = play(session, case, "C:\\Scratch")
            session.close()
        for step, (status, _) in zip(case.steps, answers[case.name], strict=True):
            assert status == step.status, f"{case.name}: {step.function}: {status}, not {step.status}"
    return answers


def engines() -> list[tuple[str, str]]:
    """Engines on this machine, and the level that they reach."""
    found = []
    if ON_WINDOWS:
        found += [(path, "Windows") for name in ("powershell.exe", "pwsh.exe") if (path := shutil.which(name))]
    elif path := shutil.which("pwsh"):
        found.append((path, "bare engine"))
    return found


def has_iis() -> bool:
    root = os.environ.get("SystemRoot", "C:\\Windows")
    return Path(root, "System32", "inetsrv", "Microsoft.Web.Administration.dll").exists()


def compare(engine: str, level: str, expected: dict[str, list[Any]]) -> tuple[dict[str, str], list[str]]:
    """Runs what this engine can; returns operations that agreed and what did not."""
    agreed: dict[str, str] = {}
    wrong: list[str] = []
    for case in CASES:
        if (case.needs != "engine" and level != "Windows") or (case.needs == "iis" and not has_iis()):
            continue
        with tempfile.TemporaryDirectory(prefix="paceline-real-") as folder:
            scratch = os.path.realpath(folder) + ("\\scratch" if ON_WINDOWS else "/scratch")
            os.mkdir(scratch)
            session = Real(engine, os.path.join(os.path.realpath(folder), "base"), "run")
            if not session.ready:
                wrong.append(f"{case.name}: the session does not start: {session.infos.get('error')}")
                session.kill()
                continue
            answers = play(session, case, scratch)
            session.close()
        before = len(wrong)
        for number, (step, got, want) in enumerate(zip(case.steps, answers, expected[case.name], strict=True), 1):
            if got != want:
                wrong.append(f"{case.name}, step {number} ({step.function}): the engine says {got}, the model {want}")
        if len(wrong) == before:
            agreed |= {operation: level for operation in case.operations}
    return agreed, wrong


def operations() -> list[str]:
    """All operations: functions that a call reaches, and kinds."""
    sources = "\n".join(path.read_text(encoding="ascii") for path in sorted(LIBRARY.glob("*.ps1")))
    names = re.findall(r"(?m)^function pw_([a-z_0-9]+)\(\$a\)", sources)
    kinds = re.findall(r"(?m)^function pw_read_([a-z_]+)\(\$key\)", sources)
    return sorted({*names, *kinds})


def table() -> str:
    levels = json.loads(STATUS.read_text(encoding="utf-8"))
    rows = []
    for level in reversed(LEVELS):
        names = [f"`{name}`" for name in listed() if levels.get(name, LEVELS[0]) == level]
        rows.append(f"| {level} | {', '.join(names) or 'nothing'} |")
    return "\n".join(["| Has run | Operations and kinds |", "| --- | --- |", *rows])


def readme(check: bool) -> int:
    file = ROOT / "README.md"
    text = file.read_text(encoding="utf-8")
    before, mark, rest = text.partition("<!-- windows status -->\n")
    _, end, after = rest.partition("<!-- end of windows status -->")
    new = f"{before}{mark}{table()}\n{end}{after}"
    if check:
        print(
            "the table of the README is as it should be"
            if new == text
            else "the README's table is old: real.py --readme"
        )
        return 0 if new == text else 1
    file.write_text(new, encoding="utf-8")
    return 0


def listed() -> list[str]:
    """Operations of the table: those of the cases and all kinds."""
    covered = {operation for case in CASES for operation in case.operations}
    sources = "\n".join(path.read_text(encoding="ascii") for path in sorted(LIBRARY.glob("*.ps1")))
    kinds = set(re.findall(r"(?m)^function pw_read_([a-z_]+)\(\$key\)", sources))
    others = {"command", "unzip", "get_url", "uri", "facts", "find", "package", "reboot", "import_certificate"}
    return sorted(covered | kinds | others | {"lease", "ledger"})


def note(file: Path, agreed: dict[str, str]) -> None:
    levels = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name, level in agreed.items():
        if LEVELS.index(level) > LEVELS.index(levels.get(name, LEVELS[0])):
            levels[name] = level
    file.write_text(json.dumps(levels, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    if arguments in (["--readme"], ["--check"]):
        return readme(arguments == ["--check"])
    if arguments == ["--record"]:
        ANSWERS.write_text(json.dumps(model_answers(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return 0
    expected = json.loads(ANSWERS.read_text(encoding="utf-8"))
    wrong: list[str] = []
    if not ON_WINDOWS:
        now = json.loads(json.dumps(model_answers()))
        wrong += [
            f"{name}: the model says otherwise than answers.json; run real.py --record"
            for name in now
            if now[name] != expected.get(name)
        ]
    found = engines()
    if not found:
        print(f"no pwsh here: {len(operations())} functions and kinds not run")
    agreed: dict[str, str] = {}
    for engine, level in found:
        good, bad = compare(engine, level, expected)
        agreed |= good
        wrong += [f"{engine}: {one}" for one in bad]
        print(
            f"{engine}: {len(good)} operations agree with the model ({', '.join(sorted(good))}); {len(operations())} in all"
        )
    if len(arguments) == 2 and arguments[0] == "--levels":
        note(Path(arguments[1]), agreed)
    for one in wrong:
        print(one)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
