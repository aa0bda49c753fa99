"""Errors of the identity service."""

from typing import ClassVar

from skyloom.errors import BadRequest, Conflict, Forbidden, Gone, NotFound, SkyloomError, Unauthorized, Unavailable
from skyloom.identity.model import Receipt


class AuthenticationFailed(Unauthorized):
    """One sentence for every cause: what exactly was wrong is for the log only."""

    code = "identity.authentication_failed"

    def __init__(self) -> None:
        super().__init__("The request you have made requires authentication.")


class PasswordEnded(Unauthorized):
    """Said to who has shown to know it, in Keystone's words, by which dashboards know to ask for a new one."""

    code = "identity.password_ended"

    def __init__(self, user_id: str) -> None:
        super().__init__(f"The password is expired and needs to be changed for user: {user_id}.")


class MethodsMissing(Unauthorized):
    """The user's multi-factor rules want more methods; the API shows the receipt instead of this sentence."""

    code = "identity.auth_methods_missing"

    def __init__(self, receipt: Receipt):
        super().__init__("Additional authentication methods are required.")
        self.receipt = receipt


class PasswordTooWeak(BadRequest):
    code = "identity.password_too_weak"

    def __init__(self, description: str | None):
        told = description or "the operator of this cloud did not describe them"
        super().__init__(f"The password does not match the requirements: {told}.", field="password")


class PasswordRepeated(BadRequest):
    code = "identity.password_repeated"

    def __init__(self, count: int):
        super().__init__(
            "The new password cannot be identical to a previous password; it must differ from the last "
            f"{count}, the present one among them.",
            field="password",
        )


class PasswordTooYoung(BadRequest):
    code = "identity.password_too_young"

    def __init__(self, minimum_days: int, days_left: int):
        super().__init__(
            "You cannot change your password at this time due to the minimum password age: a password must be used "
            f"for {minimum_days} day(s) before it can be changed. Please try again in {days_left} day(s) or contact "
            "your administrator to reset your password."
        )


class PasswordLocked(BadRequest):
    code = "identity.password_locked"

    def __init__(self) -> None:
        super().__init__(
            "You cannot change your password at this time due to password policy disallowing password changes. "
            "Please contact your administrator to reset your password."
        )


class TokenInvalid(Unauthorized):
    code = "identity.token_invalid"

    def __init__(self) -> None:
        super().__init__("The token is not valid, has expired or was revoked; authenticate again.")


class TokenNotFound(NotFound):
    """A token that somebody asks about (X-Subject-Token), or wants another one for, is not valid."""

    code = "identity.token_not_found"

    def __init__(self) -> None:
        super().__init__("This is not a recognized Fernet token or it is no longer valid.")


class NoSuch(NotFound):
    """`noun` and `id` of what was asked for."""

    code = "identity.not_found"

    def __init__(self, noun: str, noun_id: str):
        super().__init__(f"Could not find {noun.replace('_', ' ')}: {noun_id}.", noun=noun, id=noun_id)


class MarkerNotFound(NotFound):
    code = "identity.marker_not_found"

    def __init__(self, marker: str):
        super().__init__(f"Marker {marker} could not be found; it is the id of the last item of the page before.")


class Duplicate(Conflict):
    code = "identity.duplicate"

    def __init__(self, noun: str, name: str):
        super().__init__(f"Conflict occurred attempting to store {noun} - Duplicate entry found with name {name}.")


class InUse(Forbidden):
    code = "identity.in_use"


class AttributeInvalid(BadRequest):
    code = "identity.attribute_invalid"


class AttributeFixed(BadRequest):
    code = "identity.attribute_fixed"


class NotALeaf(Forbidden):
    code = "identity.project_not_a_leaf"

    def __init__(self, project_id: str):
        super().__init__(f"Cannot delete project {project_id} because it is not a leaf: delete the projects below it.")


class NotMovable(Forbidden):
    code = "identity.project_not_movable"

    def __init__(self, project_id: str):
        super().__init__(f"Project {project_id} stays where it is: its parent_id cannot be changed.")


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


class LimitNotRegistered(Forbidden):
    """A limit of a resource that has no registered limit there."""

    code = "identity.limit_not_registered"

    def __init__(self, resource_name: str, service_id: str, region_id: str | None):
        place = f"service {service_id}" if region_id is None else f"service {service_id} in region {region_id}"
        super().__init__(f"There is no registered limit of {resource_name} of {place}; register one first.")


class LimitInvalid(Forbidden):
    """A limit that the enforcement model does not allow beside that of the domain above or of a project below."""

    code = "identity.limit_invalid"


class TreeTooDeep(Conflict):
    """The cloud was set to an enforcement model that its projects do not fit."""

    code = "identity.tree_too_deep"


