"""Why one's own request was refused: the rule, what of it holds for who asked, and what would have done."""

from typing import Any

from skyloom.access import Caller, Policy
from skyloom.access.explain import explain, ways
from skyloom.identity.errors import RefusalUnknown


class OwnRefusals:
    def __init__(self, policy: Policy):
        self.policy = policy

    def get(self, caller: Caller, request_id: str) -> dict[str, Any]:
        """Raises RefusalUnknown: another's request and one that never was are the same."""
        self.policy.require(caller, "identity:get_refusal")
        found = self.policy.refusals.find(caller, request_id)
        if found is None:
            raise RefusalUnknown(request_id)
        by, name = found.caller, found.action
        defaults = self.policy.defaults
        changed = {
            name: "set by the operator" for name, text in found.rules.texts.items() if text != defaults.get(name)
        }
        answered = explain(found.rules, name, by, None, changed)
        return {
            "request_id": request_id,
            "action": name,
            "rule": found.rules.texts[name],
            "is_default": name not in changed,
            "roles": sorted(by.roles),
            "scope": {"project_id": by.project_id, "domain_id": by.domain_id, "system": by.system},
            "missing": ways(answered),
            "checks": answered.parts[0].shown(),
        }
