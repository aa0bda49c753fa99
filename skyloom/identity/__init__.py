"""Identity (Keystone v3): who there is, what they may, and the tokens that say so."""

from skyloom.identity.errors import AuthenticationFailed
from skyloom.identity.policy import RULES
from skyloom.identity.service import IdentityService
from skyloom.identity.settings import IdentitySettings

__all__ = ["RULES", "AuthenticationFailed", "IdentityService", "IdentitySettings"]
