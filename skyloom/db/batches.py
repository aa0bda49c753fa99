"""Long lists of ids in pieces that fit into one IN list."""

from collections.abc import Iterable, Iterator

AT_ONCE = 500
"""Ids; more of them would exceed what the engines bind."""


def batched(ids: Iterable[str]) -> Iterator[list[str]]:
    every = list(ids)
    return (every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE))
