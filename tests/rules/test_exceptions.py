"""The list of exceptions may only shrink, and holds nothing that no rule reads."""

import re

import pytest

from tests.rules import exceptions
from tests.rules.source import ROOT

KNOWN = """\
# why
size: a
size: b
colour: a
"""


def test_what_is_listed_may_be():
    exceptions.check("size", ["a", "b"], KNOWN)


def test_what_is_not_listed_may_not():
    with pytest.raises(AssertionError, match=r"against the rule.*\n  size: c"):
        exceptions.check("size", ["a", "b", "c"], KNOWN)


def test_what_was_mended_must_leave_the_list():
    with pytest.raises(AssertionError, match=r"mended.*\n  size: b"):
        exceptions.check("size", ["a"], KNOWN)


def test_each_line_is_of_a_rule_that_a_test_checks():
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "rules").glob("test_*.py"))
    rules = set(re.findall(r'exceptions\.check\(\s*"([\w-]+)"', tests))
    lines = [line for line in exceptions.FILE.read_text().splitlines() if line and not line.startswith("#")]
    assert {line.partition(": ")[0] for line in lines} <= rules
    assert len(lines) == len(set(lines))
