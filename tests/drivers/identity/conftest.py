"""One world of people and groups in three kinds of directory."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert

from skyloom.access import SYSTEM
from skyloom.clock import Clock
from skyloom.db import Database, metadata
from skyloom.identity import tables
from skyloom.identity.drivers.contract import ACTIVE_DIRECTORY, Directory, LdapOptions
from skyloom.identity.drivers.opening import opener
from skyloom.identity.passwords import Passwords
from skyloom.identity.service.sql_directory import SqlDirectory
from tests.parts.directories import GROUPS, PASSWORDS, Samba, Slapd
from tests.parts.directory_fixtures import samba, slapd  # noqa: F401

Open = Callable[..., Directory]


@pytest.fixture
def open_directory() -> Iterator[Open]:
    """A directory of LDAP options; closed at the end."""
    opened: list[Directory] = []

    def open_it(options: Mapping[str, Any], clock: Clock | None = None, **more: Any) -> Directory:
        whole = msgspec.convert({**options, **more}, LdapOptions)
        opened.append(opener(clock or Clock())(whole))
        return opened[-1]

    yield open_it
    for directory in opened:
        directory.close()


@pytest.fixture
def in_slapd(slapd: Slapd, open_directory: Open) -> Directory:  # noqa: F811
    return open_directory(slapd.options())


@pytest.fixture
def in_samba(samba: Samba, open_directory: Open) -> Directory:  # noqa: F811
    return open_directory({**ACTIVE_DIRECTORY, **samba.options()})


@pytest.fixture
def in_database(tmp_path: Path) -> Iterator[Directory]:
    database = Database(f"sqlite:///{tmp_path}/skyloom.db")
    metadata.create_all(database.engine)
    passwords = Passwords(4)
    domain = {"domain_id": "", "parent_id": "", "is_domain": True, "enabled": True, "description": "", "options": {}}
    with database.begin(SYSTEM) as tx:
        for domain_id in ("here", "elsewhere"):
            tx.execute(insert(tables.project), {**domain, "id": domain_id, "name": domain_id, "extra": {}})
        people = [("here", name) for name in PASSWORDS] + [("elsewhere", "zoe")]
        for domain_id, name in people:
            row = {"id": f"id-of-{name}", "domain_id": domain_id, "name": name, "enabled": name != "carl"}
            row |= {"password_hash": passwords.hash(PASSWORDS.get(name, "zoe")), "options": {}}
            extra = {"email": f"{name}@example.test", "description": f"{name} of the test"}
            tx.execute(insert(tables.user), {**row, "extra": extra})
        for name, members in GROUPS.items():
            row = {"id": f"id-of-{name}", "domain_id": "here", "name": name, "description": "a group", "extra": {}}
            tx.execute(insert(tables.group), row)
            for member in members:
                tx.execute(insert(tables.membership), {"user_id": f"id-of-{member}", "group_id": f"id-of-{name}"})
    yield SqlDirectory(database, "here", passwords)
    database.close()


@pytest.fixture(
    params=[
        "database",
        pytest.param("slapd", marks=pytest.mark.needs("slapd")),
        pytest.param("samba", marks=pytest.mark.needs("samba")),
    ]
)
def directory(request: pytest.FixtureRequest) -> Directory:
    found: Directory = request.getfixturevalue(f"in_{request.param}")
    return found
