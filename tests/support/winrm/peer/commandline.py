"""Command lines as Windows takes them: how WinRS puts one together, how `cmd.exe` and a C program read it.

Sources: Microsoft, "Parsing C command-line arguments" and `CommandLineToArgvW`; "cmd" (quotes, `^`, `%NAME%`); "Command
prompt line string limitation" (8191 characters); `CreateProcessW` (32767 characters). That WinRS joins Command and
Arguments with blanks and quotes nothing is how its clients behave; unverified.
"""

import re

CMD_LIMIT = 8191
PROCESS_LIMIT = 32767


def join(command: str, arguments: list[str]) -> str:
    return " ".join([command, *arguments])


def split(line: str) -> list[str]:
    """The arguments of a program, by the rules of `CommandLineToArgvW`: the first word knows no backslash escapes."""
    if not line.strip(" \t"):
        return []
    if line.startswith('"'):
        program, _, rest = line[1:].partition('"')
    else:
        match = re.match(r"[^ \t]*", line)
        program = match.group() if match else ""
        rest = line[len(program) :]
    return [program, *_arguments(rest)]


def _arguments(text: str) -> list[str]:
    found: list[str] = []
    word: list[str] | None = None
    quoted = False
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            run = len(text) - at - len(text[at:].lstrip("\\"))
            word = word or []
            at += run
            if at < len(text) and text[at] == '"':
                word.append("\\" * (run // 2))
                if run % 2:
                    word.append('"')
                    at += 1
            else:
                word.append("\\" * run)
            continue
        if char == '"':
            word = word or []
            if quoted and text[at + 1 : at + 2] == '"':
                word.append('"')
                at += 1
            else:
                quoted = not quoted
        elif char in " \t" and not quoted:
            if word is not None:
                found.append("".join(word))
                word = None
        else:
            word = word or []
            word.append(char)
        at += 1
    if word is not None:
        found.append("".join(word))
    return found


class NotModelled(Exception):
    """`cmd.exe` would do something that this model does not know."""


def through_cmd(line: str, environment: dict[str, str]) -> str:
    """What `cmd.exe /c` starts: variables put in, carets gone; operators are refused, not ignored."""
    upper = {name.upper(): value for name, value in environment.items()}
    line = re.sub(r"%([^%]+)%", lambda match: upper.get(match.group(1).upper(), match.group()), line)
    kept: list[str] = []
    quoted = False
    at = 0
    while at < len(line):
        char = line[at]
        if char == '"':
            quoted = not quoted
        elif char == "^" and not quoted:
            at += 1
            char = line[at : at + 1]
        elif char in "&|<>()" and not quoted:
            raise NotModelled(f"`{char}` of cmd.exe")
        kept.append(char)
        at += 1
    return "".join(kept)
