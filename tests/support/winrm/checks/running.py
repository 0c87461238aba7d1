"""Programs run as they should, in every way to get in: arguments, codes, streams, sizes, many at once."""

import hashlib
import json
from functools import partial

from peer import programs
from started import Peer

from .clients import HOST, Session, Way, ways
from .register import check, same, together

TEN_MIB = 10 * 1024 * 1024
TWO_MIB = 2 * 1024 * 1024
PATTERN = b"".join(programs.pattern(TEN_MIB))


def _everything(peer: Peer, way: Way) -> None:
    with Session(peer, way) as client:
        code, out, err = client.run("args", "one", '"two words"', r"c:\dir\ ".strip(), r'"a\"b"', "üñ")
        same((code, json.loads(out), err), (0, ["one", "two words", "c:\\dir\\", 'a"b', "üñ"], b""), "arguments")
        same(client.run("exit", "259"), (259, b"", b""), "exit code")
        same(client.run("err", '"to stderr, ü"', "7"), (7, b"", "to stderr, ü".encode()), "stderr")
        code, out, err = client.run("both", "500")
        same(out, b"".join(b"out %d\n" % number for number in range(500)), "stdout of both")
        same(err, b"".join(b"err %d\n" % number for number in range(500)), "stderr of both")
        code, out, _ = client.run("out", str(TEN_MIB))
        same(hashlib.sha256(out).hexdigest(), hashlib.sha256(PATTERN).hexdigest(), "10 MiB of output")
        code, out, _ = client.run("cat", stdin=PATTERN[:TWO_MIB])
        same((code, out == PATTERN[:TWO_MIB]), (0, True), "2 MiB of input come back")
        code, out, _ = client.run("environment")
        seen = json.loads(out)
        same(
            (seen["codepage"], seen["environment"]["PEER_CHECK"]), (65001, "grüße & <more>"), "codepage and environment"
        )
        shells = peer.do("shells", HOST)
        same(len(shells), 1, "open shells")
    same(peer.do("shells", HOST), [], "shells left behind")


for _way in ways():
    check(f"{_way}: programs, codes, 10 MiB out, 2 MiB in")(partial(_everything, way=_way))


def _waits(peer: Peer, way: Way) -> None:
    before = len(peer.do("log", HOST, kind="fault"))
    with Session(peer, way) as client:
        same(client.run("lines", "2", "2.5")[1], b"line 0\nline 1\n", "lines")
    faults = [fault["code"] for fault in peer.do("log", HOST, kind="fault")[before:]]
    if set(faults) != {2150858793} or len(faults) < 2:
        raise AssertionError(f"OperationTimeout of 1 s in 2.5 s of silence gave the faults {faults}")


for _client in ("pypsrp", "pywinrm"):
    check(f"{_client}: silence longer than OperationTimeout is polled through")(
        partial(_waits, way=Way(_client, "ntlm", False, timeout=1))
    )


def _fifty(peer: Peer, way: Way) -> None:
    def one(number: int) -> None:
        with Session(peer, way) as client:
            same(client.run("args", str(number))[1], f'["{number}"]\r\n'.encode(), "its own output")

    peer.do("set", HOST, settings={"max_shells_per_user": 50})
    try:
        together(50, one)
    finally:
        peer.do("set", HOST, settings={"max_shells_per_user": 30})
    same(peer.do("shells", HOST), [], "shells left behind")


for _way in (
    Way("pypsrp", "ntlm", False),
    Way("pypsrp", "ntlm", True),
    Way("pywinrm", "ntlm", False),
    Way("pywinrm", "basic", True),
):
    check(f"{_way}: 50 sessions at once")(partial(_fifty, way=_way))


@check("pypsrp ntlm: 40 connections in a row, none is refused")
def _in_a_row(peer: Peer) -> None:
    before = peer.do("counts", HOST).get("logon_failed", 0)
    for number in range(40):
        with Session(peer, Way("pypsrp", "ntlm", number % 2 == 1)) as client:
            same(client.run("exit", "0")[0], 0, "exit code")
    same(peer.do("counts", HOST).get("logon_failed", 0), before, "failed logons")


@check("pypsrp: ctrl_c ends a program with STATUS_CONTROL_C_EXIT")
def _control_c(peer: Peer) -> None:
    with Session(peer, Way("pypsrp", "ntlm", False)) as client:
        same(client.interrupted("sleep", "60"), 0xC000013A, "exit code")
        same(client.run("args", "still here")[0], 0, "the shell lives on")


@check("pypsrp: terminate ends a program and forgets the command")
def _terminate(peer: Peer) -> None:
    from pypsrp.exceptions import WSManFaultError
    from pypsrp.shell import SignalCode

    from .register import refused

    with Session(peer, Way("pypsrp", "ntlm", False)) as client:
        process = client.start("sleep", ["60"])
        process.signal(SignalCode.TERMINATE)
        same(refused(WSManFaultError, process.poll_invoke).code, 2150858843, "Receive of a forgotten command")


@check("pypsrp: two commands in one shell at once, input while output waits")
def _two_commands(peer: Peer) -> None:
    with Session(peer, Way("pypsrp", "ntlm", False)) as client:
        first = client.start("cat", [])
        same(client.run("args", "second")[1], b'["second"]\r\n', "second command")
        first.send(b"for the first", end=True)
        first.end_invoke()
        same((first.rc, first.stdout), (0, b"for the first"), "first command")


@check("pypsrp: input that nobody reads is held back, then dropped with the program")
def _unread_input(peer: Peer) -> None:
    with Session(peer, Way("pypsrp", "ntlm", False)) as client:
        same(client.run("deaf", stdin=PATTERN[:TWO_MIB])[0], 0, "exit code")
        stalled = client.run("stall", "1", stdin=PATTERN[: 8 * 1024 * 1024])
        wanted = hashlib.sha256(PATTERN[: 8 * 1024 * 1024]).hexdigest()
        same(stalled[1].decode().split(), [str(8 * 1024 * 1024), wanted], "8 MiB past a program that waits first")
