"""Errors of the identity service."""

from skyloom.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorized


class AuthenticationFailed(Unauthorized):
    """One sentence for every cause: what exactly was wrong is for the log only."""

    code = "identity.authentication_failed"

    def __init__(self) -> None:
        super().__init__("The request you have made requires authentication.")


class TokenInvalid(Unauthorized):
    code = "identity.token_invalid"

    def __init__(self) -> None:
        super().__init__("The token is not valid, has expired or was revoked; authenticate again.")


class TokenNotFound(NotFound):
    """A token that somebody asks about (X-Subject-Token) is not valid."""

    code = "identity.token_not_found"

    def __init__(self) -> None:
        super().__init__("This is not a recognized Fernet token or it is no longer valid.")


class NoSuch(NotFound):
    """`noun` and `id` of what was asked for."""

    code = "identity.not_found"

    def __init__(self, noun: str, noun_id: str):
        super().__init__(f"Could not find {noun.replace('_', ' ')}: {noun_id}.", noun=noun, id=noun_id)


class Duplicate(Conflict):
    code = "identity.duplicate"

    def __init__(self, noun: str, name: str):
        super().__init__(f"Conflict occurred attempting to store {noun} - Duplicate entry found with name {name}.")


class InUse(Conflict):
    code = "identity.in_use"


class AttributeInvalid(BadRequest):
    code = "identity.attribute_invalid"


class AttributeFixed(BadRequest):
    code = "identity.attribute_fixed"


class StillEnabled(Forbidden):
    code = "identity.still_enabled"


class NotOfToken(Forbidden):
    """Something a token of this kind may not be used for (rescoping an application credential's, for one)."""

    code = "identity.not_with_this_token"


class Immutable(Forbidden):
    code = "identity.immutable"

    def __init__(self, noun: str, noun_id: str):
        super().__init__(
            f"The {noun} {noun_id} is immutable; set its option immutable to false before you change or delete it."
        )


class ScopeNotAllowed(Forbidden):
    """A trust that no longer carries: its trustor lost a role, it ran out, or somebody else came with it."""

    code = "identity.trust_not_usable"


class RuleInUse(Forbidden):
    code = "identity.access_rule_in_use"


class LimitInUse(Forbidden):
    code = "identity.registered_limit_in_use"


class RoleNotAllowed(Forbidden):
    code = "identity.role_not_allowed"


class RequestNotAllowed(Unauthorized):
    """The access rules of the application credential do not name this request."""

    code = "identity.request_not_allowed"

    def __init__(self) -> None:
        super().__init__("The application credential's access rules do not allow this request.")


class DirectoryReadOnly(Forbidden):
    code = "identity.directory_read_only"

    def __init__(self, domain_id: str):
        super().__init__(
            f"The users and groups of domain {domain_id} are kept in a directory that this cloud only reads; "
            "change them there."
        )


class DomainHasUsers(Conflict):
    code = "identity.domain_has_users"

    def __init__(self, domain_id: str):
        super().__init__(
            f"Domain {domain_id} has users or groups in the database, who could not be reached any more; delete them "
            "before you give the domain a directory."
        )


class RefusalUnknown(NotFound):
    """Of another's request the same is said as of one that never was."""

    code = "identity.refusal_unknown"

    def __init__(self, request_id: str):
        super().__init__(
            f"Nothing is known of a refused request {request_id} of yours: refusals are remembered for a quarter of an "
            "hour, the last twenty of each user, by the process that refused; make the request again and ask at once."
        )
