"""Values as people write them in YAML and INI inventories, with the odd ones that mean something else than they look."""

import json

from .choices import Choices

# Plain scalars of YAML 1.1, one line each.
PLAIN = [
    "yes", "no", "on", "off", "Yes", "NO", "On", "OFF", "true", "False", "TRUE", "y", "n", "Y", "N",
    "~", "null", "Null", "NULL", "", "nul",
    "0", "-0", "+12", "12", "007", "0777", "0o17", "08", "09", "0x1F", "0xfg", "0b101", "1_000", "_1", "1__0", "-1_0",
    "190:20:30", "1:30", "-1:30", "1:30.5", "99:99", "12:5", "01:30", "1:2:3:4",
    "1.5", ".5", "5.", "-.5", "1e3", "1.0e+3", "1.0e3", "1.5E-3", "6.02e23", "1_0.5", "1.2.3", "+.5", "1.e+2",
    "2001-01-02", "2001-1-2", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43", "2001-12-14 21:59:43.5 +1", "20010102",
    "text", "two words", "a b  c", "C:\\temp\\new", "a#b", "a:b", "a,b", "10.0.0.1", "::1", "1,000", "$HOME", "100%x",
    "été", "日本", "-text", "--", "?x", "a'b", 'a"b', "x{{ v2 }}y", "it's", "None", "True ", ".", "..", "...x", "+", "-5x",
]

# Scalars that need quotes or a tag, and structures in one line.
WRITTEN = [
    "'yes'", '"no"', "'007'", "'it''s'", '"tab\\tnew\\nline"', '"\\x41\\u00e9\\U0001F600"', '"a \\\n      b"', "''", '""',
    "!!str 12", "!!str yes", "!!int '12'", "!!float '1'", "!!bool 'yes'", "!!null ''", "!unsafe '{{ x }}'", "!unsafe plain",
    "[]", "{}", "[1, yes, ~, 'x', 1.5, 2001-01-02]", "[a, [b, [c]], {d: e}]", "{a: 1, b: [x, y], c: {d: no}}",
    "{1: one, 2: two}", "{1.5: x}", "{yes: three}", "{~: four}", "{a: , b: ''}", "[1,2,]", "{'a b': 'c: d', \"e\": f}",
    "'{{ 1 + 1 }}'", "'# no comment'", "text # a comment", "\"a: b\"", "'- a'", "{<<: {a: 1, b: 2}, b: 3}",
    "{a: &mark [1], b: *mark}", "{a: &mark 5, b: *mark}",
]

# Blocks of several lines; `@` is the indentation.
BLOCKS = [
    "|\n@one\n@  two\n\n@three\n",
    "|-\n@one\n@two\n",
    "|+\n@one\n\n",
    ">\n@folded\n@text\n\n@  kept\n@end\n",
    ">-\n@folded\n@text\n",
    "|2\n@  deep\n",
    "plain text\n@goes on\n@here\n",
    "'quoted\n@goes on\n\n@here'\n",
    "\n@- a\n@- b: 1\n@  c: yes\n@- [x]\n",
    "\n@a: 1\n@b:\n@  c: no\n@  d:\n@  - e\n@  - 010\n",
    "\n@? a\n@: 1\n@? b\n",
    "\n@one: &mark {p: 1, q: off}\n@two:\n@  <<: *mark\n@  q: 2\n",
    "# a comment\n@text\n",
]

# Values of hosts in an INI inventory, as they stand in a line of words.
WORDS = [
    "1", "-5", "+5", "1.5", "1e3", "0x10", "0o17", "0b11", "007", "0", "00", "1_000", "_1", "True", "true", "False", "None", "none",
    "yes", "text", "a,b", "abc#d", "'a b'", '"a b"', "'[1,2]'", "\"{'a': 1, 'b': [None]}\"", "(1,2)", "()", "[]", "{}", "''", '""',
    "'\"x\"'", "\"'x'\"", "a'b'c", "a=b", "'a=b'", "...", "1,2", "1,", "b'x'", "r'x'", "u'x'", "f'x'", "'1 + 1'", "1-2",
    "\\n", "'\\n'", "\"\\\\n\"", "C:\\temp", "'C:\\temp'", "{{v1}}", "'{{ v1 }}'", "10.0.0.1", "1.2.3", "nan", "inf", ".5", "5.",
    "é", "'é'", "\"'\\u00e9'\"", "{'a':1}", "'not x'", "-'a'", "--5", "~5", "Ellipsis", "__x__",
]

# Values in `[group:vars]`, where a line is taken whole.
LINES = WORDS + [
    "a b", "'a' 'b'", "prod ; not a comment", "5 # five", "x #y", "[1, 'two', None, True]", "{'a': [1, 'b'], 2: None}", " spaced ",
    "(1, 2)", "[True, False, None]", "\"a\\tb\\x41\"", "'it''s'", "don't", "{{ v1 }} and {{ v2 }}", "a = b", "1 + 1",
    "[1, 2", "{'a': 1,}", "[{'x': 'y'}, ]", "1 if x else 2", "'''three'''", "- 5", "1 # [", "true", "'a'#b",
]


def yaml_value(choices: Choices, indentation: int) -> str:
    """Returns what may stand behind `name:` in a mapping whose keys are indented by less than `indentation`."""
    kind = choices.between(0, 9)
    if kind < 5:
        return choices.one(PLAIN) + "\n"
    # An anchor of a name that the file has already is an error in Ansible.
    if kind < 8:
        return choices.one(WRITTEN).replace("mark", choices.mark()) + "\n"
    return choices.one(BLOCKS).replace("@", " " * indentation).replace("mark", choices.mark())


def json_value(choices: Choices) -> str:
    """Returns a value as JSON, which is YAML as well."""
    values: list[object] = [1, -2, 1.5, True, None, "yes", "007", "a b", [1, "x", None], {"a": {"b": []}}, "", "é", "{{ v1 }}", 1e3]
    return json.dumps(choices.one(values), ensure_ascii=choices.chance(50))


def word(choices: Choices) -> str:
    """Returns the value of a variable in the line of a host."""
    return choices.one(WORDS)


def line(choices: Choices) -> str:
    """Returns the value of a variable in a line of `[group:vars]`."""
    return choices.one(LINES)
