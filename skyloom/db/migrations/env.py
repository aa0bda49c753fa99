"""What Alembic runs its commands by: the connection that it is handed, in whose transaction all is done."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from skyloom.db.database import metadata
from skyloom.db.schema import VERSION_TABLE


def render_item(kind: str, thing: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Our column types as the plain ones below them: a revision must mean the same when the types are no more."""
    if kind == "type" and isinstance(thing, sa.types.TypeDecorator):
        return f"sa.{thing.impl!r}"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    render_item=render_item,
    compare_type=True,
)
context.run_migrations()
