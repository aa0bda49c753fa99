"""Policy rules compiled once into plain functions.

A name that the target lacks makes a check false. `kind` is `role`, an attribute of the caller, or a literal ('public',
True, None). What oslo.policy answers is the measure.
"""

import ast
import re
from collections.abc import Callable, Mapping

from skyloom.access.caller import Caller
from skyloom.access.language import (
    Constant,
    Joined,
    Node,
    Not,
    Reference,
    RuleInvalid,
    Text,
    parse,
    references,
    written,
)

__all__ = ["Check", "RuleInvalid", "RuleSet", "Target"]

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


class RuleSet:
    """Named rules. A rule may refer to others by `rule:name`; an unknown name is never satisfied."""

    def __init__(self, texts: Mapping[str, Text]):
        self.texts = {name: written(text) for name, text in texts.items()}
        self.nodes: Mapping[str, Node] = {name: parse(text) for name, text in texts.items()}
        self._refuse_circles()
        self._checks: dict[str, Check] = {}
        for name, node in self.nodes.items():
            self._checks[name] = compiled(node, self._named)

    def check(self, name: str, caller: Caller, target: Target) -> bool:
        found = self._checks.get(name)
        return found is not None and found(caller, target)

    def _named(self, name: str) -> Check:
        return lambda caller, target: self.check(name, caller, target)

    def _refuse_circles(self) -> None:
        seen: set[str] = set()

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in path:
                raise RuleInvalid(f"The policy rules {' -> '.join((*path, name))} refer to each other in a circle.")
            if name in seen or name not in self.nodes:
                return
            for other in references(self.nodes[name]):
                visit(other, (*path, name))
            seen.add(name)

        for name in self.nodes:
            visit(name, ())


def compiled(node: Node, named: Callable[[str], Check]) -> Check:
    if isinstance(node, Constant):
        return _always if node.value else _never
    if isinstance(node, Reference):
        return named(node.name)
    if isinstance(node, Not):
        part = compiled(node.part, named)
        return lambda caller, target: not part(caller, target)
    if isinstance(node, Joined):
        checks = [compiled(part, named) for part in node.parts]
        if node.word == "and":
            return lambda caller, target: all(check(caller, target) for check in checks)
        return lambda caller, target: any(check(caller, target) for check in checks)
    if node.kind == "role":
        return _role(node.match)
    return _comparison(node.kind, node.match)


def _role(match: str) -> Check:
    if "%" in match:
        return lambda caller, target: (filled := fill(match, target)) is not None and filled.lower() in caller.roles
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
    return lambda caller, target: fill(match, target) == literal


def _attribute(attribute: Callable[[Caller], object], match: str) -> Check:
    """A constant, or a text with references in it; `domain_id:None` asks whether the caller lacks the attribute."""
    if "%" not in match:
        return lambda caller, target: str(attribute(caller)) == match
    return lambda caller, target: (value := attribute(caller)) is not None and fill(match, target) == str(value)


def _same_attribute(attribute: Callable[[Caller], object], name: str) -> Check:
    """`project_id:%(project_id)s`, by far the most frequent form: one look-up and one comparison.

    Nothing equals an attribute that the caller lacks. oslo.policy compares the words "None" there, and so lets a
    caller without a project reach what belongs to no project; no default rule relies on that.
    """

    def compare(caller: Caller, target: Target) -> bool:
        value = attribute(caller)
        return value is not None and name in target and str(target[name]) == str(value)

    return compare


def fill(match: str, target: Target) -> str | None:
    """The match with the target's values in it; None when the target lacks one."""
    try:
        return match % target
    except KeyError:
        return None


def _always(caller: Caller, target: Target) -> bool:
    return True


def _never(caller: Caller, target: Target) -> bool:
    return False
