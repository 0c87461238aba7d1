r"""Windows paths: what is one, and when two are the same.

Source: "Naming Files, Paths, and Namespaces" (learn.microsoft.com/windows/win32/fileio/naming-a-file): reserved
characters and device names, the trailing dot and blank that Win32 strips, drive letters, MAX_PATH; and "File path
formats on Windows systems" (learn.microsoft.com/dotnet/standard/io/file-path-formats) for `.`, `..` and `/`.
"""

from __future__ import annotations

import re

from .calls import Failure

# A path of Win32 without the long-path opt-in, the final NUL not counted.
MAX_PATH = 259
LONGEST_PART = 255

_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789\u00b9\u00b2\u00b3"]
)
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')


class PathError(Failure):
    """No path of a file on this host."""


def canonical(path: str) -> str:
    r"""The full path: backslashes, no `.` and `..`, no trailing dots and blanks. Case stays as it was written."""
    text = path.replace("/", "\\")
    if text.startswith("\\\\"):
        raise PathError(f"the network path `{path}` was not found")
    if not re.match(r"[A-Za-z]:\\", text + "\\" if len(text) == 2 else text):
        raise PathError(f"`{path}` is not a full path: it does not begin with a drive")
    parts: list[str] = []
    for part in text[3:].split("\\"):
        if part in ("", "."):
            continue
        if part == "..":
            if parts:
                parts.pop()
            continue
        check_part(part, path)
        parts.append(part.rstrip(". "))
    full = text[0].upper() + ":\\" + "\\".join(parts)
    if len(full) > MAX_PATH:
        raise PathError("The specified path, file name, or both are too long.")
    return full


def check_part(part: str, path: str) -> None:
    """One name of a path."""
    stripped = part.rstrip(". ")
    if ":" in part:
        raise PathError("The given path's format is not supported.")
    if not stripped or _FORBIDDEN.search(part):
        raise PathError("Illegal characters in path.")
    if stripped.split(".")[0].rstrip(" ").lower() in _RESERVED:
        raise PathError(f"`{path}` names a device of Windows (`{stripped.split('.')[0]}`), not a file")
    if len(part) > LONGEST_PART:
        raise PathError("The specified path, file name, or both are too long.")


def key(path: str) -> str:
    """What two names of one file have in common. NTFS folds case by a table of its own; upper case comes near."""
    return canonical(path).upper()


def parent(path: str) -> str:
    r"""The folder of a canonical path; the root `C:\` has itself."""
    head = path.rpartition("\\")[0]
    return head + "\\" if len(head) == 2 else head


def leaf(path: str) -> str:
    return path.rpartition("\\")[2]


def join(folder: str, *names: str) -> str:
    return "\\".join([folder.rstrip("\\"), *names])


def is_root(path: str) -> bool:
    return len(path) == 3


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it; both canonical."""
    upper, top = path.upper(), folder.upper().rstrip("\\")
    return upper == top or upper.startswith(top + "\\")
