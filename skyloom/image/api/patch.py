"""Changes to an image: Glance's own subset of JSON Patch (media types openstack-images-v2.0 and v2.1-json-patch)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from skyloom.errors import UnsupportedMedia
from skyloom.image.api.attributes import READ_ONLY, SETTABLE, own_property, with_attribute
from skyloom.image.errors import ImageInvalid, ImageReadOnly, ImageStateConflict
from skyloom.image.model import Image
from skyloom.web.bodies import parsed
from skyloom.web.http import Request

MEDIA = "application/openstack-images-v2.{}-json-patch"
OPERATIONS = ("add", "replace", "remove")


class PatchMedia(UnsupportedMedia):
    code = "image.patch_media"


@dataclass(frozen=True, slots=True)
class Operation:
    """`name` is the attribute or property that the path names."""

    op: str
    name: str
    value: Any


def parse(request: Request, limit_bytes: int) -> Sequence[Operation]:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in (MEDIA.format(0), MEDIA.format(1)):
        raise PatchMedia(f"The body's Content-Type is {media or 'missing'}; use {MEDIA.format(1)}.")
    document = parsed(request.body.read(limit_bytes), Any)
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        raise ImageInvalid("The body must be a JSON array of operation objects.")
    return [_operation(item, media == MEDIA.format(0)) for item in document]


def _operation(item: dict[str, Any], is_oldest: bool) -> Operation:
    op: Any
    path: Any
    if is_oldest:
        named = [op for op in OPERATIONS if op in item]
        if len(named) != 1:
            raise ImageInvalid("An operation has exactly one of 'add', 'replace' and 'remove'.")
        op, path = named[0], item[named[0]]
    else:
        op, path = item.get("op"), item.get("path")
        if op not in OPERATIONS:
            raise ImageInvalid(f"The operation {op!r} is unknown; use add, replace or remove.", field="op")
    if not isinstance(path, str) or not path.startswith("/") or path == "/":
        raise ImageInvalid(
            f"The path {path!r} of an operation must start with '/' and name an attribute.", field="path"
        )
    name = path[1:].replace("~1", "/").replace("~0", "~")
    if "/" in path[1:]:
        raise ImageInvalid(f"The path {path!r} goes deeper than an attribute of the image.", field="path")
    if op != "remove" and "value" not in item:
        raise ImageInvalid(f"The operation {op} of {path} has no value.", field="value")
    return Operation(op, name, item.get("value"))


def applied(operations: Sequence[Operation], image: Image) -> Image:
    for operation in operations:
        image = _one(operation, image)
    return image


def _one(operation: Operation, image: Image) -> Image:
    name = operation.name
    if name in READ_ONLY:
        raise ImageReadOnly(f"Attribute '{name}' is read-only.", field=name)
    if name in SETTABLE:
        if operation.op == "remove":
            raise ImageReadOnly(f"Attribute '{name}' may not be removed; replace it.", field=name)
        return with_attribute(image, name, operation.value)
    if operation.op != "add" and name not in image.properties:
        raise ImageStateConflict(f"Property {name} does not exist.", field=name)
    properties = {key: value for key, value in image.properties.items() if key != name}
    if operation.op != "remove":
        properties[name] = own_property(name, operation.value)
    return replace(image, properties=properties)
