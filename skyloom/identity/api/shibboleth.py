"""Where Apache's Shibboleth module stands before a Keystone: the one address to which enhanced clients bring responses.

Keystone's documentation gives it as the `sp_url` of every service provider. As from there, the client goes on to the
`auth` address of a protocol, with a cookie: Location names one, and a client that knows its `auth_url` goes there.
"""

from skyloom.identity.api.federation_auth import MOST_BYTES, arrival_at, session_cookie
from skyloom.identity.api.views import Ctx
from skyloom.identity.drivers.federation_contract import Arrival
from skyloom.identity.service import IdentityService
from skyloom.identity.service.federation.sessions import LIFE
from skyloom.web.bodies import BodyInvalid
from skyloom.web.errors import identity_form
from skyloom.web.http import Reply
from skyloom.web.routes import PUBLIC, Api, Route

PAOS = "application/vnd.paos+xml"


def receive(ctx: Ctx) -> Reply:
    """Of a client that is no browser: no page of another site can post with this content type."""
    if ctx.request.headers.get("content-type", "").partition(";")[0].strip().lower() != PAOS:
        raise BodyInvalid(f"A response of an identity provider comes here in an envelope, as {PAOS}.")
    envelope = ctx.request.body.read(MOST_BYTES)

    def at(idp_id: str, protocol_id: str) -> Arrival:
        return arrival_at(ctx, idp_id, protocol_id, envelope, consumer_url=ctx.service.bursting.consumer_url)

    sessions = ctx.service.federation.begin_sessions(envelope, at)
    life_s = int(LIFE.total_seconds())
    cookies = [("Set-Cookie", session_cookie(arrival, sealed, life_s)) for arrival, sealed in sessions]
    location = sessions[0][0].client_url
    return Reply(303, [("Location", location), ("Cache-Control", "no-store"), *cookies], b"")


# Nobody has a token yet: what is proven here is proven by the identity provider.
ROUTES = [Route("POST", "/SAML2/ECP", receive, PUBLIC, status=303)]


def api(service: IdentityService) -> Api:
    return Api("shibboleth", "/Shibboleth.sso", ROUTES, service, identity_form, is_listed=False)
