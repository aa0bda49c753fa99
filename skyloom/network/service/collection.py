"""What the API does with every noun alike: show one, list many by filters and pages, tag it.

Who sees what is a condition of the query: what a caller may not know of is not found. An admin sees all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from skyloom.access import Caller
from skyloom.db import Sql, Tx
from skyloom.db.listing import Page, Sort
from skyloom.network.attributes import Attribute, Resource
from skyloom.network.errors import HTTPBadRequest, TagNotFound
from skyloom.network.kinds import boolean
from skyloom.network.service.core import Core, looker
from skyloom.network.store.rows import Rows

M = TypeVar("M", bound=msgspec.Struct)
MAX_TAG_LENGTH = 255
MAX_TAGS = 50
BY_ID = Page(sorts=(Sort("id"),))


@dataclass(frozen=True, slots=True)
class Query:
    """`filters`: field -> any of these values. `tags`: tags, tags-any, not-tags, not-tags-any. `special`: what only one
    noun knows, as sent."""

    page: Page = BY_ID
    filters: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    special: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Collection(Generic[M]):
    resource: ClassVar[Resource]
    special: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, core: Core, rows: Rows[M]):
        self.core = core
        self.rows = rows

    def list(self, caller: Caller, query: Query) -> Sequence[M]:
        """Raises HTTPBadRequest for a marker that leads nowhere."""
        own = {"project_id": caller.project_id, "network:project_id": caller.project_id}
        self.core.policy.require(caller, f"get_{self.resource.name}", own)
        filters = {**query.filters, **self.special_filters(query.special)}
        sql = self.core.db.read()
        found = self.rows.page(sql, query.page, looker(caller), filters, query.tags)
        if found is None:
            raise HTTPBadRequest(f"The marker {query.page.marker} is no {self.resource.name}.", field="marker")
        return self.complete(sql, found)

    def get(self, caller: Caller, id: str) -> M:
        sql = self.core.db.read()
        thing = self.find(sql, caller, id)
        self.core.policy.require(caller, f"get_{self.resource.name}", self.target(sql, thing))
        return self.complete(sql, [thing])[0]

    def find(self, sql: Sql, caller: Caller, id: str) -> M:
        thing = self.rows.get_visible(sql, id, looker(caller))
        if thing is None:
            raise self.missing(id)
        return thing

    def hold(self, tx: Tx, caller: Caller, id: str, action: str) -> M:
        """The thing as it is now, kept from other writers until the end of the transaction; its revision rises."""
        thing = self.find(tx, caller, id)
        self.core.policy.require(caller, action, self.target(tx, thing))
        if not self.rows.touch(tx, id, self.core.now()):
            raise self.missing(id)
        return self.found(tx, id)

    def found(self, sql: Sql, id: str) -> M:
        thing = self.rows.get(sql, id)
        if thing is None:
            raise self.missing(id)
        return self.complete(sql, [thing])[0]

    def missing(self, id: str) -> Exception:
        noun = self.resource.name.replace("_", " ").capitalize()
        return self.resource.not_found(f"{noun} {id} could not be found.", id=id)

    def tags(self, caller: Caller, id: str) -> Sequence[str]:
        return self.get(caller, id).tags  # type: ignore[attr-defined]

    def require_tag(self, caller: Caller, id: str, tag: str) -> None:
        if tag not in self.tags(caller, id):
            raise TagNotFound(f"Tag {tag} could not be found.", tag=tag)

    def set_tags(self, caller: Caller, id: str, tags: Sequence[str]) -> Sequence[str]:
        if len(set(tags)) < len(tags):
            raise HTTPBadRequest("Invalid input for tags. Reason: there is a duplicate tag.", field="tags")
        return self._retag(caller, id, "update", lambda before: tags)

    def add_tag(self, caller: Caller, id: str, tag: str) -> None:
        self._retag(caller, id, "create", lambda before: [*before, tag])

    def remove_tag(self, caller: Caller, id: str, tag: str | None) -> None:
        """Without a `tag`, all of them."""

        def without(before: Sequence[str]) -> Sequence[str]:
            if tag is not None and tag not in before:
                raise TagNotFound(f"Tag {tag} could not be found.", tag=tag)
            return [] if tag is None else [other for other in before if other != tag]

        self._retag(caller, id, "delete", without)

    def filter_value(self, attribute: Attribute, text: str) -> Any:
        """The value to look for that a query spells `text`. Raises HTTPBadRequest where only numbers are compared."""
        kind = self.rows.type_of(attribute.key)
        if kind is str or text == "":
            return text or None
        try:
            return boolean(text) if kind is bool else int(text)
        except ValueError as error:
            sentence = f"Invalid input for {attribute.name}. Reason: '{text}' is not of type {kind.__name__}."
            raise HTTPBadRequest(sentence, field=attribute.name) from error

    def special_filters(self, special: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        return special

    def complete(self, sql: Sql, things: Sequence[M]) -> Sequence[M]:
        return things

    def target(self, sql: Sql, thing: M) -> Mapping[str, object]:
        return {"project_id": thing.project_id, "network:project_id": thing.project_id}  # type: ignore[attr-defined]

    def _retag(self, caller: Caller, id: str, verb: str, change: Any) -> Sequence[str]:
        action = f"{verb}_{self.resource.name}:tags"
        with self.core.db.begin(caller) as tx:
            thing: Any = self.hold(tx, caller, id, action)
            tags = sorted(set(change(thing.tags)))
            _check_tags(tags)
            self.rows.change(tx, id, self.core.now(), {"tags": tags})
            tx.record(action, self.resource.name, id)
        return tags


def _check_tags(tags: Sequence[str]) -> None:
    if len(tags) > MAX_TAGS:
        raise HTTPBadRequest(f"Invalid input for tags. Reason: more than {MAX_TAGS} tags.", field="tags")
    for tag in tags:
        if not tag or len(tag) > MAX_TAG_LENGTH:
            raise HTTPBadRequest(
                f"Invalid input for tags. Reason: '{tag[:40]}' is not of 1 to {MAX_TAG_LENGTH} characters.",
                field="tags",
            )
