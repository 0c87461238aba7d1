"""Writes seeds as inventory files: YAML, INI and JSON, in one piece or several, with folders of variables beside them."""

import json

from . import scalars
from .choices import Choices
from .seeds import VARIABLES, Group, Seed

Files = dict[str, str]

# Where `group_vars` and `host_vars` may lie: beside the first inventory, beside the second, and beside the playbook.
ROOTS = ["first", "second", "play"]


def write(seed: Seed) -> Files:
    """Returns the files of a seed by their paths within the batch."""
    files: Files = {}
    choices = seed.choices
    pieces = [seed.groups] if choices.chance(50) else [seed.groups[::2], seed.groups[1::2]]
    for at, groups in enumerate(pieces):
        root = "first" if at == 0 or choices.chance(50) else "second"
        form = choices.one(["yml", "yml", "yaml", "ini", "ini", "", "json"])
        name = f"{root}/{choices.between(1, 9)}-s{seed.number:04}-{at}" + (f".{form}" if form else "")
        # What INI says of groups in another file has to be there already; YAML makes the group.
        if form == "json":
            files[name] = _json(seed, groups)
        elif form == "ini" or (form == "" and choices.chance(50)):
            files[name] = _ini(seed, groups)
        else:
            files[name] = _yaml(seed, groups)
    for group in seed.groups:
        if choices.chance(35):
            _variables(files, choices, f"{choices.one(ROOTS)}/group_vars/{group.name}")
    for host in seed.hosts:
        if choices.chance(25):
            _variables(files, choices, f"{choices.one(ROOTS)}/host_vars/{host}")
    return files


def write_all(choices: Choices) -> Files:
    """Returns what a batch says about all hosts."""
    files: Files = {"first/0-all.yml": "all:\n  vars:\n" + _mapping(choices, 4, 1, 3)}
    for root in ROOTS:
        if choices.chance(60):
            _variables(files, choices, f"{root}/group_vars/all")
        if choices.chance(20):
            _variables(files, choices, f"{root}/group_vars/ungrouped")
    return files


def _mapping(choices: Choices, indentation: int, low: int, high: int) -> str:
    names = choices.some(VARIABLES, low, high)
    blank = " " * indentation
    return "".join(f"{blank}{name}: {scalars.yaml_value(choices, indentation + 2)}" for name in names)


def _variables(files: Files, choices: Choices, path: str) -> None:
    """Adds the variables of a group or host in one of the forms that a file of variables may have."""
    text = _mapping(choices, 0, 1, 3)
    form = choices.between(0, 9)
    if form < 5:
        start = choices.one(["", "---\n", "# about this\n---\n"])
        files[path + choices.one(["", ".yml", ".yaml", ".yml"])] = start + text
    elif form < 6:
        values = ", ".join(f'"{name}": {scalars.json_value(choices)}' for name in choices.some(VARIABLES, 1, 3))
        files[path + ".json"] = "{" + values + "}\n"
    elif form < 7:
        # The first of these names counts, the others are not read.
        files[path + ".yml"] = text
        files[path + choices.one([".yaml", ".json"])] = '{"v1": "not read"}\n'
    else:
        for name in choices.some(["a.yml", "b.yaml", "c.json", "d", "deep/e.yml", "B.yml"], 1, 3):
            files[f"{path}/{name}"] = '{"v3": [1, "x"]}\n' if name == "c.json" else _mapping(choices, 0, 1, 2)
        if choices.chance(30):
            files[f"{path}/.hidden.yml"] = "v1: hidden\n"
            files[f"{path}/old.yml~"] = "v1: old\n"
            files[f"{path}/notes.txt"] = "no: [variables\n"


def _hosts(seed: Seed, group: Group) -> list[str]:
    """Returns the hosts of a group as they are written, with ranges where a whole one is meant."""
    written, left = [], list(group.hosts)
    for name, names in seed.ranges.items():
        if len(names) > 1 and all(host in left for host in names):
            written.append(name)
            left = [host for host in left if host not in names]
    return written + left


