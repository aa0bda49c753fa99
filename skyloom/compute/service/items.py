"""The verbs of a server's metadata items and tags."""

from collections.abc import Mapping, Sequence

from skyloom.access import Caller
from skyloom.compute.errors import MetadataKeyNotFound, RequestInvalid, TagNotFound
from skyloom.compute.model import Server
from skyloom.compute.parts import Parts
from skyloom.compute.service.quotas import QuotaService
from skyloom.compute.service.servers import ServerService

MOST_TAGS = 50
METADATA = "os_compute_api:server-metadata"
TAGS = "os_compute_api:os-server-tags"


class ItemService:
    def __init__(self, parts: Parts, servers: ServerService, quotas: QuotaService):
        self.parts = parts
        self.servers = servers
        self.quotas = quotas

    def metadata(self, caller: Caller, server_id: str) -> Mapping[str, str]:
        return self.servers.get(caller, server_id, f"{METADATA}:index").metadata

    def metadata_item(self, caller: Caller, server_id: str, key: str) -> str:
        found = self.servers.get(caller, server_id, f"{METADATA}:show").metadata
        if key not in found:
            raise MetadataKeyNotFound(key)
        return found[key]

    def add_metadata(self, caller: Caller, server_id: str, more: Mapping[str, str], action: str) -> Mapping[str, str]:
        """`action`: create for a set of items, update for one."""
        server = self._settled(caller, server_id, f"{METADATA}:{action}", "update metadata")
        return self._set_metadata(caller, server, {**server.metadata, **more}, f"{METADATA}:{action}")

    def replace_metadata(self, caller: Caller, server_id: str, items: Mapping[str, str]) -> Mapping[str, str]:
        server = self._settled(caller, server_id, f"{METADATA}:update_all", "update metadata")
        return self._set_metadata(caller, server, dict(items), f"{METADATA}:update_all")

    def remove_metadata_item(self, caller: Caller, server_id: str, key: str) -> None:
        server = self.servers.get(caller, server_id, f"{METADATA}:delete")
        if key not in server.metadata:
            raise MetadataKeyNotFound(key)
        self.servers.require_settled(server, "delete metadata")
        left = {name: value for name, value in server.metadata.items() if name != key}
        self.servers.change(caller, server, {"metadata": left}, f"{METADATA}:delete")

    def _settled(self, caller: Caller, server_id: str, action: str, told: str) -> Server:
        server = self.servers.get(caller, server_id, action)
        self.servers.require_settled(server, told)
        return server

    def _set_metadata(self, caller: Caller, server: Server, items: Mapping[str, str], action: str) -> Mapping[str, str]:
        self.quotas.check_metadata(self.parts.db.read(), server.project_id, len(items))
        return self.servers.change(caller, server, {"metadata": dict(items)}, action).metadata

    def tags(self, caller: Caller, server_id: str) -> Sequence[str]:
        return self.servers.get(caller, server_id, f"{TAGS}:index").tags

    def has_tag(self, caller: Caller, server_id: str, tag: str) -> bool:
        return tag in self.servers.get(caller, server_id, f"{TAGS}:show").tags

    def replace_tags(self, caller: Caller, server_id: str, tags: Sequence[str]) -> Sequence[str]:
        server = self.servers.get(caller, server_id, f"{TAGS}:update_all")
        return self._set_tags(caller, server, tags, f"{TAGS}:update_all")

    def add_tag(self, caller: Caller, server_id: str, tag: str) -> bool:
        """Whether it is new."""
        server = self.servers.get(caller, server_id, f"{TAGS}:update")
        if tag in server.tags:
            return False
        self._set_tags(caller, server, [*server.tags, tag], f"{TAGS}:update")
        return True

    def remove_tag(self, caller: Caller, server_id: str, tag: str) -> None:
        server = self.servers.get(caller, server_id, f"{TAGS}:delete")
        if tag not in server.tags:
            raise TagNotFound(server_id, tag)
        self._set_tags(caller, server, [each for each in server.tags if each != tag], f"{TAGS}:delete")

    def remove_tags(self, caller: Caller, server_id: str) -> None:
        server = self.servers.get(caller, server_id, f"{TAGS}:delete_all")
        self._set_tags(caller, server, [], f"{TAGS}:delete_all")

    def _set_tags(self, caller: Caller, server: Server, tags: Sequence[str], action: str) -> Sequence[str]:
        check_tags(tags)
        return self.servers.change(caller, server, {"tags": sorted(set(tags))}, action).tags


def check_tags(tags: Sequence[str]) -> None:
    if len(set(tags)) > MOST_TAGS:
        raise RequestInvalid(f"The number of tags exceeded the per-server limit {MOST_TAGS}", field="tags")
    for tag in tags:
        if not 1 <= len(tag) <= 60:
            raise RequestInvalid(f"Tag {tag!r} is too long or empty; a tag has 1 to 60 characters.", field="tags")
        if "/" in tag or "," in tag:
            raise RequestInvalid(f"Tag {tag!r} holds '/' or ','; tags may not.", field="tags")
