"""Stores are tested on the real engines: SQLite in a file and a PostgreSQL of our own."""

from tests.parts.databases import database, databases, postgres_server  # noqa: F401
