"""The SQL of what a user hands on: application credentials with their access rules, and trusts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from skyloom.db import Sql
from skyloom.identity.model import AccessRule, ApplicationCredential, Trust
from skyloom.identity.tables import access_rule, application_credential, application_credential_access_rule, trust

used = application_credential_access_rule
CREDENTIAL = select(application_credential).where(application_credential.c.id == bindparam("id"))
CREDENTIAL_BY_NAME = select(application_credential).where(
    application_credential.c.user_id == bindparam("user_id"), application_credential.c.name == bindparam("name")
)
CREDENTIALS = (
    select(application_credential)
    .where(application_credential.c.user_id == bindparam("user_id"))
    .order_by(application_credential.c.name)
)
RULES_OF = (
    select(used.c.application_credential_id, access_rule)
    .join(access_rule, access_rule.c.id == used.c.access_rule_id)
    .where(used.c.application_credential_id.in_(bindparam("ids", expanding=True)))
    .order_by(access_rule.c.id)
)
RULES = select(access_rule).where(access_rule.c.user_id == bindparam("user_id")).order_by(access_rule.c.id)
TRUST = select(trust).where(trust.c.id == bindparam("id"))
TAKE_USE = (
    update(trust)
    .where(trust.c.id == bindparam("trust_id"), trust.c.remaining_uses > 0)
    .values(remaining_uses=trust.c.remaining_uses - 1)
)


class Delegations:
    # -- application credentials

    def credential(self, sql: Sql, credential_id: str) -> ApplicationCredential | None:
        return self._first(sql, sql.execute(CREDENTIAL, {"id": credential_id}).all())

    def credential_named(self, sql: Sql, user_id: str, name: str) -> ApplicationCredential | None:
        return self._first(sql, sql.execute(CREDENTIAL_BY_NAME, {"user_id": user_id, "name": name}).all())

    def credentials(self, sql: Sql, user_id: str) -> list[ApplicationCredential]:
        return self._credentials(sql, sql.execute(CREDENTIALS, {"user_id": user_id}).all())

    def add_credential(self, sql: Sql, new: ApplicationCredential) -> None:
        columns = application_credential.c
        row = {column.name: getattr(new, column.name) for column in columns if column.name != "has_access_rules"}
        sql.execute(insert(application_credential), {**row, "has_access_rules": new.access_rules is not None})
        rows = [{"application_credential_id": new.id, "access_rule_id": rule.id} for rule in new.access_rules or ()]
        if rows:
            sql.execute(insert(used), rows)

    def remove_credential(self, sql: Sql, credential_id: str) -> None:
        sql.execute(delete(application_credential).where(application_credential.c.id == credential_id))

    def _first(self, sql: Sql, rows: Sequence[Row[Any]]) -> ApplicationCredential | None:
        found = self._credentials(sql, rows)
        return found[0] if found else None

    def _credentials(self, sql: Sql, rows: Sequence[Row[Any]]) -> list[ApplicationCredential]:
        with_rules = [row.id for row in rows if row.has_access_rules]
        rules: dict[str, list[AccessRule]] = {credential_id: [] for credential_id in with_rules}
        for row in sql.execute(RULES_OF, {"ids": with_rules}) if with_rules else ():
            rules[row.application_credential_id].append(_rule(row))
        found = []
        for row in rows:
            values = {**row._mapping, "role_ids": tuple(row.role_ids), "access_rules": rules.get(row.id)}
            del values["has_access_rules"]
            found.append(ApplicationCredential(**values))
        return found

    # -- access rules

    def rules(self, sql: Sql, user_id: str) -> list[AccessRule]:
        return [_rule(row) for row in sql.execute(RULES, {"user_id": user_id})]

    def add_rule(self, sql: Sql, rule: AccessRule) -> None:
        sql.execute(insert(access_rule), {name: getattr(rule, name) for name in rule.__slots__})

    def rule_is_used(self, sql: Sql, rule_id: str) -> bool:
        return sql.execute(select(used.c.access_rule_id).where(used.c.access_rule_id == rule_id)).first() is not None

    def remove_rule(self, sql: Sql, rule_id: str) -> None:
        sql.execute(delete(access_rule).where(access_rule.c.id == rule_id))

    # -- trusts

    def trust(self, sql: Sql, trust_id: str) -> Trust | None:
        row = sql.execute(TRUST, {"id": trust_id}).first()
        return None if row is None else _trust(row)

    def trusts(self, sql: Sql, **known: str) -> list[Trust]:
        """Those with these columns' values."""
        tests = [trust.c[name] == value for name, value in known.items()]
        return [_trust(row) for row in sql.execute(select(trust).where(*tests).order_by(trust.c.id))]

    def add_trust(self, sql: Sql, new: Trust) -> None:
        sql.execute(insert(trust), {name: getattr(new, name) for name in new.__slots__})

    def remove_trust(self, sql: Sql, trust_id: str) -> None:
        """With those made from it."""
        sql.execute(delete(trust).where(trust.c.id == trust_id))

    def take_use(self, sql: Sql, trust_id: str) -> bool:
        """Count one use of a trust that has a number of them; False when none is left."""
        return sql.execute(TAKE_USE, {"trust_id": trust_id}).rowcount == 1


def _rule(row: Row[Any]) -> AccessRule:
    return AccessRule(row.id, row.user_id, row.service, row.method, row.path)


def _trust(row: Row[Any]) -> Trust:
    return Trust(**{**row._mapping, "role_ids": tuple(row.role_ids)})
