"""Inserts that give way: a row whose key is taken is left out, and the transaction goes on.

SQLite and PostgreSQL share the words. On PostgreSQL the statement waits for a transaction that holds the same key, so
of two that race exactly one gets it.
"""

from typing import Any

from sqlalchemy import Insert, Table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class InsertIfFree(Insert):
    """`rowcount` tells whether the row was free."""

    inherit_cache = True


@compiles(InsertIfFree)
def _with_giving_way(element: InsertIfFree, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.visit_insert(element, **options)} ON CONFLICT DO NOTHING"


def insert_if_free(table: Table) -> InsertIfFree:
    return InsertIfFree(table).execution_options(preserve_rowcount=True)
