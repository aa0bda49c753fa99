"""The one place that decides whether a caller may do an action."""

from collections.abc import Iterable, Mapping

from skyloom.access.caller import Caller
from skyloom.access.language import Text
from skyloom.access.refusals import Refusals
from skyloom.access.rules import RuleSet, Target
from skyloom.errors import Forbidden

NOTHING: Target = {}


class PolicyForbids(Forbidden):
    code = "policy.forbidden"

    def __init__(self, sentence: str, **details: object):
        super().__init__(sentence, **details)
        self._by: tuple[Refusals, Caller, RuleSet] | None = None

    @classmethod
    def of(cls, policy: "Policy", rules: RuleSet, caller: Caller, action: str) -> "PolicyForbids":
        text = rules.texts[action]
        error = cls(
            f"Policy does not allow {action} to be performed; it takes: {text}.",
            action=action,
            rule=text,
        )
        error._by = (policy.refusals, caller, rules)
        return error

    def remember(self) -> None:
        """For whom asks why. By the edge, when this is its answer: a refusal that is told as "there is no such thing"
        must leave no trace."""
        if self._by is not None:
            refusals, caller, rules = self._by
            refusals.remember(caller, str(self.details["action"]), rules)


class Policy:
    """`defaults` are the rules of all domains; `overrides` those of the operator's policy files, which may change while
    requests are answered: each decision is made by one set of rules.
    """

    def __init__(self, defaults: Iterable[Mapping[str, str]], overrides: Mapping[str, Text] | None = None):
        texts: dict[str, str] = {}
        for rules in defaults:
            for name, text in rules.items():
                if texts.setdefault(name, text) != text:
                    raise ValueError(f"two domains have different rules called {name}")
        self.defaults: Mapping[str, str] = texts
        self.refusals = Refusals()
        self.origins: Mapping[str, str] = {}
        self.rules = RuleSet({**texts, **(overrides or {})})

    def override(self, overrides: Mapping[str, Text], origins: Mapping[str, str]) -> None:
        """Put these in the place of what was overridden before; raises RuleInvalid and changes nothing then.
        `origins`: the file and line of each."""
        rules = RuleSet({**self.defaults, **overrides})
        self.rules, self.origins = rules, origins

    def allows(self, caller: Caller, action: str, target: Target = NOTHING) -> bool:
        return _allows(self.rules, caller, action, target)

    def require(self, caller: Caller, action: str, target: Target = NOTHING) -> None:
        rules = self.rules
        if not _allows(rules, caller, action, target):
            raise PolicyForbids.of(self, rules, caller, action)


def _allows(rules: RuleSet, caller: Caller, action: str, target: Target) -> bool:
    if action not in rules.texts:
        raise LookupError(f"no policy rule is called {action}")
    return rules.check(action, caller, target)
