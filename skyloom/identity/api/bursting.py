"""This cloud as an identity provider for others: assertions for tokens, and its metadata."""

import msgspec

from skyloom.identity.api.views import Ctx
from skyloom.identity.service.federation.bursting import BurstRequest, Vouched
from skyloom.web.http import Reply
from skyloom.web.routes import PUBLIC, Route

SAML2 = "/v3/auth/OS-FEDERATION/saml2"


class Burst(msgspec.Struct):
    auth: BurstRequest


def response(ctx: Ctx, body: Burst) -> Reply:
    return _reply(ctx.service.bursting.response(ctx.caller, body.auth))


def envelope(ctx: Ctx, body: Burst) -> Reply:
    return _reply(ctx.service.bursting.envelope(ctx.caller, body.auth))


def metadata(ctx: Ctx) -> Reply:
    return Reply(200, [("Content-Type", "text/xml")], ctx.service.bursting.metadata().encode())


def _reply(vouched: Vouched) -> Reply:
    headers = [("X-sp-url", vouched.sp_url), ("X-auth-url", vouched.auth_url)]
    return Reply(200, [("Content-Type", "text/xml"), ("Cache-Control", "no-store"), *headers], vouched.message.encode())


# The token that an assertion is made of is in the body.
ROUTES = [
    Route("POST", SAML2, response, PUBLIC, body=Burst),
    Route("POST", f"{SAML2}/ecp", envelope, PUBLIC, body=Burst),
    Route("GET", "/v3/OS-FEDERATION/saml2/metadata", metadata, PUBLIC),
]
