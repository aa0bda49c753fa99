"""The SQL of OAuth 1: request tokens, access tokens, and the nonces that were used."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from skyloom.db import Sql
from skyloom.identity.model import AccessToken, RequestToken
from skyloom.identity.tables import access_token, oauth_nonce, request_token

REQUEST_TOKEN = select(request_token).where(request_token.c.id == bindparam("id"))
AUTHORIZE = (
    update(request_token)
    .where(request_token.c.id == bindparam("wanted"))
    .values({name: bindparam(name) for name in ("authorizing_user_id", "role_ids", "sealed_verifier")})
)
TAKE = delete(request_token).where(
    request_token.c.id == bindparam("wanted"), request_token.c.sealed_verifier == bindparam("verifier")
)
FORGET_REQUEST_TOKENS = delete(request_token).where(request_token.c.expires_at < bindparam("now"))
ACCESS_TOKEN = select(access_token).where(access_token.c.id == bindparam("id"))
ACCESS_TOKENS = (
    select(access_token).where(access_token.c.authorizing_user_id == bindparam("user_id")).order_by(access_token.c.id)
)
REMOVE = delete(access_token).where(access_token.c.id == bindparam("wanted"))
FORGET_NONCES = delete(oauth_nonce).where(oauth_nonce.c.signed_at < bindparam("before"))


class OAuthStore:
    # -- request tokens

    def request_token(self, sql: Sql, token_id: str) -> RequestToken | None:
        row = sql.execute(REQUEST_TOKEN, {"id": token_id}).first()
        return None if row is None else RequestToken(**{**row._mapping, "role_ids": tuple(row.role_ids)})

    def add_request_token(self, sql: Sql, new: RequestToken, now: datetime) -> None:
        """Forgets those that nobody came back for."""
        sql.execute(FORGET_REQUEST_TOKENS, {"now": now})
        sql.execute(insert(request_token), {name: getattr(new, name) for name in new.__slots__})

    def authorize(self, sql: Sql, token_id: str, user_id: str, role_ids: Sequence[str], sealed_verifier: bytes) -> bool:
        """False: it is gone."""
        new = {"authorizing_user_id": user_id, "role_ids": list(role_ids), "sealed_verifier": sealed_verifier}
        return sql.execute(AUTHORIZE, {"wanted": token_id, **new}).rowcount == 1

    def take_request_token(self, sql: Sql, token: RequestToken) -> bool:
        """Once only, and only as it was authorized when it was read."""
        return sql.execute(TAKE, {"wanted": token.id, "verifier": token.sealed_verifier}).rowcount == 1

    # -- access tokens

    def access_token(self, sql: Sql, token_id: str) -> AccessToken | None:
        row = sql.execute(ACCESS_TOKEN, {"id": token_id}).first()
        return None if row is None else _access_token(row)

    def access_tokens(self, sql: Sql, user_id: str) -> list[AccessToken]:
        return [_access_token(row) for row in sql.execute(ACCESS_TOKENS, {"user_id": user_id})]

    def add_access_token(self, sql: Sql, new: AccessToken) -> None:
        sql.execute(insert(access_token), {name: getattr(new, name) for name in new.__slots__})

    def remove_access_token(self, sql: Sql, token_id: str) -> None:
        sql.execute(REMOVE, {"wanted": token_id})

    # -- nonces

    def use_nonce(
        self, sql: Sql, consumer_id: str, token: str, nonce: str, signed_at: datetime, kept: timedelta
    ) -> None:
        """The key refuses it the second time, in whatever process; those older than `kept` are forgotten."""
        sql.execute(FORGET_NONCES, {"before": signed_at - 2 * kept})
        used = {"consumer_id": consumer_id, "token": token, "nonce": nonce, "signed_at": signed_at}
        sql.execute(insert(oauth_nonce), used)


def _access_token(row: Row[Any]) -> AccessToken:
    return AccessToken(**{**row._mapping, "role_ids": tuple(row.role_ids)})
