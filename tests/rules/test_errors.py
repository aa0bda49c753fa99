"""Each error can be told from the others by a code that is never changed or reused."""

import re
from collections import Counter

from docs.generate import error_classes
from tests.rules import exceptions


def test_each_error_has_a_code_of_its_own():
    exceptions.check("no-code", {_name(each) for each in error_classes() if "code" not in vars(each)})


def test_no_two_errors_share_a_code():
    counted = Counter(each.code for each in error_classes() if "code" in vars(each))
    exceptions.check("shared-code", {code for code, count in counted.items() if count > 1})


def test_a_code_is_a_noun_and_its_problem():
    codes = {each.code for each in error_classes()}
    exceptions.check("code-form", {code for code in codes if not re.fullmatch(r"[a-z_]+\.[a-z_]+", code)})


def _name(error: type) -> str:
    return f"{error.__module__}.{error.__name__}"
