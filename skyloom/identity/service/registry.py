"""The verbs of a plain resource: authorise, check, one transaction. What a noun needs more stands in a subclass."""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from skyloom.access import Caller, Policy
from skyloom.db import Database, Sql, Tx
from skyloom.db.listing import Page, Sort
from skyloom.identity.errors import AttributeInvalid, Immutable, NoSuch
from skyloom.identity.model import Match, Record
from skyloom.identity.resources import Resource
from skyloom.identity.service.tokens.freshness import things_of
from skyloom.identity.store.principals import Principals
from skyloom.identity.store.records import Records
from skyloom.identity.store.revocations import Revocations

NO_EVENT: Mapping[str, str | None] = {
    **dict.fromkeys(("user_id", "role_id", "domain_id", "project_id")),
    **dict.fromkeys(("trust_id", "consumer_id", "access_token_id", "audit_id", "audit_chain_id")),
}
"""A revocation event that says nothing."""


@dataclass(frozen=True)
class Ground:
    """What every service of identity stands on. `token_life`: the longest time for which a token can be validated.
    `list_limit`: the most items that a list shows."""

    db: Database
    policy: Policy
    principals: Principals
    revocations: Revocations
    token_life: timedelta
    list_limit: int | None = None

    @contextmanager
    def change(
        self, caller: Caller, action: str, noun: str, noun_id: str, things: Collection[str] | None = None
    ) -> Iterator[Tx]:
        """A write: with its audit entry, and the word that what was cached of `things` is stale (see freshness).

        That word comes first, for it locks its row: one change of identity data after the other, so that what one
        checks no other undoes before it commits.
        """
        with self.db.begin(caller) as tx:
            self.principals.bump(tx, things_of(action, noun_id) if things is None else things)
            yield tx
            tx.record(action, noun, noun_id)

    def revoke(self, tx: Tx, *events: Mapping[str, str | None]) -> None:
        """Tell who keeps tokens that those which have these (`user_id`, `role_id`, ...) count no more."""
        now = self.db.clock.now()
        self.revocations.note(tx, [{**NO_EVENT, **event} for event in events], now, now - self.token_life)


BY_ID = Page(sorts=(Sort("id"),))


@dataclass(frozen=True, slots=True)
class Query:
    """What a list asks for: exact values by attribute, comparisons, further words of the noun, and the page."""

    filters: Mapping[str, Any] = field(default_factory=dict)
    matches: Sequence[Match] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    page: Page = BY_ID


EVERYTHING = Query()


@dataclass(frozen=True, slots=True)
class Listed:
    """`truncated`: there are more than are shown."""

    records: Sequence[Record]
    truncated: bool = False


