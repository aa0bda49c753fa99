"""What breaks a rule and is known to: a line each in exceptions.txt, which may only shrink.

A line is `rule: what breaks it`. A break that is not listed fails its test, and so does a line that nothing breaks any
more, so a mended thing cannot break again unnoticed.
"""

from collections.abc import Iterable
from pathlib import Path

FILE = Path(__file__).with_name("exceptions.txt")


def listed(rule: str, text: str) -> set[str]:
    lines = [line.strip() for line in text.splitlines() if not line.startswith("#")]
    return {line.partition(": ")[2] for line in lines if line.partition(": ")[0] == rule}


def check(rule: str, found: Iterable[str], text: str | None = None) -> None:
    """`text`: the lines, None for those of the file. Raises AssertionError with the lines to add or to take out."""
    breaks, known = set(found), listed(rule, FILE.read_text() if text is None else text)
    new, stale = sorted(breaks - known), sorted(known - breaks)
    told = [f"  {rule}: {each}" for each in new]
    assert not new, "against the rule (mend it, or argue for a line in exceptions.txt):\n" + "\n".join(told)
    told = [f"  {rule}: {each}" for each in stale]
    assert not stale, "mended; take these lines out of exceptions.txt:\n" + "\n".join(told)
