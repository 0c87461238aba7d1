"""Checks every `.ps1` file below `controller/` against the rules for PowerShell that nobody can run here.

`scripts.py [FILE ...]` prints `FILE:LINE: what is wrong` for each finding and ends with 1 if there is one. The grammar is
tree-sitter's. Rules: it parses; ASCII only, no tabs; the language and .NET only: every command
is a function of ours, or one of the cmdlets that Windows offers no .NET way for; no text is compiled but in the files
that start a session or a script of the user; nothing that only PowerShell 7 has; every function has one definition, is
called with no more arguments than it takes, and reads no variable that it never set (strict mode would fail at run time);
methods whose result would get among a function's output are cast to void.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).resolve().parents[2]
PREFIXES = ("pw_", "pl_", "plr_", "pb_")

# Cmdlets by file: those for which Windows has no .NET interface, and strict mode, which is the language's.
CMDLETS = {
    "feature.ps1": {"Get-WindowsFeature", "Install-WindowsFeature", "Uninstall-WindowsFeature"},
    "session.ps1": {"Set-StrictMode"},
    "psmodule.ps1": {
        "Get-Module", "Find-Module", "Install-Module", "Uninstall-Module", "Get-PackageProvider", "Get-PSRepository",
    },
    "dsc.ps1": {"Get-DscResource", "Invoke-DscResource"},
}
# What compiles text: the program of a session whose end mark was checked, and a user's script in a child of its own.
COMPILES = {"bootstrap.ps1", "child.ps1", "runner.ps1"}
# Programs of their own: their functions are not the library's.
ALONE = {"bootstrap.ps1", "child.ps1", "runner.ps1"}

AUTOMATIC = {
    "_", "args", "null", "true", "false", "psversiontable", "executioncontext", "error", "matches", "pid", "pl", "plr",
    "lastexitcode", "this", "input", "psitem", "psboundparameters", "pscmdlet", "outputencoding", "progresspreference",
    "erroractionpreference", "paceline_in", "warningpreference", "verbosepreference", "informationpreference", "confirmpreference",
}  # fmt: skip
SCOPED = re.compile(r"^(script|global|env|using|private|local|function):", re.IGNORECASE)
# Methods that return something which would become output.
LEAKS = {"CreateDirectory", "Append", "AppendLine", "AppendFormat", "Seek", "Pop", "Dequeue"}
ONLY_SEVEN = {"??", "??=", "?.", "?[", "&&", "||"}


@dataclass
class Function:
    """A function as it is declared."""

    name: str
    file: Path
    line: int
    parameters: int
    arguments: bool


@dataclass
class Checked:
    """What was found in one file."""

    file: Path
    findings: list[tuple[int, str]] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    calls: list[tuple[str, int, int]] = field(default_factory=list)

    def say(self, node: Node, text: str) -> None:
        self.findings.append((node.start_point[0] + 1, text))


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def errors(node: Node) -> Iterator[Node]:
    if node.type == "ERROR" or node.is_missing:
        yield node
    elif node.has_error:
        for child in node.children:
            yield from errors(child)


def check_lines(checked: Checked, source: str) -> None:
    for number, line in enumerate(source.split("\n"), 1):
        if any(ord(char) > 126 or (ord(char) < 32 and char != "\r") for char in line):
            checked.findings.append((number, "a character that is not printable ASCII"))
        if "\r" in line:
            checked.findings.append((number, "a carriage return"))
        if line.rstrip() != line:
            checked.findings.append((number, "blanks at the end of the line"))


def check_nodes(checked: Checked, root: Node) -> None:
    name = checked.file.name
    allowed = CMDLETS.get(name, set())
    for node in walk(root):
        if node.type in ONLY_SEVEN and not node.is_named:
            checked.say(node, f"`{node.type}` needs PowerShell 7")
        if node.type == "ternary_expression":
            checked.say(node, "the ternary operator needs PowerShell 7")
        if node.type == "command":
            check_command(checked, node, allowed)
        if node.type in ("invokation_expression", "member_access") and name not in COMPILES:
            check_compiling(checked, node)
        if node.type == "function_statement":
            check_function(checked, node)
        if node.type == "pipeline":
            check_leak(checked, node)


def check_command(checked: Checked, node: Node, allowed: set[str]) -> None:
    found = node.child_by_field_name("command_name")
    named = next((child for child in node.children if child.type == "command_name"), found)
    if named is None or named.type != "command_name":
        return
    name = text(named)
    elements = next((child for child in node.children if child.type == "command_elements"), None)
    given: list[Node] = []
    end = -1
    for child in elements.children if elements else []:
        if child.type in ("command_argument_sep", "redirection") or not text(child).strip():
            continue
        # `(1).ToString()` and `$x.Name` are one argument each, whatever the grammar makes of them.
        if child.start_byte != end:
            given.append(child)
        end = child.end_byte
    switches = sum(1 for child in given if child.type == "command_parameter")
    splat = any(
        text(child).startswith("@")
        and child.type != "string_literal"
        and not text(child).startswith(("@(", "@{", "@'"))
        for child in given
    )
    if given and given[0].start_byte == named.end_byte:
        checked.say(node, f"`{name}` is called like a method: the arguments would be one list")
    checked.calls.append((name, node.start_point[0] + 1, -1 if splat or switches else len(given)))
    if name in allowed or name.startswith(PREFIXES):
        return
    if checked.file.name in ALONE and any(function.name == name for function in declared(checked.file)):
        return
    checked.say(node, f"the command `{name}` is no function of the library")


def check_compiling(checked: Checked, node: Node) -> None:
    said = text(node)
    if re.match(r"(?i)\[(Management\.Automation\.)?ScriptBlock\]::Create\b", said):
        checked.say(node, "text is compiled")
    members = [text(child).lower() for child in node.children if child.type == "member_name"]
    if node.type == "invokation_expression" and set(members) & {"addscript", "invokescript", "newscriptblock", "expandstring"}:
        checked.say(node, "text is compiled")


def check_leak(checked: Checked, node: Node) -> None:
    """A statement that is a method call alone, whose result nobody takes."""
    if node.parent is None or node.parent.type != "statement_list":
        return
    above = node.parent.parent
    if above is not None and above.type in ("sub_expression", "array_expression"):
        return
    inner = node
    while inner.named_child_count == 1 and inner.type != "invokation_expression":
        inner = inner.named_children[0]
    if inner.type != "invokation_expression":
        return
    member = [child for child in inner.children if child.type == "member_name"]
    if member and text(member[-1]) in LEAKS:
        checked.say(node, f"the result of `{text(member[-1])}` gets among the function's output: cast it to void")


def parameters(node: Node) -> list[str]:
    found = []
    for child in walk(node):
        if child.type == "script_parameter":
            found += [text(one)[1:].lower() for one in child.children if one.type == "variable"][:1]
        if child.type == "script_block_body":
            break
    return found


def check_function(checked: Checked, node: Node) -> None:
    name = text(next(child for child in node.children if child.type == "function_name"))
    names = parameters(node)
    body = next((child for child in node.children if child.type == "script_block"), None)
    uses_args = body is not None and re.search(r"(?i)\$args\b", text(body)) is not None
    line = node.start_point[0] + 1
    checked.functions.append(Function(name, checked.file, line, len(names), uses_args))
    if not name.startswith(PREFIXES) and checked.file.name not in ALONE:
        checked.say(node, f"the name of the function `{name}` begins with none of {', '.join(PREFIXES)}")
    if body is not None:
        check_variables(checked, name, set(names), body)
        check_hashtables(checked, name, body)


# What a hashtable has beside its keys.
MEMBERS = {"keys", "values", "count", "item", "syncroot", "isreadonly", "isfixedsize", "comparer"}


def hashtable_keys(node: Node) -> set[str] | None:
    """The keys of a literal, or None where the expression is something else."""
    inner = node
    while inner.type != "hash_literal_expression":
        named = inner.named_children
        if len(named) != 1:
            return None
        inner = named[0]
    keys = {text(one) for child in walk(inner) if child.type == "key_expression" for one in child.named_children}
    return {key.strip("'\"").lower() for key in keys}


def check_hashtables(checked: Checked, name: str, body: Node) -> None:
    """Strict mode fails where a hashtable is asked by a dot for a key that it does not have."""
    tables: dict[str, set[str] | None] = {}
    reads: list[tuple[str, str, Node]] = []
    for node in walk(body):
        if node.type == "assignment_expression":
            left, right = node.named_children[0], node.named_children[-1]
            target = text(left).lower()
            if re.fullmatch(r"\$[a-z_0-9]+", target):
                keys = hashtable_keys(right)
                known = tables.get(target, set())
                tables[target] = None if keys is None or known is None else known | keys
            found = re.match(r"(\$[a-z_0-9]+)(?:\.([a-z_0-9]+)|\['([^']+)'\])", target)
            if found and tables.get(found.group(1)) is not None:
                tables[found.group(1)].add(found.group(2) or found.group(3))  # type: ignore[union-attr]
        if node.type == "member_access":
            found = re.fullmatch(r"(\$[A-Za-z_0-9]+)\.([A-Za-z_0-9]+)", text(node))
            if found:
                reads.append((found.group(1).lower(), found.group(2).lower(), node))
    for variable, key, node in reads:
        keys = tables.get(variable)
        if keys is not None and variable not in ("$plr", "$pl") and key not in keys and key not in MEMBERS:
            checked.say(node, f"`{name}` asks the hashtable `{variable}` for `{key}`, which nobody put into it")


def check_shared(all_checked: list[Checked]) -> None:
    """The same for the tables of the session, whose keys are set in all files."""
    sources = {checked.file: checked.file.read_text(encoding="utf-8", errors="replace") for checked in all_checked}
    whole = "\n".join(sources.values())
    for table in ("plr", "pl"):
        if f"${table}=@{{" not in whole.replace(" ", ""):
            continue
        keys = {key.lower() for key in re.findall(rf"\${table}\.(\w+)\s*(?:=(?!=)|\+=|-=|\+\+)", whole)}
        for literal in re.findall(rf"\${table}\s*=\s*@\{{([^}}]*)\}}", whole):
            keys |= {key.lower() for key in re.findall(r"(?:^|;|\n)\s*(\w+)\s*=", literal)}
        for checked in all_checked:
            for number, line in enumerate(sources[checked.file].split("\n"), 1):
                for key in re.findall(rf"\${table}\.(\w+)\b(?!\()", "" if line.startswith("#") else line):
                    if key.lower() not in keys | MEMBERS:
                        checked.findings.append((number, f"`${table}` is asked for `{key}`, which nobody put into it"))


def check_variables(checked: Checked, name: str, known: set[str], body: Node) -> None:
    known = known | AUTOMATIC
    reads: list[tuple[str, Node]] = []
    for node in walk(body):
        if node.type != "variable":
            continue
        word = text(node)
        word = word[2:-1] if word.startswith("${") else word[1:]
        if SCOPED.match(word):
            continue
        word = word.split(":")[0].lower()
        if sets(node):
            known.add(word)
        else:
            reads.append((word, node))
    for word, node in reads:
        if word not in known:
            checked.say(node, f"`{name}` reads `${word}`, which it never sets")


def sets(node: Node) -> bool:
    """Whether a variable is given a value where it stands."""
    parent = node.parent
    if parent is not None and parent.type in ("foreach_statement", "script_parameter"):
        first = next(child for child in parent.children if child.type == "variable")
        return first.id == node.id or parent.type == "script_parameter"
    while parent is not None and parent.type not in ("statement_list", "script_block"):
        if parent.type in ("member_access", "element_access", "invokation_expression", "argument_list"):
            return False
        if parent.type == "left_assignment_expression":
            return True
        if parent.type == "cast_expression" and text(parent).lower().startswith("[ref]"):
            return True
        parent = parent.parent
    return False


PARSER = Parser(Language(tree_sitter_powershell.language()))


def declared(file: Path) -> list[Function]:
    checked = Checked(file)
    for node in walk(PARSER.parse(file.read_bytes()).root_node):
        if node.type == "function_statement":
            name = text(next(child for child in node.children if child.type == "function_name"))
            checked.functions.append(Function(name, file, node.start_point[0] + 1, len(parameters(node)), False))
    return checked.functions


def check(file: Path) -> Checked:
    content = file.read_bytes()
    checked = Checked(file)
    check_lines(checked, content.decode("utf-8", "replace"))
    # The nonce is put in later.
    root = PARSER.parse(content).root_node
    for node in errors(root):
        checked.say(node, f"this does not parse: `{text(node)[:60]}`")
    check_nodes(checked, root)
    return checked


def together(all_checked: list[Checked]) -> None:
    """What takes all files to see: one definition each, and calls that fit."""
    library: dict[str, Function] = {}
    for checked in all_checked:
        if checked.file.name in ALONE - {"bootstrap.ps1"}:
            continue
        for function in checked.functions:
            hook = function.name in ("pl_allow", "pl_over", "pl_leaving")
            if function.name in library and not hook:
                other = library[function.name]
                checked.findings.append(
                    (function.line, f"`{function.name}` is defined in {other.file.name}:{other.line} too")
                )
            library[function.name] = function
    for checked in all_checked:
        own = {function.name: function for function in checked.functions}
        scope = own if checked.file.name in ALONE else library
        for name, line, given in checked.calls:
            called = scope.get(name)
            if called is None:
                if name.startswith(PREFIXES):
                    checked.findings.append((line, f"there is no function `{name}`"))
            elif given > called.parameters and not called.arguments:
                checked.findings.append((line, f"`{name}` takes {called.parameters} arguments, and is given {given}"))


def main(arguments: list[str]) -> int:
    files = [Path(argument) for argument in arguments] or sorted((ROOT / "controller").rglob("*.ps1"))
    all_checked = [check(file) for file in files]
    together(all_checked)
    check_shared(all_checked)
    count = 0
    for checked in all_checked:
        place = checked.file.resolve()
        shown = place.relative_to(ROOT) if place.is_relative_to(ROOT) else place
        for line, finding in sorted(set(checked.findings)):
            count += 1
            print(f"{shown}:{line}: {finding}")
    functions = sum(len(checked.functions) for checked in all_checked)
    print(f"{len(files)} files, {functions} functions, {count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
