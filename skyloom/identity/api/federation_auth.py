"""Signing in by an identity provider: where clients bring a proof, and where browsers go and come back.

A browser that has signed in gets a page that posts the token to the dashboard it came from, as Keystone's does.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from skyloom.identity.api.federation import PROTOCOL
from skyloom.identity.api.tokens import token_reply
from skyloom.identity.api.views import Ctx
from skyloom.identity.drivers.federation_contract import Arrival, Challenge
from skyloom.web.bodies import BodyInvalid
from skyloom.web.http import Reply
from skyloom.web.routes import PUBLIC, Route

WEBSSO = "/v3/auth/OS-FEDERATION/websso/{protocol_id}"
OF_PROVIDER = "/v3/auth/OS-FEDERATION/identity_providers/{identity_provider_id}/protocols/{protocol_id}/websso"
AUTH = f"{PROTOCOL}/auth"
FORM = "application/x-www-form-urlencoded"
MOST_BYTES = 1 << 20
SESSION = "skyloom-federation"
MOST_FIELDS = 100
SEND = 'document.forms["sso"].submit();'
SEND_HASH = base64.b64encode(hashlib.sha256(SEND.encode()).digest()).decode()
SAFE = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        f"default-src 'none'; script-src 'sha256-{SEND_HASH}'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
BACK_TO_DASHBOARD = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Signing in</title></head>
<body>
<form id="sso" name="sso" action="{origin}" method="post">
<p>Please wait.</p>
<input type="hidden" name="token" id="token" value="{token}">
<noscript><input type="submit" value="Go on"></noscript>
</form>
<script>{send}</script>
</body>
</html>
"""
CHOICE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Where do you sign in?</title></head>
<body><h1>Where do you sign in?</h1><ul>
{choices}
</ul></body>
</html>
"""


def auth(ctx: Ctx, identity_provider_id: str, protocol_id: str) -> Reply:
    """Of a client that is no browser."""
    arrival = arrival_at(ctx, identity_provider_id, protocol_id, ctx.request.body.read(MOST_BYTES))
    session = _session(ctx)
    if session is not None:
        arrival = replace(arrival, session=session)
    found = ctx.service.federation.answer(ctx.caller, arrival)
    if isinstance(found, Challenge):
        return Reply(found.status, list(found.headers), found.body)
    reply = token_reply(ctx, found.granted, 201)
    reply.headers += found.headers
    if session is not None:
        reply.headers.append(("Set-Cookie", session_cookie(arrival, "", 0)))
    return reply


def session_cookie(arrival: Arrival, sealed: str, life_s: int) -> str:
    """Of a client that was at the address which all providers share, for the protocol that believes it."""
    at = urlsplit(arrival.client_url)
    secure = "; Secure" if at.scheme == "https" else ""
    return f"{SESSION}={sealed}; Path={at.path}; Max-Age={life_s}; HttpOnly; SameSite=Strict{secure}"


def _session(ctx: Ctx) -> str | None:
    """What the client brings of there, unless it asks for something else."""
    if ctx.request.method != "GET" or ctx.request.query or "paos" in ctx.request.headers:
        return None
    cookies = dict(each.strip().partition("=")[::2] for each in ctx.request.headers.get("cookie", "").split(";"))
    return cookies.get(SESSION)


def websso(ctx: Ctx, protocol_id: str) -> Reply:
    """Of a browser that has not said by which provider: on to the only one, or a page to choose on."""
    origin = _origin(ctx)
    ids = ctx.service.federation.providers_of(protocol_id, origin)
    ways = {idp_id: f"{_own_url(ctx, idp_id, protocol_id)}?{urlencode({'origin': origin})}" for idp_id in ids}
    if len(ways) == 1:
        return Reply(302, [("Location", ways[ids[0]]), ("Cache-Control", "no-store")])
    choices = (f'<li><a href="{escape(url)}">{escape(idp_id)}</a></li>' for idp_id, url in ways.items())
    return Reply(200, list(SAFE), CHOICE.format(choices="\n".join(choices)).encode())


def websso_of(ctx: Ctx, identity_provider_id: str, protocol_id: str) -> Reply:
    """Of a browser that begins (it names its origin), or that comes back from the provider."""
    origin = ctx.one("origin") if ctx.request.query else None
    arrival = arrival_at(
        ctx, identity_provider_id, protocol_id, ctx.request.body.read(MOST_BYTES), origin=origin, is_browser=True
    )
    found = ctx.service.federation.answer(ctx.caller, arrival)
    if isinstance(found, Challenge):
        return Reply(found.status, [*found.headers, ("Cache-Control", "no-store")], found.body)
    page = BACK_TO_DASHBOARD.format(send=SEND, origin=escape(found.origin or ""), token=escape(found.granted.text))
    return Reply(200, [*SAFE, *found.headers], page.encode())


def _origin(ctx: Ctx) -> str:
    origin = ctx.one("origin")
    if not origin:
        raise BodyInvalid("The request has no origin; it names the dashboard that waits for the token.", field="origin")
    return origin


def _own_url(ctx: Ctx, idp_id: str, protocol_id: str, route: str = OF_PROVIDER) -> str:
    path = route.format(identity_provider_id=quote(idp_id, safe=""), protocol_id=quote(protocol_id, safe=""))
    return f"{ctx.service.public_url}/identity{path}"


def arrival_at(ctx: Ctx, idp_id: str, protocol_id: str, body: bytes, **more: Any) -> Arrival:
    """The request as one of that protocol. `more`: of the arrival."""
    return Arrival(
        idp_id=idp_id,
        protocol_id=protocol_id,
        method=ctx.request.method,
        url=_own_url(ctx, idp_id, protocol_id),
        client_url=_own_url(ctx, idp_id, protocol_id, AUTH),
        query=_pairs(ctx.request.query),
        form=_form(ctx, body),
        headers=ctx.request.headers,
        body=body,
        **more,
    )


def _form(ctx: Ctx, body: bytes) -> Mapping[str, Sequence[str]]:
    if ctx.request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return {}
    try:
        return _pairs(body.decode("ascii"))
    except UnicodeDecodeError as error:
        raise BodyInvalid("The body is not a well-formed form.") from error


def _pairs(text: str) -> Mapping[str, Sequence[str]]:
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BodyInvalid(f"The request has more than {MOST_FIELDS} fields.") from error


# Nobody has a token yet: what is proven here is proven by the identity provider.
ROUTES = [
    Route("GET", AUTH, auth, PUBLIC, status=201),
    Route("POST", AUTH, auth, PUBLIC, status=201),
    Route("GET", WEBSSO, websso, PUBLIC),
    Route("POST", WEBSSO, websso, PUBLIC),
    Route("GET", OF_PROVIDER, websso_of, PUBLIC),
    Route("POST", OF_PROVIDER, websso_of, PUBLIC),
]
