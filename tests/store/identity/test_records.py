"""The statements that are made from descriptions, on both engines."""

from typing import Any

import pytest

from skyloom.access import SYSTEM
from skyloom.db import Database
from skyloom.db.listing import Page, Sort
from skyloom.identity import resources
from skyloom.identity.errors import Duplicate
from skyloom.identity.model import Match
from skyloom.identity.store.records import Records

records = Records(resources.SERVICE)
BY_NAME = (Sort("name"), Sort("id"))


def service(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "type": "t", "name": name, "enabled": True, "description": None, "extra": {}, **more}


@pytest.fixture
def services(database: Database) -> Database:
    with database.begin(SYSTEM) as tx:
        for number, name in enumerate(("Nova", "nova_cells", "glance", "100%", "glance")):
            records.add(tx, service(number, name, enabled=number != 2))
    return database


def names(database: Database, page: Page = Page(sorts=BY_NAME), *matches: Match, **filters: Any) -> list[str]:  # noqa: B008
    return [row["name"] for row in records.list(database.read(), filters, page, matches)]


def test_filters_are_exact(services: Database) -> None:
    assert names(services, name="glance") == ["glance", "glance"]
    assert names(services, name="glance", enabled=False) == ["glance"]
    assert names(services, id=["s0", "s3"]) == ["100%", "Nova"]
    assert names(services, id=[]) == []


@pytest.mark.parametrize(
    ("comparison", "value", "found"),
    [
        ("contains", "ova", ["Nova", "nova_cells"]),
        ("startswith", "nova", ["nova_cells"]),
        ("istartswith", "NOVA", ["Nova", "nova_cells"]),
        ("endswith", "%", ["100%"]),
        ("contains", "_", ["nova_cells"]),
        ("iexact", "nova", ["Nova"]),
    ],
)
def test_comparisons_take_every_letter_literally(
    services: Database, comparison: str, value: str, found: list[str]
) -> None:
    assert sorted(names(services, Page(sorts=BY_NAME), Match("name", comparison, value))) == found


def test_pages_follow_each_other_without_loss(services: Database) -> None:
    whole = [row["id"] for row in records.list(services.read(), {}, Page(sorts=BY_NAME))]
    paged: list[str] = []
    while found := records.list(services.read(), {}, Page(2, paged[-1] if paged else None, BY_NAME)):
        paged += [row["id"] for row in found]
    assert paged == whole


def test_a_second_row_of_one_key_is_a_conflict(services: Database) -> None:
    with pytest.raises(Duplicate), services.begin(SYSTEM) as tx:
        records.add(tx, service(0, "again"))


def test_a_change_touches_what_it_names(services: Database) -> None:
    with services.begin(SYSTEM) as tx:
        records.change(tx, "s0", {"description": "new"})
        records.change(tx, "s1", {})
    row = records.get(services.read(), "s0")
    assert row is not None and (row["description"], row["name"]) == ("new", "Nova")
