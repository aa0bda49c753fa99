"""OS-OAUTH2: the token endpoint, and its errors in the form of RFC 6749."""

import base64

import msgspec

from skyloom.errors import SkyloomError
from skyloom.identity.api.oauth1 import FORM, form
from skyloom.identity.api.views import Ctx
from skyloom.identity.errors import OAuth2Error
from skyloom.identity.tokens import microseconds
from skyloom.web.http import Reply, Request
from skyloom.web.routes import PUBLIC, Route

PATH = "/v3/OS-OAUTH2/token"
HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Pragma", "no-cache")]


def token(ctx: Ctx) -> Reply:
    headers = ctx.request.headers
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    said = dict(form(ctx)) if media == FORM else {}
    client_id, secret = _basic(headers.get("authorization", "")) or (
        said.get("client_id", ""),
        said.get("client_secret", ""),
    )
    certificate = ctx.request.certificate
    granted = ctx.service.oauth2.token(ctx.caller, said.get("grant_type", ""), client_id, secret, certificate)
    left_us = granted.token.expires_us - microseconds(ctx.service.db.clock.now())
    body = {"access_token": granted.text, "token_type": "Bearer", "expires_in": left_us // 1_000_000}
    return Reply(200, list(HEADERS), msgspec.json.encode(body))


def is_asked(request: Request) -> bool:
    return request.path.rstrip("/").endswith(PATH)


def refusal(status: int, error: SkyloomError) -> Reply:
    """Whatever goes wrong at the token endpoint has the RFC's form, under Keystone's word where the RFC has none."""
    word = error.word if isinstance(error, OAuth2Error) else "other_error"
    body = {"error": word, "error_description": error.sentence}
    return Reply(status, list(HEADERS), msgspec.json.encode(body))


def _basic(header: str) -> tuple[str, str] | None:
    """Id and secret of an Authorization header of the scheme Basic."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # no base64, or no UTF-8 in it
        return "", ""
    return client_id, secret


ROUTES = [Route("POST", PATH, token, PUBLIC)]
