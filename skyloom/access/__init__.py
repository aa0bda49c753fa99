"""Who asks, and whether they may: the caller, the rule language of oslo.policy, and the one place that decides."""

from skyloom.access.caller import SYSTEM, Caller
from skyloom.access.policy import Policy, PolicyForbids

__all__ = ["SYSTEM", "Caller", "Policy", "PolicyForbids"]
