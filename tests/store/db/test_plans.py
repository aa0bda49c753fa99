"""A constant statement finds, changes and refuses the same by its plan as on SQLAlchemy's way, on both engines."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Executable,
    ForeignKey,
    Integer,
    LargeBinary,
    Numeric,
    String,
    Table,
    bindparam,
    delete,
    event,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError, MultipleResultsFound, NoResultFound, StatementError

from skyloom.access import SYSTEM
from skyloom.db import Contradiction, Database, Json, Timestamp, Tx, Word, metadata, plans
from skyloom.db.free import insert_if_free


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


kind = Table("tests_kind", metadata, Column("id", Integer, primary_key=True), Column("name", String(64)))
part = Table(
    "tests_part",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind_id", Integer, ForeignKey("tests_kind.id"), nullable=False),
    Column("name", String(64), unique=True),
    Column("is_new", Boolean, nullable=False),
    Column("at", Timestamp),
    Column("colour", Word(Colour)),
    Column("document", Json),
    Column("raw", LargeBinary),
    Column("price", Numeric(10, 2)),
)
with_default = Table(
    "tests_with_default",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("word", String(64), default="made"),
)
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
ADD_KIND, ADD = insert(kind), insert(part)
ALL = select(part).order_by(part.c.id)
ROW = {
    "kind_id": 1,
    "is_new": True,
    "at": AT,
    "colour": Colour.RED,
    "document": {"a": [1, None, "ü"]},
    "raw": b"\0\xff",
    "price": 3,
}


@pytest.fixture
def tx(database: Database) -> Any:
    with database.begin(SYSTEM) as tx:
        tx.execute(ADD_KIND, [{"id": 1, "name": "one"}, {"id": 2, "name": None}])
        tx.execute(ADD, [{**ROW, "id": number, "name": f"part {number}"} for number in range(1, 6)])
        yield tx


def is_planned(tx: Tx, statement: Executable, given: Mapping[str, Any]) -> bool:
    return plans._bound(tx.connection.dialect, statement, [given]) is not None


def alike(tx: Tx, statement: Executable, given: Mapping[str, Any] | None = None) -> Sequence[Any]:
    """What it finds by SQLAlchemy alone, the first, the second and the third time."""
    expected = tx.connection.execute(statement, given).all()
    for _ in range(3):
        found = tx.execute(statement, given).all()
        assert [tuple(row) for row in found] == [tuple(row) for row in expected]
        assert [row._mapping for row in found] == [dict(row._mapping) for row in expected]
        assert [[type(value) for value in row] for row in found] == [[type(v) for v in row] for row in expected]
    assert is_planned(tx, statement, given or {})
    return found


def test_every_type_of_column_comes_back_as_it_does_else(tx: Tx) -> None:
    found = alike(tx, ALL)
    assert len(found) == 5
    row = found[0]
    assert (row.id, row.is_new, row.at, row.colour, row.document, bytes(row.raw)) == (
        1,
        True,
        AT,
        Colour.RED,
        {"a": [1, None, "ü"]},
        b"\0\xff",
    )


@pytest.mark.parametrize(
    ("statement", "given"),
    [
        (select(part.c.name).where(part.c.id == bindparam("wanted")), {"wanted": 2}),
        (select(part.c.name).where(part.c.id == bindparam("wanted")), {"wanted": 99}),
        (select(part.c.id).where(part.c.id > 2, part.c.is_new.is_(True)).limit(2), None),
        (select(part.c.id).where(part.c.id.in_([1, 3])), None),
        (select(part.c.id).where(part.c.at > bindparam("t")), {"t": AT - timedelta(days=1)}),
        (select(part.c.id).where(part.c.colour == bindparam("c")), {"c": "red"}),
        (select(part.c.id).order_by(part.c.id).limit(bindparam("most")), {"most": 3}),
        (select(part.c.id, kind.c.id, kind.c.name).join(kind).order_by(part.c.id), None),
        (select(func.count(), func.max(part.c.at)).select_from(part), None),
        (select(func.sum(part.c.price), literal("x%").label("percent")), None),
        (select(part.c.id).union(select(kind.c.id + 10)).order_by("id"), None),
        (select(part.c.name).where(part.c.name.like(bindparam("like") + "%")).order_by(part.c.name), {"like": "part"}),
    ],
)
def test_every_form_of_select_finds_the_same(tx: Tx, statement: Executable, given: Mapping[str, Any] | None) -> None:
    alike(tx, statement, given)


def test_no_more_sets_of_parameters_are_known_than_may_be(tx: Tx) -> None:
    change = update(part).where(part.c.id == bindparam("wanted"))
    for number in range(2 * plans.MOST_NAMES):
        given = {"wanted": 2, "name": f"new {number}", f"of no column {number}": 1}
        assert tx.execute(change, given).rowcount == 1
    form = plans._known[tx.connection.dialect.name].form(change)
    assert form is not None
    assert len(form.families) <= plans.MOST_NAMES
    assert tx.execute(select(part.c.name).where(part.c.id == 2)).scalar() == given["name"]


def test_lists_of_any_length(tx: Tx) -> None:
    statement = select(part.c.id).where(part.c.id.in_(bindparam("ids", expanding=True))).order_by(part.c.id)
    for ids in ([1], [2], [1, 2], [5, 4, 3], [], (1, 9), list(range(plans.LONGEST_IN + 1))):
        expected = sorted({1, 2, 3, 4, 5} & set(ids))
        for _ in range(3):
            assert tx.execute(statement, {"ids": ids}).scalars().all() == expected
    assert is_planned(tx, statement, {"ids": [7, 8]})
    assert not is_planned(tx, statement, {"ids": list(range(plans.LONGEST_IN + 1))})
    assert tx.execute(statement, {"ids": {1, 2}}).scalars().all() == [1, 2]


def test_the_ways_to_ask_for_rows(tx: Tx) -> None:
    one = select(part.c.id, part.c.name).where(part.c.id == bindparam("wanted"))
    for _ in range(3):
        assert tx.execute(one, {"wanted": 2}).one() == (2, "part 2")
        assert tx.execute(one, {"wanted": 2}).first().name == "part 2"
        assert tx.execute(one, {"wanted": 2}).scalar_one() == 2
        assert tx.execute(one, {"wanted": 2}).mappings().one() == {"id": 2, "name": "part 2"}
        assert tx.execute(one, {"wanted": 9}).one_or_none() is None
        assert tx.execute(one, {"wanted": 9}).scalar() is None
        assert tx.execute(one, {"wanted": 9}).scalar_one_or_none() is None
        with pytest.raises(NoResultFound):
            tx.execute(one, {"wanted": 9}).one()
        with pytest.raises(MultipleResultsFound):
            tx.execute(ALL).one_or_none()
        with pytest.raises(AttributeError):
            _ = tx.execute(one, {"wanted": 2}).one().colour


def test_changes_tell_how_many_rows_they_met(tx: Tx) -> None:
    rename = update(part).where(part.c.id <= bindparam("most")).values(document=bindparam("new"))
    for most in (3, 2, 0, 5):
        assert tx.execute(rename, {"most": most, "new": ["changed", most]}).rowcount == most
    assert {tuple(row.document) for row in tx.execute(ALL)} == {("changed", 5)}
    remove = delete(part).where(part.c.id == bindparam("gone"))
    assert [tx.execute(remove, {"gone": number}).rowcount for number in (1, 2, 2, 3)] == [1, 1, 0, 1]


def test_one_insert_with_different_columns_and_many_rows(tx: Tx) -> None:
    for start in (10, 20, 30):
        tx.execute(ADD_KIND, {"id": start})
        tx.execute(ADD_KIND, {"name": "a name", "id": start + 1})
        many = tx.execute(ADD_KIND, [{"id": start + number, "name": f"n{number}"} for number in (2, 3, 4)])
        assert many.rowcount in (3, -1)
        tx.execute(ADD_KIND, [{"id": start + 5, "name": "alone"}])
    found = tx.execute(select(kind).where(kind.c.id >= 30).order_by(kind.c.id)).all()
    assert found == [(30, None), (31, "a name"), (32, "n2"), (33, "n3"), (34, "n4"), (35, "alone")]


def test_what_a_change_gives_back(tx: Tx) -> None:
    add = insert(kind).returning(kind.c.id, kind.c.name)
    take = delete(kind).where(kind.c.id == bindparam("gone")).returning(kind.c.name)
    number_made = insert(kind).returning(kind.c.id)
    for number in (11, 12, 13):
        assert tx.execute(add, {"id": number, "name": f"n{number}"}).one() == (number, f"n{number}")
        assert tx.execute(take, {"gone": number}).scalar_one() == f"n{number}"
        assert tx.execute(take, {"gone": number}).all() == []
    for number in (21, 22, 23):
        assert isinstance(tx.execute(number_made, {"name": "x", "id": number}).scalar_one(), int)


def test_an_insert_that_gives_way_tells_so(tx: Tx) -> None:
    statement = insert_if_free(kind)
    assert [tx.execute(statement, {"id": number}).rowcount for number in (50, 50, 51, 50, 52)] == [1, 0, 1, 0, 1]


def test_defaults_of_columns_are_filled_in(tx: Tx) -> None:
    add = insert(with_default)
    for number in (1, 2, 3):
        tx.execute(add, {"id": number})
    assert tx.execute(select(with_default.c.word)).scalars().all() == ["made"] * 3


def test_parameters_that_do_not_fit_are_refused_alike(tx: Tx) -> None:
    one = select(part.c.id).where(part.c.id == bindparam("wanted"), part.c.colour == bindparam("c"))
    for _ in range(3):
        assert tx.execute(one, {"wanted": 1, "c": "red", "more": 1}).scalars().all() == [1]
        with pytest.raises(StatementError, match="A value is required for bind parameter 'c'"):
            tx.execute(one, {"wanted": 1})
        with pytest.raises(StatementError, match="'green' is not a valid Colour"):
            tx.execute(one, {"wanted": 1, "c": "green"})
    with pytest.raises(StatementError, match="bind parameter"):
        tx.execute(one)


def test_texts_and_plain_selects_of_one_time_work_as_before(tx: Tx) -> None:
    for number in (1, 2, 3):
        assert (
            tx.execute(text("SELECT id AS found FROM tests_part WHERE id = :id"), {"id": number}).one().found == number
        )
        assert tx.execute(select(part.c.id).where(part.c.id == number)).scalar() == number


@pytest.mark.parametrize("before", [0, 1, 2])
def test_what_a_key_refuses_is_told_alike(database: Database, before: int) -> None:
    """The first time, the second and the third: inside the transaction as SQLAlchemy's error, outside as ours."""
    add = insert(kind)
    with database.begin(SYSTEM) as tx:
        for number in range(before):
            tx.execute(add, {"id": number, "name": "x"})
    with database.begin(SYSTEM) as tx:
        tx.execute(add, {"id": 10, "name": "x"})
    seen: list[Exception] = []
    with pytest.raises(Contradiction), database.begin(SYSTEM) as tx:
        tx.execute(add, {"id": 11, "name": "x"})
        try:
            tx.execute(add, {"id": 10, "name": "x"})
        except IntegrityError as error:
            seen.append(error)
            raise
    assert len(seen) == 1
    assert database.read().execute(select(kind.c.id).where(kind.c.id >= 10)).scalars().all() == [10]


