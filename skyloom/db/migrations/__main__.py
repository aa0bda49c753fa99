"""Writes a revision from the difference between the newest one and the tables: `python -m skyloom.db.migrations NAME`.

What it writes is a draft: read docs/migrations.md.
"""

import re
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

import skyloom.wire.core  # noqa: F401  # loads every table
from skyloom.db import Database
from skyloom.db.schema import alembic_config, upgrade


def main() -> int:
    name = re.sub(r"\W+", "_", " ".join(sys.argv[1:]).strip().lower())
    if not name:
        sys.stderr.write("usage: python -m skyloom.db.migrations WHAT IT CHANGES\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/old.db")
        with db.engine.begin() as connection:
            config = alembic_config(connection)
            script = ScriptDirectory.from_config(config)
            head = script.get_current_head()
            if head is not None:
                upgrade(connection, None)
            number = f"{int(head or 0) + 1:04}"
            made = command.revision(config, message=" ".join(sys.argv[1:]), autogenerate=True, rev_id=number)
        db.close()
    path = Path(made.path)  # type: ignore[union-attr]
    final = path.with_name(f"revision_{number}_{name}.py")
    path.rename(final)
    sys.stdout.write(f"{final}\nNow read it, tidy it, and set HEAD in skyloom/db/migrations/__init__.py to {number}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