class Registry:
    """`words`: query words that are no attributes, which a list of this noun takes."""

    resource: Resource
    words: frozenset[str] = frozenset()

    def __init__(self, ground: Ground):
        self.ground = ground
        self.db = ground.db
        self.records = Records(self.resource)

    # -- verbs

    def create(self, caller: Caller, document: Mapping[str, Any]) -> Record:
        values = self.resource.new(document)
        values["id"] = self.new_id(document)
        self.require(caller, "create", values)
        self.complete(caller, values)
        self.prepare(values, values)
        with self.write(caller, "create", values["id"]) as tx:
            self.check_new(tx, values)
            self.records.add(tx, self.resource.row(values))
            self.after_write(tx, values)
        return self.show(values["id"])

    def get(self, caller: Caller, record_id: str) -> Record:
        return self.allowed(caller, "get", record_id)

    def list(self, caller: Caller, query: Query) -> Listed:
        """What the caller asks for, within what it may see."""
        filters = self.visible(caller, query.filters)
        if filters is None:
            return Listed([])
        limits = [number for number in (query.page.limit, self.ground.list_limit) if number is not None]
        limit = min(limits) if limits else None
        page = replace(query.page, limit=None if limit is None else limit + 1)
        also = self.words_tests(query.words)
        rows = self.records.list(self.db.read(), filters, page, query.matches, also)
        truncated = limit is not None and len(rows) > limit
        return Listed(self.shown([self.resource.record(row) for row in rows[:limit]]), truncated)

    def update(self, caller: Caller, record_id: str, document: Mapping[str, Any]) -> Record:
        now = self.allowed(caller, "update", record_id)
        if not document:
            raise AttributeInvalid(f"The {self.resource.noun} of the body is empty; it holds what is to change.")
        if document.get("id", record_id) != record_id:
            raise AttributeInvalid("Cannot change the id of a resource.", field="id")
        self.check_document(caller, now, document)
        values = self.resource.change(document, now)
        kept = {name: value for name, value in now.items() if name not in self.resource.by_name}
        for shown_only in ("id", "options", "links", "tags", *self.shown_only):
            kept.pop(shown_only, None)
        values["extra"] = {**kept, **values["extra"]}
        if "options" in values:
            merged = {**now["options"], **values["options"]}
            values["options"] = {name: value for name, value in merged.items() if value is not None}
        if _is_immutable(now) and _is_immutable({**now, **values}):
            raise Immutable(self.resource.noun, record_id)
        self.prepare(values, {**now, **values})
        with self.write(caller, "update", record_id) as tx:
            self.check_change(tx, now, values)
            self.records.change(tx, record_id, self.resource.row(values))
            self.after_write(tx, {**now, **values})
        return self.show(record_id)

    def delete(self, caller: Caller, record_id: str) -> None:
        record = self.allowed(caller, "delete", record_id)
        if _is_immutable(record):
            raise Immutable(self.resource.noun, record_id)
        with self.write(caller, "delete", record_id) as tx:
            self.before_delete(tx, record)
            self.records.remove(tx, record_id)

    # -- what they are made of

    def show(self, record_id: str) -> Record:
        """The record as it is; NoSuch without it."""
        record = self.find(record_id)
        if record is None:
            raise self.missing(record_id)
        return record

    def find(self, record_id: str) -> Record | None:
        row = self.records.get(self.db.read(), record_id)
        return None if row is None else self.shown([self.resource.record(row)])[0]

    def known(self, record_id: str) -> Record | None:
        """The record as we know it, without asking others."""
        return self.find(record_id)

    def missing(self, record_id: str) -> NoSuch:
        return NoSuch(self.resource.noun, record_id)

    def allowed(self, caller: Caller, verb: str, record_id: str) -> Record:
        """The record that the caller may do this with. That it is not there is told only to who might."""
        record = self.find(record_id)
        if record is None and verb in self.missing_to_all:
            raise self.missing(record_id)
        self.require(caller, verb, record or {})
        if record is None:
            raise self.missing(record_id)
        return record

    def require(self, caller: Caller, verb: str, record: Record) -> None:
        self.ground.policy.require(caller, f"identity:{verb}_{self.resource.noun}", self.target(record))

    def target(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record as policy rules name it."""
        return {f"target.{self.resource.noun}.{name}": value for name, value in record.items()}

    def write(self, caller: Caller, verb: str, record_id: str) -> AbstractContextManager[Tx]:
        noun = self.resource.noun
        return self.ground.change(caller, f"identity:{verb}_{noun}", noun, record_id)

    def these(self, sql: Sql, ids: Sequence[str], asked: Query = EVERYTHING) -> Sequence[Record]:
        """The records of these ids that exist and fit what is asked for, by name where they have one; all of them,
        whatever the page."""
        sorts = (Sort("name"), Sort("id")) if "name" in self.records.table.c else (Sort("id"),)
        filters = {**asked.filters, "id": list(ids)}
        also = self.words_tests(asked.words) if asked.words else ()
        rows = self.records.list(sql, filters, Page(sorts=sorts), asked.matches, also)
        return self.shown([self.resource.record(row) for row in rows])

    def exists(self, sql: Sql, record_id: str) -> bool:
        return self.records.get(sql, record_id) is not None

    # -- where a noun differs

    missing_to_all: frozenset[str] = frozenset()
    """Verbs by which everybody learns that something is not there, as in Keystone."""
    shown_only: frozenset[str] = frozenset()
    """What `shown` adds, so that an update does not keep it."""

    def new_id(self, document: Mapping[str, Any]) -> str:
        return uuid.uuid4().hex

    def complete(self, caller: Caller, values: Record) -> None:
        """Fill in what depends on the caller or on other rows. The policy has been asked already, about what was sent:
        so nobody learns here what exists, and who may create in one domain only must name it, as in Keystone."""

    def prepare(self, values: Record, whole: Record) -> None:
        """What takes long, once the caller is known to be allowed and before the transaction. `whole`: the record as
        it will be, `values` what is written of it."""

    def check_document(self, caller: Caller, now: Record, document: Mapping[str, Any]) -> None:
        """Refuse an update for what was sent, before anything is made of it."""

    def check_new(self, tx: Tx, values: Record) -> None:
        """Refuse what would contradict other rows."""

    def check_change(self, tx: Tx, now: Record, values: Record) -> None:
        """Refuse what would contradict other rows."""

    def after_write(self, tx: Tx, values: Record) -> None:
        """Write what stands in other tables."""

    def before_delete(self, tx: Tx, record: Record) -> None:
        """Refuse, or remove what no key removes."""

    def visible(self, caller: Caller, filters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The filters within what the caller may see; None where that is nothing. Raises PolicyForbids."""
        self.ground.policy.require(caller, f"identity:list_{self.resource.collection}", self.target(filters))
        return filters

    def words_tests(self, words: Mapping[str, str]) -> Sequence[Any]:
        """Tests of the rows for the query words of this noun."""
        return ()

    def shown(self, records: Sequence[Record]) -> Sequence[Record]:
        """Add what stands in other tables, in one statement for all of them."""
        return records


def of_own_domain(caller: Caller, filters: Mapping[str, Any], name: str = "domain_id") -> Mapping[str, Any] | None:
    """A token scoped to a domain sees that domain only, whatever it asks for."""
    if caller.domain_id is None:
        return filters
    if filters.get(name, caller.domain_id) != caller.domain_id:
        return None
    return {**filters, name: caller.domain_id}


def _is_immutable(record: Mapping[str, Any]) -> bool:
    return bool(record.get("options", {}).get("immutable"))
