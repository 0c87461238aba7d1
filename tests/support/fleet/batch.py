"""Ten seeds in one folder, so that few processes of Ansible answer for all of them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from . import files
from .choices import Choices
from .seeds import Seed

SIZE = 10


@dataclass
class Batch:
    """Files of some seeds with what is asked about them."""

    number: int
    files: files.Files
    # Arguments of `-i`, relative to the folder.
    sources: list[str]
    # Names of plays and their patterns.
    patterns: dict[str, str]
    limit: str

    @classmethod
    def make(cls, number: int) -> "Batch":
        """Makes the batch of the seeds `number * SIZE` and up."""
        choices = Choices(1_000_000 + number)
        written = files.write_all(choices)
        patterns: dict[str, str] = {}
        limit: list[str] = []
        for seed_number in range(number * SIZE, (number + 1) * SIZE):
            seed = Seed.make(seed_number)
            written.update(files.write(seed))
            patterns.update({f"p{seed_number:04}-{at}": pattern for at, pattern in enumerate(seed.patterns())})
            limit += seed.limit()
        sources = ["first"]
        if any(path.startswith("second/") and "_vars/" not in path for path in written):
            sources.append("second")
        sources = choices.some(sources, 2, 2)
        if choices.chance(30):
            sources.append(f"listed-b{number:04},other-b{number:04}:2222,")
        return cls(number, written, sources, patterns, ",".join(limit))

    def digest(self) -> str:
        """Returns the SHA-256 of everything that the answers depend on."""
        hashed = hashlib.sha256()
        for part in [*self.sources, self.limit, *(part for pair in self.patterns.items() for part in pair)]:
            hashed.update(part.encode() + b"\0")
        for path, text in sorted(self.files.items()):
            hashed.update(f"{path}\0{text}\0".encode())
        return hashed.hexdigest()

    def write(self, folder: Path) -> None:
        """Writes the files, and a playbook with a play for each pattern."""
        for path, text in self.files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        play = folder / "play"
        play.mkdir(parents=True, exist_ok=True)
        plays = [f"- name: {name}\n  hosts: '{pattern}'\n  gather_facts: false\n" for name, pattern in self.patterns.items()]
        (play / "site.yml").write_text("".join(plays), encoding="utf-8")
