"""Every foreign key has an index: whenever the other table loses a row, the engine looks for those that point at it."""

from collections.abc import Iterator

from sqlalchemy import Table, UniqueConstraint

from skyloom.db import metadata
from skyloom.wire import core

OF_TESTS = "tests_"
"""So begin the names of tables that tests make for themselves."""


def _begun_by_index(table: Table) -> Iterator[str]:
    """The columns that an index, a unique key or the primary key begins with."""
    uniques = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    for each in (table.primary_key, *table.indexes, *uniques):
        yield from [column.name for column in each.columns][:1]


def test_every_foreign_key_has_an_index() -> None:
    assert core.Core, "which brings the tables of all domains"
    without = [
        f"{table.name}.{key.column_keys[0]}"
        for table in metadata.sorted_tables
        if not table.name.startswith(OF_TESTS)
        for key in table.foreign_key_constraints
        if key.column_keys[0] not in set(_begun_by_index(table))
    ]
    assert without == []
