"""The SQL of unified limits beyond that of plain resources."""

from sqlalchemy import delete, or_, select

from skyloom.db import Sql
from skyloom.identity.tables import limit, project


def forget_limits(sql: Sql, **known: str) -> None:
    """Remove the limits of a project or domain that goes away."""
    sql.execute(delete(limit).where(*[limit.c[name] == value for name, value in known.items()]))


def ids_in_domain(sql: Sql, domain_id: str) -> list[str]:
    """Ids of the limits of a domain and of its projects."""
    projects = select(project.c.id).where(project.c.domain_id == domain_id)
    mine = or_(limit.c.domain_id == domain_id, limit.c.project_id.in_(projects))
    return list(sql.execute(select(limit.c.id).where(mine)).scalars())
