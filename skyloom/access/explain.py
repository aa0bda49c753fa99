"""Why a rule allows or refuses: its tree with what each part answers.

With a target everything is answered. Without one, what asks for the target stays open: so what a caller is told of its
own refusal is made of the rule and of the caller alone, and can say nothing of a thing that is hidden from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skyloom.access.caller import Caller
from skyloom.access.language import Constant, Joined, Node, Not, Reference, Single
from skyloom.access.rules import ATTRIBUTES, Check, RuleSet, Target, compiled, fill

DEFAULT = "default"
AT_ONCE = 200
"""Ways that are followed at most: a rule may have more than anybody reads."""


@dataclass(frozen=True, slots=True)
class Answered:
    """`holds` None: it depends on the target. `note`: what was compared, or where the rule comes from."""

    check: str
    holds: bool | None
    note: str = ""
    parts: "Sequence[Answered]" = ()

    def shown(self) -> dict[str, object]:
        more: dict[str, object] = {"note": self.note} if self.note else {}
        if self.parts:
            more["parts"] = [part.shown() for part in self.parts]
        return {"check": self.check, "holds": self.holds, **more}

    def lines(self, depth: int = 0) -> list[str]:
        word = {True: "yes", False: "no", None: "depends"}[self.holds]
        note = f"  ({self.note})" if self.note else ""
        own = f"{'  ' * depth}{word:8}{self.check}{note}"
        return [own, *(line for part in self.parts for line in part.lines(depth + 1))]


def explain(
    rules: RuleSet, name: str, caller: Caller, target: Target | None, origins: Mapping[str, str] | None = None
) -> Answered:
    """The rule of that name. `target` None: what asks for the target is not answered. `origins`: which file a rule is
    from, of those that are from one."""
    return _Explainer(rules, caller, target, origins or {}).named(name)


@dataclass(frozen=True)
class _Explainer:
    rules: RuleSet
    caller: Caller
    target: Target | None
    origins: Mapping[str, str]

    def named(self, name: str) -> Answered:
        node = self.rules.nodes.get(name)
        if node is None:
            return Answered(f"rule:{name}", False, "there is no such rule")
        found = self.node(node)
        return Answered(f"rule:{name}", found.holds, self.origins.get(name, DEFAULT), (found,))

    def node(self, node: Node) -> Answered:
        if isinstance(node, Constant):
            return Answered(str(node), node.value, "everybody" if node.value else "nobody")
        if isinstance(node, Reference):
            return self.named(node.name)
        if isinstance(node, Not):
            part = self.node(node.part)
            return Answered("not", None if part.holds is None else not part.holds, "", (part,))
        if isinstance(node, Joined):
            parts = tuple(self.node(part) for part in node.parts)
            return Answered(node.word, _together(node.word, [part.holds for part in parts]), "", parts)
        if node.asks_target and self.target is None:
            return Answered(str(node), None, "asks for the target")
        holds = compiled(node, _no_names)(self.caller, self.target or {})
        return Answered(str(node), holds, self.compared(node))

    def compared(self, node: Single) -> str:
        filled = fill(node.match, self.target or {})
        if filled is None:
            return "the target has no such attribute"
        if node.kind == "role":
            return "" if filled.lower() in self.caller.roles else f"role {filled} is missing"
        attribute = ATTRIBUTES.get(node.kind)
        if attribute is None:
            return f"the target has {filled}" if node.asks_target else ""
        value = attribute(self.caller)
        own = "none" if value is None else str(value)
        return f"the caller has {own}" + (f", the target {filled}" if node.asks_target else "")


def _together(word: str, answers: Sequence[bool | None]) -> bool | None:
    """What is settled is settled whatever the open parts turn out to be."""
    settles = word == "or"
    if settles in answers:
        return settles
    return None if None in answers else not settles


def _no_names(name: str) -> Check:
    raise LookupError(name)


def ways(answered: Answered, most: int = 8) -> list[list[str]]:
    """What is missing, in each way that would do: the checks that do not hold or that the target decides. The shortest
    ways first."""
    found = sorted({tuple(dict.fromkeys(way)) for way in _ways(answered)}, key=lambda way: (len(way), way))
    return [list(way) for way in found[:most]]


def _ways(answered: Answered) -> list[tuple[str, ...]]:
    if answered.holds:
        return [()]
    if answered.check == "or":
        return [way for part in answered.parts for way in _ways(part)]
    if answered.check == "and":
        found: list[tuple[str, ...]] = [()]
        for part in answered.parts:
            found = [way + more for way in found for more in _ways(part)][:AT_ONCE]
        return found
    if answered.check == "not":
        return [(f"not {answered.parts[0].check}",)]
    if answered.parts:
        return _ways(answered.parts[0])
    return [] if answered.check == "!" else [(answered.check,)]