def _ungrouped(seed: Seed) -> list[str]:
    held = {host for group in seed.groups for host in group.hosts}
    return [host for host in seed.hosts if host not in held]


def _yaml(seed: Seed, groups: list[Group]) -> str:
    choices = seed.choices
    text = choices.one(["", "---\n", "%YAML 1.1\n---\n"])
    if groups and groups[0] is seed.groups[0]:
        lone = _ungrouped(seed)
        if lone:
            where = choices.one(["all", "ungrouped"])
            text += f"{where}:\n  hosts:\n" + "".join(f"    {host}:\n" for host in lone)
    for group in groups:
        body = ""
        if group.children:
            body += "  children:\n" + "".join(f"    {child}:{choices.one(['', ' {}'])}\n" for child in group.children)
        if group.hosts:
            body += "  hosts:\n"
            for host in _hosts(seed, group):
                given = choices.chance(40)
                key = f"'{host}'" if "[" in host else host
                body += f"    {key}:\n" + (_mapping(choices, 6, 1, 2) if given else "")
        if choices.chance(60) or group.priority is not None:
            body += "  vars:\n" + _mapping(choices, 4, 1, 3)
            if group.priority is not None:
                body += f"    ansible_group_priority: {group.priority}\n"
        text += f"{group.name}:\n" + body
    return text


def _json(seed: Seed, groups: list[Group]) -> str:
    choices = seed.choices
    tree: dict[str, object] = {}
    if groups and groups[0] is seed.groups[0] and _ungrouped(seed):
        tree["all"] = {"hosts": {host: {} for host in _ungrouped(seed)}}
    for group in groups:
        entry: dict[str, object] = {}
        if group.children:
            entry["children"] = {child: {} for child in group.children}
        if group.hosts:
            entry["hosts"] = {host: {"v1": f"json {host}"} if choices.chance(30) else None for host in group.hosts}
        given: dict[str, object] = {"v2": choices.one([1, "x", None, [], {"k": 1.5}])}
        if group.priority is not None:
            given["ansible_group_priority"] = group.priority
        entry["vars"] = given
        tree[group.name] = entry
    return json.dumps(tree, indent=choices.one([None, 2])) + "\n"


def _ini(seed: Seed, groups: list[Group]) -> str:
    choices = seed.choices
    text = choices.one(["", "# hosts\n", "; hosts\n\n"])
    if groups and groups[0] is seed.groups[0]:
        text += "".join(_host_line(choices, host) for host in _ungrouped(seed))
    # Groups of the other file are there only once they have a section.
    for group in groups:
        text += f"[{group.name}]{choices.one(['', '', ' # comment'])}\n"
        text += "".join(_host_line(choices, host) for host in _hosts(seed, group))
        text += choices.one(["", "\n"])
    here = {group.name for group in groups}
    for group in groups:
        if group.children:
            missing = [child for child in group.children if child not in here]
            text += "".join(f"[{child}]\n" for child in missing)
            text += f"[{group.name}:children]\n" + "".join(f"{child}\n" for child in group.children)
        if choices.chance(60) or group.priority is not None:
            text += f"[{group.name}:vars]\n"
            for name in choices.some(VARIABLES, 1, 3):
                text += f"{name}{choices.one(['=', ' = ', '= '])}{scalars.line(choices)}\n"
            if group.priority is not None:
                text += f"ansible_group_priority={group.priority}\n"
    return text


def _host_line(choices: Choices, host: str) -> str:
    words = [host + (f":{choices.between(1, 65535)}" if choices.chance(10) else "")]
    if choices.chance(50):
        words += [f"{name}={scalars.word(choices)}" for name in choices.some(VARIABLES, 1, 3)]
    return " ".join(words) + choices.one(["", "", "", "  # note"]) + "\n"
