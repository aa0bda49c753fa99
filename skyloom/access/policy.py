"""The one place that decides whether a caller may do an action."""

from collections.abc import Iterable, Mapping

from skyloom.access.caller import Caller
from skyloom.access.rules import RuleSet, Target
from skyloom.errors import Forbidden

NOTHING: Target = {}


class PolicyForbids(Forbidden):
    code = "policy.forbidden"


class Policy:
    """`defaults` are the rules of all domains; `overrides` those of the operator's policy file."""

    def __init__(self, defaults: Iterable[Mapping[str, str]], overrides: Mapping[str, str] | None = None):
        texts: dict[str, str] = {}
        for rules in defaults:
            for name, text in rules.items():
                if texts.setdefault(name, text) != text:
                    raise ValueError(f"two domains have different rules called {name}")
        self.rules = RuleSet({**texts, **(overrides or {})})

    def allows(self, caller: Caller, action: str, target: Target = NOTHING) -> bool:
        if action not in self.rules.texts:
            raise LookupError(f"no policy rule is called {action}")
        return self.rules.check(action, caller, target)

    def require(self, caller: Caller, action: str, target: Target = NOTHING) -> None:
        if not self.allows(caller, action, target):
            raise PolicyForbids(
                f"Policy does not allow {action} to be performed; it takes: {self.rules.texts[action]}.",
                action=action,
                rule=self.rules.texts[action],
            )
