"""OAuth 2 client credentials (RFC 6749, 4.4): a client is an application credential, or a user with a certificate."""

import logging

from skyloom.access import Caller
from skyloom.errors import BadRequest, Forbidden, Unauthorized
from skyloom.identity import mapping
from skyloom.identity.certificates import attributes, thumbprint
from skyloom.identity.errors import OAuth2InvalidClient, OAuth2InvalidRequest, OAuth2UnsupportedGrantType
from skyloom.identity.model import Record
from skyloom.identity.service.auth.authentication import AuthService
from skyloom.identity.service.auth.request import ApplicationCredentialMethod, AuthRequest, Identity
from skyloom.identity.service.directory import Users
from skyloom.identity.service.federation.providers import Mappings
from skyloom.identity.service.registry import Ground
from skyloom.identity.service.tokens.sessions import Granted
from skyloom.identity.settings import ClientMethod, IdentitySettings

log = logging.getLogger(__name__)


class OAuth2:
    def __init__(self, ground: Ground, auth: AuthService, users: Users, mappings: Mappings, settings: IdentitySettings):
        self.ground = ground
        self.db = ground.db
        self.auth = auth
        self.users = users
        self.mappings = mappings
        self.settings = settings

    def token(
        self, caller: Caller, grant_type: str, client_id: str, secret: str = "", certificate: bytes | None = None
    ) -> Granted:
        """A token of the client that has proven itself by its secret, or else by the certificate (DER) of its
        connection. Raises an OAuth2Error."""
        if not grant_type:
            raise OAuth2InvalidRequest("The parameter grant_type is required.")
        if grant_type != "client_credentials":
            raise OAuth2UnsupportedGrantType(f"The parameter grant_type {grant_type} is not supported.")
        method: ClientMethod = "client_secret_basic" if secret else "tls_client_auth"
        if not client_id or method not in self.settings.oauth2_authn_methods:
            raise OAuth2InvalidClient()
        try:
            if secret:
                return self._by_secret(caller, client_id, secret)
            return self._by_certificate(caller, client_id, certificate)
        except (Unauthorized, Forbidden) as error:
            log.info("%s: OAuth 2 client %s was refused: %s", caller.request_id, client_id, error)
            raise OAuth2InvalidClient() from error
        except BadRequest as error:
            raise OAuth2InvalidRequest(error.sentence) from error

    def _by_secret(self, caller: Caller, client_id: str, secret: str) -> Granted:
        proof = ApplicationCredentialMethod(secret=secret, id=client_id)
        identity = Identity(methods=["application_credential"], application_credential=proof)
        return self.auth.issue(caller, AuthRequest(identity))

    def _by_certificate(self, caller: Caller, user_id: str, certificate: bytes | None) -> Granted:
        """The certificate is mapped to a user; what the mapping says must be so of the one who is named."""
        if certificate is None:
            raise OAuth2InvalidClient()
        user = self.users.find(user_id)
        if user is None or not user.get("default_project_id"):
            raise OAuth2InvalidClient()
        if not self._is_of(user, self._mapped(certificate)):
            raise OAuth2InvalidClient()
        return self.auth.issue_bound(caller, user_id, user["default_project_id"], thumbprint(certificate))

    def _mapped(self, certificate: bytes) -> mapping.User:
        found = self.mappings.find(self.settings.oauth2_cert_dn_mapping_id)
        if found is None:
            log.warning("there is no mapping %s of certificates", self.settings.oauth2_cert_dn_mapping_id)
            raise OAuth2InvalidClient()
        rules = mapping.read(found["rules"], found["schema_version"])
        said = {name: [value] for name, value in attributes(certificate).items()}
        return mapping.evaluate(rules, found["schema_version"], said).user

    def _is_of(self, user: Record, said: mapping.User) -> bool:
        """A mapping that says nothing of the user would make every certificate everybody's."""
        domain = said.domain
        pairs = [
            (said.id, user["id"]),
            (said.name, user["name"]),
            (said.email, user.get("email")),
            (domain.id if domain else None, user["domain_id"]),
            (domain.name if domain else None, self._domain_name(user["domain_id"])),
        ]
        return bool(said.id or said.name or said.email) and all(wanted in (None, "", own) for wanted, own in pairs)

    def _domain_name(self, domain_id: str) -> str:
        found = self.ground.principals.project(self.db.read(), domain_id)
        return found.name if found else ""
