"""The SQL of SAML: the key that is signed with, and what an assertion says of a user's groups."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select, union

from skyloom.db import Sql
from skyloom.identity.tables import federated_membership, group, membership, project, saml_key

OLDEST = select(saml_key).order_by(saml_key.c.id).limit(1)
ADD = insert(saml_key)
HELD = union(
    select(membership.c.group_id).where(membership.c.user_id == bindparam("user")),
    select(federated_membership.c.group_id).where(
        federated_membership.c.user_id == bindparam("user"), federated_membership.c.expires_at > bindparam("now")
    ),
).subquery()
GROUPS = (
    select(group.c.name, project.c.name.label("domain_name"))
    .join(HELD, HELD.c.group_id == group.c.id)
    .join(project, project.c.id == group.c.domain_id)
    .order_by(group.c.name, project.c.name)
)


@dataclass(frozen=True, slots=True)
class SealedPair:
    """`certificate`: PEM."""

    sealed_key: bytes
    certificate: str


class SamlStore:
    def pair(self, sql: Sql) -> SealedPair | None:
        row = sql.execute(OLDEST).first()
        return SealedPair(row.sealed_key, row.certificate) if row else None

    def add_pair(self, sql: Sql, sealed_key: bytes, certificate: str, now: datetime) -> None:
        sql.execute(ADD, {"sealed_key": sealed_key, "certificate": certificate, "created_at": now})

    def groups(self, sql: Sql, user_id: str, now: datetime) -> list[tuple[str, str]]:
        """Names of the user's groups and of their domains, with those that an identity provider gave."""
        return [(row.name, row.domain_name) for row in sql.execute(GROUPS, {"user": user_id, "now": now})]
