"""The rule language of oslo.policy, compiled once into plain functions.

Grammar (oslo.policy administrator guide, "Policy rule expressions"): checks `kind:match`, `@`, `!`, the empty rule
(true), `and`, `or`, `not`, parentheses. `and` binds closer than `or`. `match` may hold `%(name)s`, filled from the
target; a name that the target lacks makes the check false. `kind` is `role`, `rule`, an attribute of the caller, or a
literal ('public', True, None). What oslo.policy answers is the measure; a rule that it would log and take for false is
refused at the start instead.
"""

import ast
import re
from collections.abc import Callable, Mapping

from skyloom.access.caller import Caller
from skyloom.errors import BadRequest

Target = Mapping[str, object]
Check = Callable[[Caller, Target], bool]
REFERENCE = re.compile(r"%\(([^()%]*)\)s")
ATTRIBUTES: Mapping[str, Callable[[Caller], object]] = {
    "user_id": lambda c: c.user_id,
    "user_domain_id": lambda c: c.user_domain_id,
    "project_id": lambda c: c.project_id,
    "tenant_id": lambda c: c.project_id,
    "tenant": lambda c: c.project_id,
    "project_domain_id": lambda c: c.project_domain_id,
    "domain_id": lambda c: c.domain_id,
    "system_scope": lambda c: "all" if c.system else None,
    "system": lambda c: "all" if c.system else None,
    "is_admin": lambda c: c.is_admin,
    "is_admin_project": lambda c: True,
    "token.user.id": lambda c: c.user_id,
    "token.project.id": lambda c: c.project_id,
    "token.domain.id": lambda c: c.domain_id,
    "token.user.domain.id": lambda c: c.user_domain_id,
    "token.project.domain.id": lambda c: c.project_domain_id,
}


class RuleInvalid(BadRequest):
    code = "policy.rule_invalid"


class RuleSet:
    """Named rules. A rule may refer to others by `rule:name`; an unknown name is never satisfied."""

    def __init__(self, texts: Mapping[str, str]):
        self.texts = dict(texts)
        self._checks: dict[str, Check] = {}
        for name, text in self.texts.items():
            self._checks[name] = compile_rule(text, self._named)
        self._refuse_circles()

    def check(self, name: str, caller: Caller, target: Target) -> bool:
        found = self._checks.get(name)
        return found is not None and found(caller, target)

    def _named(self, name: str) -> Check:
        return lambda caller, target: self.check(name, caller, target)

    def _refuse_circles(self) -> None:
        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in path:
                raise RuleInvalid(f"The policy rules {' -> '.join((*path, name))} refer to each other in a circle.")
            for other in re.findall(r"(?:^|[\s(])rule:([^\s()]+)", self.texts.get(name, "")):
                visit(other, (*path, name))

        for name in self.texts:
            visit(name, ())


def compile_rule(text: str, named: Callable[[str], Check]) -> Check:
    """The function of one rule's text; raises RuleInvalid with the place that cannot be read."""
    if not text:
        return _always
    words = _words(text)
    check, rest = _either(words, named, text)
    if rest:
        raise RuleInvalid(f"The policy rule {text!r} cannot be read at {rest[0]!r}.")
    return check


def _words(text: str) -> list[str]:
    """Split at white space; parentheses count only at the ends of a word, as in `(role:a or tenant:%(id)s)`."""
    words: list[str] = []
    for part in text.split():
        inner = part.lstrip("(")
        words += "(" * (len(part) - len(inner))
        bare = inner.rstrip(")")
        if bare:
            words.append(bare)
        words += ")" * (len(inner) - len(bare))
    return words


def _either(words: list[str], named: Callable[[str], Check], text: str) -> tuple[Check, list[str]]:
    check, words = _both(words, named, text)
    checks = [check]
    while words and words[0].lower() == "or":
        check, words = _both(words[1:], named, text)
        checks.append(check)
    if len(checks) == 1:
        return checks[0], words
    return (lambda caller, target: any(c(caller, target) for c in checks)), words


def _both(words: list[str], named: Callable[[str], Check], text: str) -> tuple[Check, list[str]]:
    check, words = _negated(words, named, text)
    checks = [check]
    while words and words[0].lower() == "and":
        check, words = _negated(words[1:], named, text)
        checks.append(check)
    if len(checks) == 1:
        return checks[0], words
    return (lambda caller, target: all(c(caller, target) for c in checks)), words


def _negated(words: list[str], named: Callable[[str], Check], text: str) -> tuple[Check, list[str]]:
    if not words:
        raise RuleInvalid(f"The policy rule {text!r} ends where a check was expected.")
    word = words[0]
    if word.lower() == "not":
        check, rest = _negated(words[1:], named, text)
        return (lambda caller, target: not check(caller, target)), rest
    if word == "(":
        check, rest = _either(words[1:], named, text)
        if not rest or rest[0] != ")":
            raise RuleInvalid(f"The policy rule {text!r} lacks a closing parenthesis.")
        return check, rest[1:]
    return _single(word, named, text), words[1:]


def _single(word: str, named: Callable[[str], Check], text: str) -> Check:
    if word == "@":
        return _always
    if word == "!":
        return _never
    kind, colon, match = word.partition(":")
    if not colon:
        raise RuleInvalid(f"The policy rule {text!r}: {word!r} is no check; write KIND:MATCH, @ or !.")
    if kind == "rule":
        return named(match)
    _check_match(match, text)
    if kind == "role":
        return _role(match)
    if kind in ("http", "https"):
        raise RuleInvalid(f"The policy rule {text!r} asks a web server ({word}); such checks are not supported.")
    return _comparison(kind, match)


def _role(match: str) -> Check:
    if "%" in match:
        return lambda caller, target: (filled := _fill(match, target)) is not None and filled.lower() in caller.roles
    name = match.lower()
    return lambda caller, target: name in caller.roles


def _comparison(kind: str, match: str) -> Check:
    attribute = ATTRIBUTES.get(kind)
    if attribute is not None:
        reference = REFERENCE.fullmatch(match)
        return _attribute(attribute, match) if reference is None else _same_attribute(attribute, reference[1])
    try:
        literal = str(ast.literal_eval(kind))
    except (ValueError, SyntaxError):
        return _never
    return lambda caller, target: _fill(match, target) == literal


def _attribute(attribute: Callable[[Caller], object], match: str) -> Check:
    """A constant, or a text with references in it; `domain_id:None` asks whether the caller lacks the attribute."""
    if "%" not in match:
        return lambda caller, target: str(attribute(caller)) == match
    return lambda caller, target: (value := attribute(caller)) is not None and _fill(match, target) == str(value)


def _same_attribute(attribute: Callable[[Caller], object], name: str) -> Check:
    """`project_id:%(project_id)s`, by far the most frequent form: one look-up and one comparison.

    Nothing equals an attribute that the caller lacks. oslo.policy compares the words "None" there, and so lets a
    caller without a project reach what belongs to no project; no default rule relies on that.
    """

    def compare(caller: Caller, target: Target) -> bool:
        value = attribute(caller)
        return value is not None and name in target and str(target[name]) == str(value)

    return compare


class _Anything(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return ""


def _check_match(match: str, text: str) -> None:
    try:
        match % _Anything()
    except (ValueError, TypeError) as error:
        raise RuleInvalid(f"The policy rule {text!r}: {match!r} is no text with references %(name)s.") from error


def _fill(match: str, target: Target) -> str | None:
    try:
        return match % target
    except KeyError:
        return None


def _always(caller: Caller, target: Target) -> bool:
    return True


def _never(caller: Caller, target: Target) -> bool:
    return False
