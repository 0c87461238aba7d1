"""`python3 -m fleet`: writes batches of random inventories, asks Ansible about them, keeps and unpacks the answers.

    write FOLDER FIRST COUNT             files of the seeds FIRST .. FIRST + COUNT - 1, and `batches.jsonl` about them
    ask FOLDER FIRST COUNT PROGRAMS      the same, with `answers.jsonl`: what the programs in that folder say
    keep FOLDER ARCHIVE                  packs `answers.jsonl`
    unpack ARCHIVE FOLDER                the reverse
"""

import json
import lzma
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .batch import SIZE, Batch
from .reference import ask


def _write(folder: Path, first: int, count: int) -> list[tuple[Batch, Path]]:
    if first % SIZE or count % SIZE or count <= 0:
        raise SystemExit(f"seeds come {SIZE} at a time: FIRST and COUNT are multiples of {SIZE}")
    batches = [Batch.make(number) for number in range(first // SIZE, (first + count) // SIZE)]
    made = []
    with open(folder / "batches.jsonl", "w", encoding="utf-8") as notes:
        for batch in batches:
            place = folder / f"b{batch.number:04}"
            batch.write(place)
            made.append((batch, place))
            about = {
                "batch": batch.number,
                "digest": batch.digest(),
                "sources": batch.sources,
                "patterns": batch.patterns,
                "limit": batch.limit,
            }
            notes.write(json.dumps(about) + "\n")
    return made


def _ask(folder: Path, first: int, count: int, programs: Path) -> None:
    made = _write(folder, first, count)
    with ThreadPoolExecutor(2) as pool, open(folder / "answers.jsonl", "w", encoding="utf-8") as answers:
        for answer in pool.map(lambda pair: ask(*pair, programs), made):
            answers.write(json.dumps(answer, sort_keys=True, separators=(",", ":")) + "\n")
            answers.flush()


def main(arguments: list[str]) -> None:
    """Does what the arguments say."""
    match arguments:
        case ["write", folder, first, count]:
            _write(Path(folder), int(first), int(count))
        case ["ask", folder, first, count, programs]:
            _ask(Path(folder), int(first), int(count), Path(programs).absolute())
        case ["keep", folder, archive]:
            text = (Path(folder) / "answers.jsonl").read_bytes()
            Path(archive).write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
        case ["unpack", archive, folder]:
            (Path(folder) / "answers.jsonl").write_bytes(lzma.decompress(Path(archive).read_bytes()))
        case _:
            raise SystemExit(__doc__)


main(sys.argv[1:])