class RoleNotAllowed(Forbidden):
    code = "identity.role_not_allowed"


class RequestNotAllowed(Unauthorized):
    """The access rules of the application credential do not name this request."""

    code = "identity.request_not_allowed"

    def __init__(self) -> None:
        super().__init__("The application credential's access rules do not allow this request.")


class SamlMissing(Unavailable):
    """SAML is asked for where its library or program is not installed."""

    code = "identity.saml_missing"

    def __init__(self) -> None:
        super().__init__(
            "SAML needs the package pysaml2 and the program xmlsec1: install skyloom[federation] and Debian's xmlsec1.",
            retry_after_s=300,
        )


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


class NoListOfRevoked(Forbidden):
    """Keystone answers this to everybody: it keeps no tokens, so it can list none."""

    code = "identity.no_list_of_revoked_tokens"

    def __init__(self) -> None:
        super().__init__("Tokens are not kept, so the revoked ones cannot be listed; read /v3/OS-REVOKE/events.")


class PkiGone(Gone):
    code = "identity.pki_gone"

    def __init__(self) -> None:
        super().__init__("This API went away with PKI tokens; ask GET /v3/auth/tokens whether a token is valid.")


class NotMapped(Unauthorized):
    """The identity provider has proven who it is, and the mapping makes nobody of that here."""

    code = "identity.not_mapped"

    def __init__(self, reason: str):
        super().__init__(
            f"What your identity provider says of you is mapped to no user of this cloud: {reason}. "
            "Ask an administrator to look at the mapping."
        )


class ProviderDisabled(Forbidden):
    code = "identity.provider_disabled"

    def __init__(self, noun: str, noun_id: str):
        super().__init__(f"The {noun.replace('_', ' ')} {noun_id} is disabled.")


class RemoteIdRefused(Forbidden):
    """An assertion of an issuer that is not one of the identity provider's remote_ids."""

    code = "identity.remote_id_refused"

    def __init__(self) -> None:
        super().__init__("The issuer of the assertion is not among the remote_ids of the identity provider.")


class DashboardNotTrusted(Unauthorized):
    code = "identity.dashboard_not_trusted"

    def __init__(self, origin: str):
        super().__init__(
            f"{origin} is not a trusted dashboard; the operator names those in the setting trusted_dashboards."
        )


class ProtocolNotConfigured(NotFound):
    """There is the protocol, and nobody has said yet how its identity provider is asked."""

    code = "identity.protocol_not_configured"

    def __init__(self, idp_id: str, protocol_id: str):
        super().__init__(
            f"The protocol {protocol_id} of identity provider {idp_id} has no driver; an administrator gives it one by "
            f"PUT /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/config."
        )


class AssertionInvalid(Unauthorized):
    """What came from an identity provider, or claims to, proves nothing. The reason is for the log."""

    code = "identity.assertion_invalid"

    def __init__(self) -> None:
        super().__init__("What was sent as proof of the identity provider is not valid; sign in there again.")


class AssertionTooLong(BadRequest):
    """What an identity provider says of somebody does not fit into a cookie."""

    code = "identity.assertion_too_long"

    def __init__(self) -> None:
        super().__init__(
            "The identity provider says more than a cookie holds; bring its response to the protocol's auth address."
        )


class AlreadyUsed(Unauthorized):
    code = "identity.assertion_used"

    def __init__(self) -> None:
        super().__init__("This answer of the identity provider was used already; sign in there again.")


class IdentityProviderAway(Unavailable):
    """It does not answer, or answers what its protocol does not have."""

    code = "identity.provider_away"


class OAuthInvalid(BadRequest):
    """What OAuth asks of a request is missing or malformed."""

    code = "identity.oauth_invalid"


class OAuthRefused(Unauthorized):
    """A request that OAuth's rules do not let through: the signature, the verifier, the time."""

    code = "identity.oauth_refused"


class OAuth2Error(SkyloomError):
    """What the token endpoint of OAuth 2 refuses, in the form of RFC 6749; `word` is the RFC's."""

    code = "identity.oauth_failed"
    word: ClassVar[str] = "server_error"


class OAuth2InvalidRequest(OAuth2Error, BadRequest):
    code = "identity.oauth_request_invalid"
    word = "invalid_request"


class OAuth2UnsupportedGrantType(OAuth2Error, BadRequest):
    code = "identity.oauth_grant_type_unsupported"
    word = "unsupported_grant_type"


class OAuth2InvalidClient(OAuth2Error, Unauthorized):
    """One sentence for every cause, as of a log-in."""

    code = "identity.oauth_client_invalid"
    word = "invalid_client"

    def __init__(self) -> None:
        super().__init__("Client authentication failed.")
