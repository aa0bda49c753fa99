"""The caller of a request: what authentication established, and nothing else."""

from msgspec import Struct
from msgspec.structs import replace


class Caller(Struct, frozen=True):
    """Ids are those of the identity API. `roles` are names, lower case, implied roles included.

    Exactly one of `project_id`, `domain_id`, `system` is set for a scoped token; none for an unscoped one. `is_bound`:
    came by a restricted application credential, a trust, an OAuth 1 access token or an EC2 key pair, so it may make no
    further credentials. `trust_id`, `application_credential_id` and `access_token_id` name the delegation by which it
    came; `by_key_pair`: it signed a request with an EC2 key.
    """

    user_id: str
    user_name: str = ""
    user_domain_id: str = ""
    project_id: str | None = None
    project_name: str = ""
    project_domain_id: str = ""
    domain_id: str | None = None
    domain_name: str = ""
    system: bool = False
    roles: frozenset[str] = frozenset()
    request_id: str = ""
    global_request_id: str | None = None
    audit_ids: tuple[str, ...] = ()
    is_bound: bool = False
    trust_id: str | None = None
    application_credential_id: str | None = None
    by_key_pair: bool = False
    access_token_id: str | None = None

    def of_request(self, request_id: str, global_request_id: str | None) -> "Caller":
        return replace(self, request_id=request_id, global_request_id=global_request_id)

    def as_user(self, user_id: str) -> "Caller":
        """For a change that is this user's, though the token that it came by is not."""
        return replace(self, user_id=user_id)

    @property
    def is_delegated(self) -> bool:
        """Came by what a user has handed on: to a program, to another user, to a consumer, to who holds a key."""
        return bool(self.trust_id or self.application_credential_id or self.access_token_id or self.by_key_pair)

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles


SYSTEM = Caller(user_id="skyloom", user_name="skyloom", system=True, roles=frozenset({"admin", "member", "reader"}))
"""The cloud itself: reconcilers and flows that no user asked for."""
