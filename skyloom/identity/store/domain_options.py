"""The SQL of the domains' own configuration: one row an option; a secret one is sealed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, insert, select

from skyloom.db import Sql
from skyloom.identity.tables import domain_option

OF_DOMAIN = (
    select(domain_option)
    .where(domain_option.c.domain_id == bindparam("domain_id"))
    .order_by(domain_option.c.group, domain_option.c.option)
)


@dataclass(frozen=True, slots=True)
class Option:
    """`value` is None and `sealed_value` set for a secret."""

    group: str
    option: str
    value: Any
    sealed_value: bytes | None = None


class DomainOptions:
    def all(self, sql: Sql, domain_id: str) -> list[Option]:
        found = sql.execute(OF_DOMAIN, {"domain_id": domain_id})
        return [Option(row.group, row.option, row.value, row.sealed_value) for row in found]

    def put(self, sql: Sql, domain_id: str, options: Iterable[Option]) -> None:
        for option in options:
            self.remove(sql, domain_id, option.group, option.option)
            row = {name: getattr(option, name) for name in option.__slots__}
            sql.execute(insert(domain_option), {**row, "domain_id": domain_id})

    def remove(self, sql: Sql, domain_id: str, group: str | None = None, option: str | None = None) -> None:
        tests: list[ColumnElement[bool]] = [domain_option.c.domain_id == domain_id]
        if group is not None:
            tests.append(domain_option.c.group == group)
        if option is not None:
            tests.append(domain_option.c.option == option)
        sql.execute(delete(domain_option).where(*tests))
