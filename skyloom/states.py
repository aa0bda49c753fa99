"""States and the moves between them, as data that can be drawn and tested."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)


class Moves(Generic[S]):
    """Which state may become which."""

    def __init__(self, table: Mapping[S, set[S]]):
        self.table = {state: frozenset(after) for state, after in table.items()}

    def allows(self, before: S, after: S) -> bool:
        return before == after or after in self.table.get(before, frozenset())
