"""/v3/auth: tokens, the catalog, and what a user may scope to."""

from typing import Any

import msgspec

from skyloom.identity.api.oauth1 import signed_call
from skyloom.identity.api.receipts import HEADER as RECEIPT
from skyloom.identity.api.views import Ctx, collection, own_url
from skyloom.identity.model import Project
from skyloom.identity.service.application_credentials import shown_rules
from skyloom.identity.service.auth.request import AuthRequest
from skyloom.identity.service.tokens.sessions import Granted
from skyloom.identity.signatures import SignedRequest
from skyloom.identity.times import shown_time
from skyloom.web.bodies import BodyInvalid
from skyloom.web.http import Reply
from skyloom.web.routes import PUBLIC, Route


class Authenticate(msgspec.Struct):
    auth: AuthRequest


class Ec2Tokens(msgspec.Struct):
    """Clients write it either way."""

    credentials: SignedRequest | None = None
    ec2Credentials: SignedRequest | None = None


class S3Credentials(msgspec.Struct):
    access: str
    signature: str
    token: str


class S3Tokens(msgspec.Struct):
    credentials: S3Credentials


def issue(ctx: Ctx, body: Authenticate) -> Reply:
    call = signed_call(ctx, with_parameters=False) if "oauth1" in body.auth.identity.methods else None
    receipt = ctx.request.headers.get(RECEIPT.lower(), "")
    return token_reply(ctx, ctx.service.auth.issue(ctx.caller, body.auth, call, receipt), 201)


def validate(ctx: Ctx) -> Reply:
    action = "identity:check_token" if ctx.request.method == "HEAD" else "identity:validate_token"
    also_expired = bool(ctx.flag("allow_expired")) if ctx.request.query else False
    return token_reply(ctx, ctx.service.sessions.validate(ctx.caller, _subject(ctx), action, also_expired), 200)


def revoke(ctx: Ctx) -> Reply:
    ctx.service.sessions.revoke(ctx.caller, _subject(ctx))
    return Reply(204)


def ec2_tokens(ctx: Ctx, body: Ec2Tokens) -> Reply:
    signed = body.ec2Credentials or body.credentials
    if signed is None:
        raise BodyInvalid("Invalid input: 'ec2Credentials' is a required property.", field="ec2Credentials")
    return token_reply(ctx, ctx.service.auth.issue_signed(ctx.caller, signed), 200)


def s3_tokens(ctx: Ctx, body: S3Tokens) -> Reply:
    sent = body.credentials
    return token_reply(ctx, ctx.service.auth.issue_for_text(ctx.caller, sent.access, sent.token, sent.signature), 200)


def catalog(ctx: Ctx) -> Any:
    found = ctx.service.catalog.list(ctx.caller)
    return {"catalog": found, "links": {"next": None, "self": own_url(ctx), "previous": None}}


def projects(ctx: Ctx) -> Any:
    return collection(ctx, "projects", ctx.service.grants.own_projects(ctx.caller))


def domains(ctx: Ctx) -> Any:
    return collection(ctx, "domains", ctx.service.grants.own_domains(ctx.caller))


def system(ctx: Ctx) -> Any:
    found = [{"all": True}] if ctx.service.grants.has_system(ctx.caller) else []
    return {"system": found, "links": {"self": own_url(ctx)}}


def _subject(ctx: Ctx) -> str:
    text = ctx.request.headers.get("x-subject-token", "")
    if not text:
        raise BodyInvalid("The request has no X-Subject-Token; it names the token that is asked about.")
    return text


def token_reply(ctx: Ctx, granted: Granted, status: int) -> Reply:
    """The token's own part is rendered once for each grant, the catalog once for all of them."""
    own = granted.drawn.get("token")
    if own is None:
        own = granted.drawn["token"] = b'{"token":' + msgspec.json.encode(_token(granted))[:-1]
    catalog, service_providers = ctx.service.catalog_of(granted)
    parts = [own]
    if granted.roles and not (ctx.request.query and ctx.one("nocatalog") is not None):
        parts += (b',"catalog":', catalog)
    if service_providers:
        parts += (b',"service_providers":', service_providers)
    parts.append(b"}}")
    headers = [("Content-Type", "application/json"), ("X-Subject-Token", granted.text)]
    return Reply(status, headers, b"".join(parts))


def _token(granted: Granted) -> dict[str, Any]:
    token, user = granted.token, granted.user
    shown: dict[str, Any] = {
        "methods": token.method_names,
        "user": {
            "domain": {"id": user.domain_id, "name": user.domain_name},
            "id": user.id,
            "name": user.name,
            "password_expires_at": shown_time(user.password_expires_at),
        },
        "audit_ids": list(token.audit_ids),
        "expires_at": shown_time(token.expires_at),
        "issued_at": shown_time(token.issued_at),
    }
    if granted.federated is not None:
        del shown["user"]["password_expires_at"]
        shown["user"]["OS-FEDERATION"] = {
            "groups": [{"id": group_id} for group_id in granted.federated.group_ids],
            "identity_provider": {"id": granted.federated.identity_provider_id},
            "protocol": {"id": granted.federated.protocol_id},
        }
    if granted.project is not None:
        shown["project"] = {"domain": _domain(granted.project), "id": granted.project.id, "name": granted.project.name}
        shown["is_domain"] = False
    if granted.domain is not None:
        shown["domain"] = {"id": granted.domain.id, "name": granted.domain.name}
    if granted.is_system:
        shown["system"] = {"all": True}
    if granted.roles:
        shown["roles"] = [{"id": role.id, "name": role.name} for role in granted.roles]
    if granted.trust is not None:
        shown["OS-TRUST:trust"] = {
            "id": granted.trust.id,
            "impersonation": granted.trust.impersonation,
            "trustor_user": {"id": granted.trust.trustor_user_id},
            "trustee_user": {"id": granted.trust.trustee_user_id},
        }
    if granted.access_token is not None:
        shown["OS-OAUTH1"] = {
            "access_token_id": granted.access_token.id,
            "consumer_id": granted.access_token.consumer_id,
        }
    if token.thumbprint is not None:
        shown["oauth2_credential"] = {"x5t#S256": token.thumbprint}
    if granted.credential is not None:
        shown["application_credential"] = {
            "id": granted.credential.id,
            "name": granted.credential.name,
            "restricted": not granted.credential.unrestricted,
        }
        if granted.access_rules is not None:
            shown["application_credential"]["access_rules"] = shown_rules(granted.access_rules)
    return shown


def _domain(project: Project) -> dict[str, str]:
    return {"id": project.domain_id, "name": project.domain_name}


ROUTES = [
    Route("POST", "/v3/auth/tokens", issue, PUBLIC, body=Authenticate, status=201),
    Route("GET", "/v3/auth/tokens", validate, "identity:validate_token"),
    Route("DELETE", "/v3/auth/tokens", revoke, "identity:revoke_token", status=204),
    Route("GET", "/v3/auth/catalog", catalog, "identity:get_auth_catalog"),
    Route("GET", "/v3/auth/projects", projects, "identity:get_auth_projects"),
    Route("GET", "/v3/auth/domains", domains, "identity:get_auth_domains"),
    Route("GET", "/v3/auth/system", system, "identity:get_auth_system"),
    Route("POST", "/v3/ec2tokens", ec2_tokens, "identity:ec2tokens_validate", body=Ec2Tokens),
    Route("POST", "/v3/s3tokens", s3_tokens, "identity:s3tokens_validate", body=S3Tokens),
]
