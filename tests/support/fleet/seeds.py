"""What one seed gives: a tree of groups with hosts, variables at every level, and patterns that select among them."""

from dataclasses import dataclass, field

from .choices import Choices

# Few names, so that values of several groups meet.
VARIABLES = ["v1", "v2", "v3", "v4", "v5", "port"]
GROUPS = ["web", "db", "a", "prod", "paris-1", "z9", "canary", "mid", "x_y", "B"]
HOSTS = ["w", "db-", "lone", "h", "Srv"]


@dataclass
class Group:
    """A group with what it holds directly."""

    name: str
    hosts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    priority: int | None = None


@dataclass
class Seed:
    """The groups and hosts of a seed, before they are written to files."""

    number: int
    choices: Choices
    groups: list[Group]
    hosts: list[str]
    # Names of hosts that belong together, as the one range that stands for all of them.
    ranges: dict[str, list[str]]

    @classmethod
    def make(cls, number: int) -> "Seed":
        """Makes the groups and hosts of a seed."""
        choices = Choices(number)
        ending = f"-s{number:04}"
        ranges = dict(_range(choices, stem, ending) for stem in choices.some(HOSTS, 1, 4))
        hosts = [host for names in ranges.values() for host in names]
        names = choices.some(GROUPS, 2, 7)
        groups = [Group(f"{name}_s{number:04}") for name in names]
        for at, group in enumerate(groups):
            # Only later groups become children, so nothing holds itself.
            later = [other.name for other in groups[at + 1 :]]
            group.children = choices.some(later, 0, 3) if choices.chance(60) else []
            group.hosts = choices.some(hosts, 0, 4) if choices.chance(80) else []
            if choices.chance(30):
                group.priority = choices.one([0, 1, 2, 5, 10, -1])
        return cls(number, choices, groups, hosts, ranges)

    def patterns(self) -> list[str]:
        """Returns patterns for `hosts:`, most of which select something."""
        return [self._pattern() for _ in range(6)]

    def limit(self) -> list[str]:
        """Returns parts of a limit, each of which selects something."""
        additions = [self.choices.one(self.hosts)]
        named = [group.name for group in self.groups if group.hosts]
        if named:
            additions.append(self.choices.one(named))
        if self.choices.chance(30):
            additions.append(f"~[a-z]+[0-9]*[02468]-s{self.number:04}|{self.hosts[0]}$")
        if self.choices.chance(30):
            additions.append("!" + self.choices.one(self.hosts))
        return additions

    def _pattern(self) -> str:
        choices = self.choices
        parts = [self._part()]
        for _ in range(choices.between(0, 2)):
            parts.append(choices.one(["", "&", "!", "!"]) + self._part())
        if choices.chance(10):
            parts[0] = "!" + parts[0]
        if choices.chance(10):
            parts = parts[::-1]
        return choices.one([":", ",", ", "]).join(parts)

    def _part(self) -> str:
        choices = self.choices
        number = f"{self.number:04}"
        group = choices.one(self.groups)
        host = choices.one(self.hosts)
        held = self._count(group.name)
        kinds = [
            group.name,
            group.name,
            host,
            host[:1] + f"*s{number}",
            f"*-s{number}",
            group.name[:1] + f"*_s{number}",
            f"~.*[13]-s{number}",
            f"~({group.name}|{host})$",
            f"~[wh]\\d.*s{number}",
            f"?[0-9]*-s{number}",
            f"w[!1]*-s{number}",
            "all",
            "*",
            "ungrouped",
            "localhost" if choices.chance(10) else host,
        ]
        if held > 0:
            last = held - 1
            kinds += [f"{group.name}[0]", f"{group.name}[-1]", f"{group.name}[{last}]", f"{group.name}[0:{last}]"]
            kinds += [f"{group.name}[1:]", f"{group.name}[{choices.between(0, last)}:{last + 3}]", f"{group.name}[-{held}]"]
        return choices.one(kinds)

    def _count(self, name: str) -> int:
        """Returns how many hosts a group has, with those of the groups inside of it."""
        inside = {group.name: group for group in self.groups}
        pending, hosts = [name], set()
        while pending:
            group = inside[pending.pop()]
            hosts.update(group.hosts)
            pending.extend(group.children)
        return len(hosts)


def _range(choices: Choices, stem: str, ending: str) -> tuple[str, list[str]]:
    """Returns a range as it is written, and the hosts that it stands for."""
    if choices.chance(25):
        return f"{stem}{ending}", [f"{stem}{ending}"]
    count = choices.between(1, 4)
    if choices.chance(20):
        letters = "abcdef"[:count]
        return f"{stem}[a:{letters[-1]}]{ending}", [f"{stem}{letter}{ending}" for letter in letters]
    first, step = choices.between(0, 9), choices.one([1, 1, 1, 2, 5])
    numbers = list(range(first, first + count * step, step))
    width = choices.one([0, 2, 3])
    written = f"{first:0{width}}:{numbers[-1]:0{width}}" if width else f"{first}:{numbers[-1]}"
    written += f":{step}" if step > 1 else ""
    return f"{stem}[{written}]{ending}", [f"{stem}{number:0{width}}{ending}" if width else f"{stem}{number}{ending}" for number in numbers]
