"""A source of random choices that is the same on every version of Python.

The golden answers are kept in the repository, so the inventories that they belong to have to come out the same
wherever they are made. Python does not promise that for `random.choice` and `random.shuffle`.
"""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1


class Choices:
    """Choices that follow from a seed (SplitMix64)."""

    def __init__(self, seed: int) -> None:
        self._state = (seed * 0x9E3779B97F4A7C15 + 0x1234567) & _MASK

    def number(self) -> int:
        """Returns 64 random bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def mark(self) -> str:
        """Returns a word that no other moment has; the choices that follow are the same with and without it."""
        return f"m{self._state:016x}"

    def between(self, low: int, high: int) -> int:
        """Returns a number from `low` to `high`, both included."""
        return low + self.number() % (high - low + 1)

    def chance(self, percent: int) -> bool:
        """Is true as often as that."""
        return self.number() % 100 < percent

    def one(self, of: Sequence[T]) -> T:
        """Returns one of several things."""
        return of[self.number() % len(of)]

    def some(self, of: Sequence[T], low: int, high: int) -> list[T]:
        """Returns `low` to `high` different things, in a random order."""
        left = list(of)
        count = min(self.between(low, high), len(left))
        return [left.pop(self.number() % len(left)) for _ in range(count)]
