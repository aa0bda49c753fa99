"""Flows that prove the harness: two that are right, and some that are wrong in the ways flows usually are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec
from sqlalchemy import Column, String, Table, bindparam, delete, insert, select, update

from skyloom.access import Caller
from skyloom.db import Database, metadata
from skyloom.errors import SkyloomError
from skyloom.work import Done, Flow, Next, Step, Wait, Work
from tests.flows.harness import Scenario

USER = Caller(user_id="u", project_id="p", request_id="req-sample")

parcel = Table(
    "tests_parcel",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("shelf", String(36)),
)
ADD = insert(parcel)
GET = select(parcel).where(parcel.c.id == bindparam("parcel_id"))
SET = (
    update(parcel)
    .where(parcel.c.id == bindparam("parcel_id"))
    .values(state=bindparam("new_state"), shelf=bindparam("new_shelf"))
)
REMOVE = delete(parcel).where(parcel.c.id == bindparam("parcel_id"))


class Store:
    """The simulated driver: boxes by name, each on a shelf, and a stamp a box; it takes a moment to wrap one."""

    def __init__(self) -> None:
        self.shelves: dict[str, str] = {}
        self.boxes: dict[str, int] = {}
        self.stamps: list[str] = []


@dataclass
class World:
    work: Work
    store: Store = field(default_factory=Store)

    @property
    def database(self) -> Database:
        return self.work.database

    def state(self) -> str | None:
        row = self.database.read().execute(GET, {"parcel_id": "p1"}).first()
        return None if row is None else row.state


class ParcelFrame(msgspec.Struct):
    parcel_id: str
    shelf: str | None = None


class ParcelFlow(Flow[ParcelFrame]):
    frame = ParcelFrame

    def __init__(self, world: World):
        self.database = world.database
        self.store = world.store

    def set_state(self, parcel_id: str, state: str, shelf: str | None = None) -> None:
        with self.database.begin(USER) as tx:
            tx.execute(SET, {"parcel_id": parcel_id, "new_state": state, "new_shelf": shelf})
            tx.record("parcel:update", "parcel", parcel_id)


class CreateParcel(ParcelFlow):
    name = "sample.create_parcel"
    first = "place"
    undo = {"place": "free", "wrap": "unwrap"}

    def place(self, f: ParcelFrame) -> Step:
        f.shelf = self.store.shelves.setdefault(f.parcel_id, f"shelf-{len(self.store.shelves)}")
        return Next("wrap")

    def wrap(self, f: ParcelFrame) -> Step:
        progress = self.store.boxes.get(f.parcel_id, 0)
        if progress < 2:
            self.store.boxes[f.parcel_id] = progress + 1
            return Wait(2)
        return Next("publish")

    def publish(self, f: ParcelFrame) -> Step:
        self.set_state(f.parcel_id, "ready", f.shelf)
        return Done()

    def unwrap(self, f: ParcelFrame) -> None:
        self.store.boxes.pop(f.parcel_id, None)

    def free(self, f: ParcelFrame) -> None:
        self.store.shelves.pop(f.parcel_id, None)

    def failed(self, f: ParcelFrame, problem: SkyloomError) -> None:
        self.set_state(f.parcel_id, "error")


class DeleteParcel(ParcelFlow):
    name = "sample.delete_parcel"
    first = "unwrap"
    deadline_s = 3600

    def unwrap(self, f: ParcelFrame) -> Step:
        self.store.boxes.pop(f.parcel_id, None)
        return Next("free")

    def free(self, f: ParcelFrame) -> Step:
        self.store.shelves.pop(f.parcel_id, None)
        return Next("forget")

    def forget(self, f: ParcelFrame) -> Step:
        with self.database.begin(USER) as tx:
            tx.execute(REMOVE, {"parcel_id": f.parcel_id})
            tx.record("parcel:delete", "parcel", f.parcel_id)
        return Done()

    def failed(self, f: ParcelFrame, problem: SkyloomError) -> None:
        self.set_state(f.parcel_id, "error")


class CreateParcelScenario(Scenario[World]):
    flow: ClassVar[type[ParcelFlow]] = CreateParcel
    is_preemptible = True

    def build(self, work: Work) -> World:
        return World(work)

    def flows(self, world: World) -> Sequence[ParcelFlow]:
        return [self.flow(world), DeleteParcel(world)]

    def start(self, world: World) -> None:
        with world.database.begin(USER) as tx:
            tx.execute(ADD, {"id": "p1", "state": "creating"})
            world.work.start(tx, self.flow, "parcel:p1", ParcelFrame("p1"))
            tx.record("parcel:create", "parcel", "p1")

    def assert_done(self, world: World) -> None:
        row = world.database.read().execute(GET, {"parcel_id": "p1"}).one()
        assert (row.state, row.shelf) == ("ready", "shelf-0")
        assert world.store.shelves == {"p1": "shelf-0"}
        assert world.store.boxes == {"p1": 2}
        assert len(world.store.stamps) <= 1

    def assert_clean(self, world: World) -> None:
        assert world.state() == "error"
        assert (world.store.shelves, world.store.boxes, world.store.stamps) == ({}, {}, [])

    def preempt(self, world: World) -> None:
        with world.database.begin(USER) as tx:
            tx.execute(SET, {"parcel_id": "p1", "new_state": "deleting", "new_shelf": None})
            world.work.start(tx, DeleteParcel, "parcel:p1", ParcelFrame("p1"), preempt=True)
            tx.record("parcel:delete", "parcel", "p1")

    def assert_preempted(self, world: World) -> None:
        assert world.state() is None
        assert (world.store.shelves, world.store.boxes) == ({}, {})


class DeleteParcelScenario(CreateParcelScenario):
    flow = DeleteParcel
    is_preemptible = False

    def build(self, work: Work) -> World:
        world = World(work)
        world.store.shelves["p1"], world.store.boxes["p1"] = "shelf-0", 2
        with work.database.begin(USER) as tx:
            tx.execute(ADD, {"id": "p1", "state": "ready"})
            tx.record("parcel:create", "parcel", "p1")
        return world

    def flows(self, world: World) -> Sequence[ParcelFlow]:
        return [DeleteParcel(world)]

    def start(self, world: World) -> None:
        self.preempt(world)

    def assert_done(self, world: World) -> None:
        self.assert_preempted(world)

    def assert_clean(self, world: World) -> None:
        """A delete that gave up leaves an error to look at, or, after its last step, nothing at all."""
        assert world.state() in ("error", None)


class StampsTwice(CreateParcel):
    """Wrong: a repeat of the step stamps again."""

    name = "sample.stamps_twice"
    undo = {**CreateParcel.undo, "publish": "unstamp"}

    def publish(self, f: ParcelFrame) -> Step:
        self.store.stamps.append(f.parcel_id)
        return super().publish(f)

    def unstamp(self, f: ParcelFrame) -> None:
        self.store.stamps.clear()


class ForgetsAnUndo(CreateParcel):
    """Wrong: what `place` took is never given back."""

    name = "sample.forgets_an_undo"
    undo = {"wrap": "unwrap"}


class UndoExpectsWork(CreateParcel):
    """Wrong: the undo of a step that was started and did nothing fails for ever."""

    name = "sample.undo_expects_work"

    def unwrap(self, f: ParcelFrame) -> None:
        del self.store.boxes[f.parcel_id]


class RemembersInMemory(CreateParcel):
    """Wrong: what one step chose is kept in the object and not in the frame."""

    name = "sample.remembers_in_memory"

    def __init__(self, world: World):
        super().__init__(world)
        self.shelf: str | None = None

    def place(self, f: ParcelFrame) -> Step:
        outcome = super().place(f)
        self.shelf, f.shelf = f.shelf, None
        return outcome

    def publish(self, f: ParcelFrame) -> Step:
        f.shelf = self.shelf
        return super().publish(f)


class HalfATransaction(CreateParcel):
    """Wrong: between the two commits of its step it cannot be repeated."""

    name = "sample.half_a_transaction"

    def publish(self, f: ParcelFrame) -> Step:
        row = self.database.read().execute(GET, {"parcel_id": f.parcel_id}).one()
        if row.state == "creating":
            self.set_state(f.parcel_id, "almost")
            self.set_state(f.parcel_id, "ready", f.shelf)
        return Done()
