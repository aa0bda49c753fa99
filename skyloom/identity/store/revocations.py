"""The SQL of revocation events: which tokens count no more. The two kinds that nothing else tells are read by every
token that is not cached: a token by its audit id, and a chain of tokens by that of its first."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, literal, or_, select

from skyloom.db import Sql
from skyloom.identity.tables import revocation_event

event = revocation_event.c
REVOKED = select(literal(1)).where(or_(event.audit_id == bindparam("own"), event.audit_chain_id == bindparam("chain")))
SINCE = select(revocation_event).where(event.revoked_at > bindparam("since")).order_by(event.revoked_at, event.id)
FORGET = delete(revocation_event).where(event.revoked_at < bindparam("before"))


class Revocations:
    def note(self, sql: Sql, events: Sequence[Mapping[str, str | None]], now: datetime, before: datetime) -> None:
        """Tokens that have these (`user_id`, `role_id`, ...) and were issued until now are revoked. Forgets the events
        from before `before`: the tokens that they are about have ended."""
        sql.execute(FORGET, {"before": before})
        if events:
            sql.execute(
                insert(revocation_event), [{**event, "issued_before": now, "revoked_at": now} for event in events]
            )

    def is_revoked(self, sql: Sql, audit_ids: Sequence[str]) -> bool:
        """`audit_ids`: the token's own and, last, that of the first of its chain."""
        return sql.execute(REVOKED, {"own": audit_ids[0], "chain": audit_ids[-1]}).first() is not None

    def since(self, sql: Sql, since: datetime) -> list[Mapping[str, Any]]:
        """Later ones only, the oldest first."""
        return [dict(row._mapping) for row in sql.execute(SINCE, {"since": since})]
