"""The lease of a host: numbered claims in a real folder, as `controller/operation/posix/lease.sh` tells.

The highest number counts, and is the fence that is looked at before every step. `N` is a claim, made whole by a link;
`N.until` says until when it holds, in seconds since the host's start; `N.free` that its run has left;
`N.SESSION.shell` names a session that works under it. A session is alive as long as it holds the lock on the file
`alive` in its private folder, which a killed process loses at once.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from . import living


@dataclass
class Claim:
    run: str
    incarnation: int
    boot: str
    until: int
    seconds: int
    operator: str
    since: str
    host: str

    def text(self) -> str:
        first = f"{self.run} {self.incarnation} {self.boot} {self.until} {self.seconds}"
        return "\n".join([first, self.operator, self.since, self.host, "#END", ""])


@dataclass
class Asked:
    """What a session asks for."""

    run: str
    incarnation: int
    seconds: int
    operator: str
    since: str
    host: str


@dataclass
class Lease:
    """The claims of one folder, looked at by one session."""

    folder: str
    shown: str
    session: str
    private: str
    boot: str
    uptime: object
    fence: int = 0
    taking_part: bool = False
    until: int = 0
    why: str = ""
    infos: list[tuple[str, str]] = field(default_factory=list)

    def now(self) -> int:
        return int(self.uptime())  # type: ignore[operator]

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def has(self, name: str) -> bool:
        return os.path.exists(self.path(name))

    def numbers(self) -> list[int]:
        try:
            return sorted(int(name) for name in os.listdir(self.folder) if name.isdigit())
        except FileNotFoundError:
            return []

    def read(self, number: int) -> Claim | None:
        try:
            with open(self.path(str(number)), encoding="utf-8") as file:
                lines = file.read().split("\n")
        except OSError:
            return None
        if len(lines) < 5 or lines[4] != "#END":
            return None
        run, incarnation, boot, until, seconds = lines[0].split(" ")
        claim = Claim(run, int(incarnation), boot, int(until), int(seconds), lines[1], lines[2], lines[3])
        claim.until = self.renewed(number, claim.until)
        return claim

    def renewed(self, number: int, until: int) -> int:
        try:
            with open(self.path(f"{number}.until"), encoding="ascii") as file:
                text = file.read().strip()
        except OSError:
            return until
        return int(text) if text.isdigit() else until

    # Before every step

    def allow(self, limit: int) -> bool:
        if not self.taking_part:
            return True
        if not self.has(str(self.fence)) or self.has(str(self.fence + 1)):
            self.why = "the lease was taken over"
            return False
        if self.now() >= self.until:
            self.until = self.renewed(self.fence, self.until)
            if self.now() >= self.until:
                self.why = "the lease ran out"
                return False
        living.busy(self.private, limit)
        return True

    def over(self) -> None:
        if self.taking_part:
            living.idle(self.private)

    # Taking, joining, leaving

    def take(self, asked: Asked, wait: object) -> None:
        """Takes the lease or joins it; `infos` says what came of it, `wait` is told while it waits."""
        self.taking_part = True
        os.makedirs(self.folder, exist_ok=True)
        for _ in range(100):
            number = max(self.numbers(), default=0)
            verdict, claim = self.judge(number, asked)
            if verdict == "held" and claim is not None:
                self.infos.append(("lease", f"held {number} {self.shown}"))
                self.infos += self.holder(claim)
                self.infos.append(("lease_left", str(claim.until - self.now())))
                return
            if verdict == "join" and claim is not None:
                self.fence, self.until = number, claim.until
                self.present()
                if not self.has(f"{number}.free") and not self.has(str(number + 1)):
                    self.infos.append(("lease", f"joined {number} {self.shown}"))
                    return
                os.unlink(self.path(f"{number}.{self.session}.shell"))
                self.fence = 0
            elif verdict == "take" and self.claim(number + 1, asked):
                self.settle(claim, asked, wait)
                return
        self.infos.append(("lease", f"none the claims in {self.shown} cannot be read"))

    def judge(self, number: int, asked: Asked) -> tuple[str, Claim | None]:
        """What this session may do; the claim comes along where somebody did not give it back."""
        if number == 0 or self.has(f"{number}.free"):
            return "take", None
        claim = self.read(number)
        if claim is None:
            return ("take" if self.has(str(number)) else "again"), None
        if claim.boot != self.boot:
            return "take", claim
        if claim.run == asked.run:
            if claim.incarnation > asked.incarnation:
                return "held", claim
            if claim.incarnation == asked.incarnation and self.now() < claim.until:
                return ("join" if claim.since == asked.since else "held"), claim
            return "take", claim
        return ("held" if self.now() < claim.until else "take"), claim

    def claim(self, number: int, asked: Asked) -> bool:
        self.until = self.now() + asked.seconds
        claim = Claim(
            asked.run, asked.incarnation, self.boot, self.until, asked.seconds, asked.operator, asked.since, asked.host
        )
        temporary = self.path(f".claim-{self.session}")
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(claim.text())
        try:
            os.link(temporary, self.path(str(number)))
        except FileExistsError:
            return False
        finally:
            os.unlink(temporary)
        self.fence = number
        self.present()
        return True

    def present(self) -> None:
        with open(self.path(f"{self.fence}.{self.session}.shell"), "w", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n{self.private}\n")

    def settle(self, over: Claim | None, asked: Asked, wait: object) -> None:
        """Shells of earlier claims are over before this session takes a step."""
        waited = 0
        for name in sorted(os.listdir(self.folder)):
            number, _, rest = name.partition(".")
            if not rest.endswith(".shell") or not number.isdigit() or int(number) >= self.fence:
                continue
            with open(self.path(name), encoding="utf-8") as file:
                pid, private = file.read().split("\n")[:2]
            began = self.now()
            while living.alive(private):
                limit = living.limit(private)
                if limit is None:
                    living.end(private)
                else:
                    bound = limit + 15 if limit else 600
                    waited = self.now() - began
                    if waited >= bound:
                        if not limit:
                            self.free()
                            self.fence = 0
                            self.infos.append(("lease", f"busy {pid} {waited}"))
                            return
                        living.end(private)
                    wait(f"{pid} {waited} {bound}")  # type: ignore[operator]
                    self.until = self.now() + asked.seconds
                    self.write_until(self.fence, self.until)
                time.sleep(0.2)
            living.remove(private)
            try:
                os.unlink(self.path(name))
            except FileNotFoundError:
                pass
        if len(self.numbers()) >= 50:
            self.collect()
        self.infos.append(("lease", f"taken {self.fence} {self.shown}"))
        if over is not None:
            self.infos += self.holder(over)
            if waited:
                self.infos.append(("lease_waited", str(waited)))

    @staticmethod
    def holder(claim: Claim) -> list[tuple[str, str]]:
        return [
            ("lease_run", claim.run),
            ("lease_operator", claim.operator),
            ("lease_since", claim.since),
            ("lease_host", claim.host),
        ]

    def write_until(self, number: int, until: int) -> None:
        temporary = self.path(f".until-{self.session}")
        with open(temporary, "w", encoding="ascii") as file:
            file.write(f"{until}\n")
        os.replace(temporary, self.path(f"{number}.until"))

    def free(self) -> None:
        with open(self.path(f"{self.fence}.free"), "w", encoding="ascii") as file:
            file.write("\n")

    def others(self) -> bool:
        prefix = f"{self.fence}."
        return any(name.startswith(prefix) and name.endswith(".shell") for name in os.listdir(self.folder))

    def leave(self) -> None:
        """The last session of a claim frees it."""
        if not self.fence or not os.path.isdir(self.folder):
            return
        try:
            os.unlink(self.path(f"{self.fence}.{self.session}.shell"))
        except FileNotFoundError:
            pass
        if self.has(str(self.fence + 1)) or not self.has(str(self.fence)) or self.others():
            return
        self.free()
        if self.others():
            os.unlink(self.path(f"{self.fence}.free"))

    def collect(self) -> None:
        for number in self.numbers()[:-1]:
            for suffix in ("", ".until", ".free"):
                try:
                    os.unlink(self.path(f"{number}{suffix}"))
                except FileNotFoundError:
                    pass

    # For who looks without taking part

    def show(self) -> list[tuple[str, str]]:
        number = max(self.numbers(), default=0)
        claim = self.read(number) if number and not self.has(f"{number}.free") else None
        if claim is None:
            return [("lease", f"free {number}")]
        late = claim.boot != self.boot or self.now() >= claim.until
        left = str(claim.until - self.now())
        return [("lease", f"{'late' if late else 'held'} {number}"), *self.holder(claim), ("lease_left", left)]

    def break_claim(self, number: int, operator: str, since: str, host: str) -> str | None:
        """Breaks the claim if it still counts; returns what is wrong."""
        changed = "the lease changed hands meanwhile; look again"
        if max(self.numbers(), default=0) != number:
            return changed
        if not self.claim(number + 1, Asked("unlock", 0, 0, operator, since, host)):
            return changed
        os.unlink(self.path(f"{self.fence}.{self.session}.shell"))
        self.free()
        self.fence = 0
        return None

    def renew(self, number: int, seconds: int) -> list[str]:
        """What a channel beside a session does; neither brings back nor takes over."""
        claim = self.read(number)
        if claim is not None and not self.has(str(number + 1)):
            if self.has(f"{number}.free"):
                return ["left"]
            if self.now() >= claim.until:
                return ["late"]
            self.write_until(number, self.now() + seconds)
            if not self.has(str(number + 1)):
                return ["renewed"]
        last = max(self.numbers(), default=number)
        newer = self.read(last) if last > number else None
        return ["gone"] if newer is None else [f"taken {newer.run}", newer.operator, newer.since]


__all__ = ["Asked", "Claim", "Lease"]
