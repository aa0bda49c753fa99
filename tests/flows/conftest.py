"""Flows are driven to their ends on both engines."""

from tests.parts.databases import database, databases, postgres_server  # noqa: F401
