r"""Command lines: how programs take them apart, and how cmd.exe reads a line.

Sources: "Parsing C command-line arguments" and `CommandLineToArgvW` (learn.microsoft.com/windows/win32/api/shellapi): 2n
backslashes and a quote are n backslashes and a switch of quoting, 2n+1 are n backslashes and a quote, two quotes in a
quoted part are one; the program's own name has no escapes. "cmd" (learn.microsoft.com/windows-server/administration/
windows-commands/cmd): `&`, `&&`, `||`, `^`, `%NAME%`, redirections; a line of cmd.exe has at most 8191 characters.
"""

from __future__ import annotations

LONGEST_CMD = 8191


def split(line: str) -> list[str]:
    """Words of a whole command line, the program first."""
    line = line.strip(" \t")
    if not line:
        return []
    program, at, quoted = "", 0, False
    while at < len(line):
        if line[at] == '"':
            quoted = not quoted
        elif not quoted and line[at] in " \t":
            break
        else:
            program += line[at]
        at += 1
    return [program, *arguments(line[at:])]


def arguments(text: str) -> list[str]:
    """Words behind the program."""
    words: list[str] = []
    at, word, quoted, begun = 0, "", False, False
    while at < len(text):
        char = text[at]
        if char == "\\":
            count = len(text[at:]) - len(text[at:].lstrip("\\"))
            at += count
            if at < len(text) and text[at] == '"':
                word += "\\" * (count // 2)
                if count % 2:
                    word += '"'
                    at += 1
            else:
                word += "\\" * count
            begun = True
            continue
        if char == '"':
            if quoted and text[at + 1 : at + 2] == '"':
                word += '"'
                at += 1
            else:
                quoted = not quoted
            begun = True
        elif char in " \t" and not quoted:
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word += char
            begun = True
        at += 1
    if begun:
        words.append(word)
    return words


def commands(line: str) -> list[tuple[str, str]]:
    """A line of cmd.exe as pairs of operator and command: the first operator is empty. Quotes and `^` protect."""
    found: list[tuple[str, str]] = []
    operator, command, quoted, at = "", "", False, 0
    while at < len(line):
        char = line[at]
        if char == '"':
            quoted = not quoted
        if char == "^" and not quoted and at + 1 < len(line):
            command += line[at + 1]
            at += 2
            continue
        if not quoted and char in "&|":
            both = line[at : at + 2]
            mark = both if both in ("&&", "||") else char
            found.append((operator, command.strip()))
            operator, command = mark, ""
            at += len(mark)
            continue
        command += char
        at += 1
    found.append((operator, command.strip()))
    return [(mark, text) for mark, text in found if text]