def test_a_savepoint_takes_back_what_plans_did(tx: Tx) -> None:
    for number in (60, 61, 62):
        with pytest.raises(IntegrityError), tx.connection.begin_nested():
            tx.execute(ADD_KIND, {"id": number})
            tx.execute(ADD_KIND, {"id": 1})
        tx.execute(ADD_KIND, {"id": number + 10})
    assert tx.execute(select(kind.c.id).where(kind.c.id >= 60)).scalars().all() == [70, 71, 72]


def test_who_listens_to_sqlalchemy_hears_every_statement(database: Database) -> None:
    one = select(kind.c.id).where(kind.c.id == bindparam("wanted"))
    for _ in range(3):
        database.read().execute(one, {"wanted": 1})
    heard: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *told: heard.append(told[2]))
    database.read().execute(one, {"wanted": 1})
    assert len(heard) == 1


def test_statements_that_look_alike_share_a_plan_and_keep_their_values(tx: Tx) -> None:
    def found(name: str, ids: Sequence[int]) -> list[int]:
        statement = select(part.c.id).where(part.c.name.like(name), part.c.id.in_(ids), part.c.colour == Colour.RED)
        return tx.execute(statement.order_by(part.c.id).limit(2)).scalars().all()

    for _ in range(2):
        assert found("part%", [1, 2, 3]) == [1, 2]
        assert found("part%", [5, 4, 9]) == [4, 5]
        assert found("no%", [1, 2, 3]) == []
        assert found("%3", [3]) == [3]
        assert found("%3", []) == []
        assert found("%3", range(plans.LONGEST_IN + 1)) == [3]
    for name in ("a", "b"):
        changed = update(part).where(part.c.id == 1).values(name=name, at=AT, document=[name])
        assert tx.execute(changed).rowcount == 1
    assert tx.execute(select(part.c.name, part.c.document).where(part.c.id == 1)).one() == ("b", ["b"])


def test_what_is_known_of_a_statement_goes_with_it(database: Database) -> None:
    dialect = database.engine.dialect
    first, statement = (select(kind.c.id).where(kind.c.id == bindparam("wanted")) for _ in range(2))
    found = [plans._plan(dialect, each, {"wanted": 1})[0] for each in (first, statement)]
    assert found[0] is not None and found[0] is found[1]
    before = len(plans._known[dialect.name]._forms)
    del statement
    assert len(plans._known[dialect.name]._forms) == before - 1
