"""The rule language of oslo.policy, read into trees.

Grammar (oslo.policy administrator guide, "Policy rule expressions"): checks `kind:match`, `@`, `!`, the empty rule
(true), `and`, `or`, `not`, parentheses. `and` binds closer than `or`. `match` may hold `%(name)s`, filled from the
target. The older form is a list of lists of checks: each inner list holds when all of its checks do, the outer one when
any inner list does. A rule that oslo.policy would log and take for false is refused instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from skyloom.errors import BadRequest

Text: TypeAlias = str | Sequence[str | Sequence[str]]
"""A rule as it is written."""


class RuleInvalid(BadRequest):
    code = "policy.rule_invalid"


@dataclass(frozen=True, slots=True)
class Constant:
    """`@` or the empty rule, and `!`."""

    value: bool

    def __str__(self) -> str:
        return "@" if self.value else "!"


@dataclass(frozen=True, slots=True)
class Single:
    kind: str
    match: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.match}"

    @property
    def asks_target(self) -> bool:
        return "%(" in self.match


@dataclass(frozen=True, slots=True)
class Reference:
    """`rule:name`."""

    name: str

    def __str__(self) -> str:
        return f"rule:{self.name}"


@dataclass(frozen=True, slots=True)
class Not:
    part: "Node"

    def __str__(self) -> str:
        return f"not {self.part}"


@dataclass(frozen=True, slots=True)
class Joined:
    """`word`: "and" or "or"."""

    word: str
    parts: "tuple[Node, ...]"

    def __str__(self) -> str:
        return f"({f' {self.word} '.join(map(str, self.parts))})"


Node: TypeAlias = Constant | Single | Reference | Not | Joined


def parse(text: Text) -> Node:
    """The tree of one rule; raises RuleInvalid with the place that cannot be read."""
    if not isinstance(text, str):
        return _listed(text)
    if not text:
        return Constant(True)
    node, rest = _either(_words(text), text)
    if rest:
        raise RuleInvalid(f"The policy rule {text!r} cannot be read at {rest[0]!r}.")
    return node


def written(text: Text) -> str:
    """The rule as one text, whichever form it has."""
    return text if isinstance(text, str) else str(parse(text))


def parts_of(node: Node) -> Sequence[Node]:
    if isinstance(node, Joined):
        return node.parts
    return (node.part,) if isinstance(node, Not) else ()


def references(node: Node) -> list[str]:
    """The names of the rules that a rule refers to."""
    own = [node.name] if isinstance(node, Reference) else []
    return own + [name for part in parts_of(node) for name in references(part)]


def _listed(rule: Sequence[str | Sequence[str]]) -> Node:
    if not rule:
        return Constant(True)
    ways = [[inner] if isinstance(inner, str) else inner for inner in rule if inner]
    if not ways:
        return Constant(False)
    return _joined("or", [_joined("and", [_single(check, str(rule)) for check in way]) for way in ways])


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


def _joined(word: str, parts: Sequence[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))


def _either(words: list[str], text: str) -> tuple[Node, list[str]]:
    node, words = _both(words, text)
    nodes = [node]
    while words and words[0].lower() == "or":
        node, words = _both(words[1:], text)
        nodes.append(node)
    return _joined("or", nodes), words


def _both(words: list[str], text: str) -> tuple[Node, list[str]]:
    node, words = _negated(words, text)
    nodes = [node]
    while words and words[0].lower() == "and":
        node, words = _negated(words[1:], text)
        nodes.append(node)
    return _joined("and", nodes), words


def _negated(words: list[str], text: str) -> tuple[Node, list[str]]:
    if not words:
        raise RuleInvalid(f"The policy rule {text!r} ends where a check was expected.")
    word = words[0]
    if word.lower() == "not":
        node, rest = _negated(words[1:], text)
        return Not(node), rest
    if word == "(":
        node, rest = _either(words[1:], text)
        if not rest or rest[0] != ")":
            raise RuleInvalid(f"The policy rule {text!r} lacks a closing parenthesis.")
        return node, rest[1:]
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        raise RuleInvalid(f"The policy rule {text!r}: {word} is a quoted word and no check; write KIND:MATCH, @ or !.")
    return _single(word, text), words[1:]


def _single(word: str, text: str) -> Node:
    if word in ("@", "!"):
        return Constant(word == "@")
    kind, colon, match = word.partition(":")
    if not colon:
        raise RuleInvalid(f"The policy rule {text!r}: {word!r} is no check; write KIND:MATCH, @ or !.")
    if kind == "rule":
        return Reference(match)
    try:
        match % _Anything()
    except (ValueError, TypeError) as error:
        raise RuleInvalid(f"The policy rule {text!r}: {match!r} is no text with references %(name)s.") from error
    if kind in ("http", "https"):
        raise RuleInvalid(f"The policy rule {text!r} asks a web server ({word}); such checks are not supported.")
    return Single(kind, match)


class _Anything(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return ""
