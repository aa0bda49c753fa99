"""Domains and projects: the tree, and the tags in it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from skyloom.access import Caller
from skyloom.db import Tx
from skyloom.identity import resources
from skyloom.identity.errors import AttributeInvalid, NoSuch, NotALeaf, NotMovable, StillEnabled
from skyloom.identity.model import DEFAULT_DOMAIN, Record
from skyloom.identity.service.registry import Ground, Registry, of_own_domain
from skyloom.identity.store.grants import Grants
from skyloom.identity.store.limits import forget_limits

TAG = re.compile(r"[^,/]{1,255}")
MAX_TAGS = 80
MAX_DEPTH = 5


class Tagged(Registry):
    """A place of the tree, domain or project. Its tags stand in a table of their own."""

    def __init__(self, ground: Ground, grants: Grants):
        super().__init__(ground)
        self.grants = grants

    def complete(self, caller: Caller, values: Record) -> None:
        values["tags"] = checked_tags(values["extra"].pop("tags", []))

    def check_change(self, tx: Tx, now: Record, values: Record) -> None:
        if "tags" in values["extra"]:
            values["tags"] = checked_tags(values["extra"].pop("tags"))

    def after_write(self, tx: Tx, values: Record) -> None:
        if "tags" in values:
            self.grants.set_tags(tx, values["id"], values["tags"])

    def shown(self, records: Sequence[Record]) -> Sequence[Record]:
        tags = self.grants.tags(self.db.read(), [record["id"] for record in records])
        return [{**record, "tags": tags[record["id"]]} for record in records]


class Domains(Tagged):
    resource = resources.DOMAIN
    missing_to_all = frozenset({"update"})

    def complete(self, caller: Caller, values: Record) -> None:
        super().complete(caller, values)
        values.update(domain_id=None, parent_id=None, is_domain=True)

    def check_change(self, tx: Tx, now: Record, values: Record) -> None:
        super().check_change(tx, now, values)
        if now["id"] == DEFAULT_DOMAIN and values.get("enabled") is False:
            raise StillEnabled("The default domain cannot be disabled: it holds the users who run the cloud.")
        if now["enabled"] and values.get("enabled") is False:
            self.ground.revoke(tx, {"domain_id": now["id"]})

    def before_delete(self, tx: Tx, record: Record) -> None:
        """A domain goes with all that is in it, once it is disabled."""
        if record["enabled"]:
            raise StillEnabled(f"Cannot delete domain {record['id']} because it is enabled; disable it first.")
        forget_limits(tx, domain_id=record["id"])
        self.ground.revoke(tx, {"domain_id": record["id"]})
        self.grants.drop_domain(tx, record["id"])

    def visible(self, caller: Caller, filters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self.ground.policy.require(caller, "identity:list_domains", {"target.domain.id": caller.domain_id})
        return of_own_domain(caller, filters, "id")


class Projects(Tagged):
    resource = resources.PROJECT
    words = frozenset({"tags", "tags-any", "not-tags", "not-tags-any"})

    def __init__(self, ground: Ground, grants: Grants, domains: Domains, max_depth: int = MAX_DEPTH):
        """`max_depth`: the most levels of projects below a domain."""
        super().__init__(ground, grants)
        self.domains = domains
        self.max_depth = min(max_depth, MAX_DEPTH)

    # -- the plain verbs: a domain is a project too, and is changed as the domain that it is

    def create(self, caller: Caller, document: Mapping[str, Any]) -> Record:
        if document.get("is_domain") is not True:
            return super().create(caller, document)
        if document.get("domain_id") or document.get("parent_id"):
            raise AttributeInvalid("A project that is a domain has no domain_id and no parent_id.", field="is_domain")
        names = {"is_domain", "domain_id", "parent_id"}
        kept = {name: value for name, value in document.items() if name not in names}
        return self.show(self.domains.create(caller, kept)["id"])

    def update(self, caller: Caller, record_id: str, document: Mapping[str, Any]) -> Record:
        record = self.find(record_id)
        if record is None or not record["is_domain"]:
            return super().update(caller, record_id, document)
        self.domains.update(caller, record_id, document)
        return self.show(record_id)

    def delete(self, caller: Caller, record_id: str) -> None:
        record = self.find(record_id)
        if record is not None and record["is_domain"]:
            self.domains.delete(caller, record_id)
        else:
            super().delete(caller, record_id)

    def complete(self, caller: Caller, values: Record) -> None:
        super().complete(caller, values)
        if values["parent_id"] is not None:
            parent = self.ground.principals.project(self.db.read(), values["parent_id"])
            if parent is None:
                raise AttributeInvalid(f"Could not find project: {values['parent_id']}.", field="parent_id")
            parent_domain = parent.id if parent.is_domain else parent.domain_id
            if values["domain_id"] not in (None, parent_domain):
                raise AttributeInvalid("A project must be in the same domain as its parent.", field="domain_id")
            values["domain_id"] = parent_domain
        if values["domain_id"] is None:
            values["domain_id"] = caller.domain_id or caller.project_domain_id or DEFAULT_DOMAIN
        if values["parent_id"] is None:
            values["parent_id"] = values["domain_id"]

    def check_document(self, caller: Caller, now: Record, document: Mapping[str, Any]) -> None:
        if document.get("parent_id", now["parent_id"]) != now["parent_id"]:
            raise NotMovable(now["id"])

    def check_new(self, tx: Tx, values: Record) -> None:
        parent = self.ground.principals.project(tx, values["parent_id"])
        if parent is None:
            raise AttributeInvalid(f"Could not find domain: {values['parent_id']}.", field="domain_id")
        if not parent.enabled:
            raise AttributeInvalid(f"Cannot create a project below {parent.id}: it is disabled; enable it first.")
        if len(self.ground.principals.parents(tx, parent.id)) + 1 + (not parent.is_domain) > self.max_depth:
            raise StillEnabled(
                f"Cannot create a project below {parent.id}: the tree has at most {self.max_depth} levels."
            )

    def check_change(self, tx: Tx, now: Record, values: Record) -> None:
        super().check_change(tx, now, values)
        if values.get("enabled") is True and not now["enabled"]:
            parent = self.ground.principals.project(tx, now["parent_id"])
            if parent is not None and not parent.enabled:
                raise StillEnabled(f"Cannot enable project {now['id']} since {parent.id} above it is disabled.")
        if values.get("enabled") is False and now["enabled"]:
            below = list(self.ground.principals.subtree(tx, now["id"]))
            if below and self.records.any(tx, id=below, enabled=True):
                raise StillEnabled(f"Cannot disable project {now['id']} since a project below it is enabled.")
            self.ground.revoke(tx, {"project_id": now["id"]})

    def before_delete(self, tx: Tx, record: Record) -> None:
        if self.records.any(tx, parent_id=record["id"]):
            raise NotALeaf(record["id"])
        forget_limits(tx, project_id=record["id"])
        self.ground.revoke(tx, {"project_id": record["id"]})
        self.grants.forget(tx, "project", record["id"])

    def visible(self, caller: Caller, filters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self.ground.policy.require(caller, "identity:list_projects", {"target.domain_id": caller.domain_id})
        return of_own_domain(caller, {"is_domain": False, **filters})

    def words_tests(self, words: Mapping[str, str]) -> Sequence[Any]:
        return [self.grants.tag_test(word, value.split(",")) for word, value in words.items()]

    # -- the tree

    def parents(self, caller: Caller, project_id: str) -> Sequence[Record]:
        """The projects above on which the user has a role; the nearest first."""
        return self._mine(caller, self.ground.principals.parents(self.db.read(), project_id))

    def parent_ids(self, project: Record) -> Record | None:
        """The ids above, nested, with the domain at the root: {parent: {its parent: {domain: None}}}."""
        if project["is_domain"]:
            return None
        nested: Record = {project["domain_id"]: None}
        for parent_id in reversed(self.ground.principals.parents(self.db.read(), project["id"])):
            nested = {parent_id: nested}
        return nested

    def subtree(self, caller: Caller, project_id: str) -> Sequence[Record]:
        """The projects below on which the user has a role."""
        return self._mine(caller, list(self.ground.principals.subtree(self.db.read(), project_id)))

    def subtree_ids(self, project: Record) -> Record | None:
        """The ids below, nested: {child: {grandchild: None}}."""
        below = self.ground.principals.subtree(self.db.read(), project["id"])
        children: dict[str, list[str]] = {}
        for child, parent in below.items():
            children.setdefault(parent, []).append(child)

        def nested(parent: str) -> Record | None:
            return {child: nested(child) for child in children[parent]} if parent in children else None

        return nested(project["id"])

    def _mine(self, caller: Caller, ids: Sequence[str]) -> Sequence[Record]:
        sql = self.db.read()
        held = self.ground.principals.projects_of(sql, caller.user_id, also_disabled=True)
        mine = {project.id for project in held}
        found = {record["id"]: record for record in self.these(sql, [one for one in ids if one in mine])}
        return [found[project_id] for project_id in ids if project_id in found]

    # -- tags

    def tags(self, caller: Caller, project_id: str) -> Sequence[str]:
        tags: Sequence[str] = self._for_tags(caller, "list_project_tags", project_id)["tags"]
        return tags

    def check_tag(self, caller: Caller, project_id: str, tag: str) -> None:
        if tag not in self._for_tags(caller, "get_project_tag", project_id)["tags"]:
            raise NoSuch("project_tag", tag)

    def set_tags(self, caller: Caller, project_id: str, tags: object) -> Sequence[str]:
        self._for_tags(caller, "update_project_tags", project_id)
        return self._store_tags(caller, "update_project_tags", project_id, checked_tags(tags))

    def add_tag(self, caller: Caller, project_id: str, tag: str) -> None:
        now = self._for_tags(caller, "create_project_tag", project_id)["tags"]
        if tag not in now:
            self._store_tags(caller, "create_project_tag", project_id, checked_tags([*now, tag]))

    def remove_tag(self, caller: Caller, project_id: str, tag: str) -> None:
        now = self._for_tags(caller, "delete_project_tag", project_id)["tags"]
        if tag not in now:
            raise NoSuch("project_tag", tag)
        self._store_tags(caller, "delete_project_tag", project_id, [other for other in now if other != tag])

    def remove_tags(self, caller: Caller, project_id: str) -> None:
        self._for_tags(caller, "delete_project_tags", project_id)
        self._store_tags(caller, "delete_project_tags", project_id, [])

    def _for_tags(self, caller: Caller, action: str, project_id: str) -> Record:
        project = self.find(project_id)
        self.ground.policy.require(caller, f"identity:{action}", self.target(project or {}))
        if project is None:
            raise self.missing(project_id)
        return project

    def _store_tags(self, caller: Caller, action: str, project_id: str, tags: Sequence[str]) -> Sequence[str]:
        with self.ground.change(caller, f"identity:{action}", "project", project_id) as tx:
            self.grants.set_tags(tx, project_id, tags)
        return sorted(tags)


def checked_tags(tags: object) -> list[str]:
    """Without the white space around them."""
    if isinstance(tags, list):
        tags = [tag.strip() if isinstance(tag, str) else tag for tag in tags]
    if not isinstance(tags, list) or not all(isinstance(tag, str) and TAG.fullmatch(tag) for tag in tags):
        raise AttributeInvalid(
            "Invalid input for field/attribute tags: a list of strings of 1 to 255 characters without ',' and '/'.",
            field="tags",
        )
    if len(tags) > MAX_TAGS:
        raise AttributeInvalid(f"A project has at most {MAX_TAGS} tags.", field="tags")
    if len(set(tags)) != len(tags):
        raise AttributeInvalid("Invalid input for field/attribute tags: a tag stands there twice.", field="tags")
    return tags
