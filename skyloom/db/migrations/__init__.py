"""The way of an older database to the present schema: a revision a change, in versions/, forward only.

A fresh database is made from the tables and does not come here. What must stay true: all revisions in order, run on an
empty database, give the same schema as the tables do (a test compares them). docs/migrations.md has the check-list.
"""

HEAD = "0001"
"""The newest revision. It stands here so that a start on a database that is up to date need not load Alembic."""
