"""Attributes of an image as the API names them: what each may hold, and images made or changed from them."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from skyloom.image.errors import ImageInvalid, ImageReadOnly
from skyloom.image.model import CONTAINER_FORMATS, DISK_FORMATS, Image, ImageStatus, Visibility

Text = Annotated[str, msgspec.Meta(max_length=255)]
Whole = Annotated[int, msgspec.Meta(ge=0, le=2147483647)]


@dataclass(frozen=True, slots=True)
class Attribute:
    """`field` is the model's name for it. `words`: the only values it takes."""

    field: str
    kind: Any
    words: tuple[str, ...] = ()
    default: Any = None


SETTABLE: Mapping[str, Attribute] = {
    "name": Attribute("name", Text | None),
    "visibility": Attribute("visibility", str, tuple(Visibility), Visibility.SHARED),
    "protected": Attribute("protected", bool, default=False),
    "os_hidden": Attribute("hidden", bool, default=False),
    "owner": Attribute("owner", Text | None),
    "disk_format": Attribute("disk_format", str | None, DISK_FORMATS),
    "container_format": Attribute("container_format", str | None, CONTAINER_FORMATS),
    "min_disk": Attribute("min_disk_gib", Whole, default=0),
    "min_ram": Attribute("min_ram_mib", Whole, default=0),
    "tags": Attribute("tags", list[Text], default=()),
}
READ_ONLY = frozenset(
    {
        *("id", "status", "created_at", "updated_at", "size", "virtual_size", "checksum", "self", "file", "schema"),
        *("direct_url", "os_hash_algo", "os_hash_value", "stores"),
    }
)
RESERVED = re.compile(r"^os_glance")


def value(name: str, given: Any) -> Any:
    """The model's value of a settable attribute; raises ImageInvalid with the attribute's name."""
    attribute = SETTABLE[name]
    try:
        found = msgspec.convert(given, attribute.kind)
    except msgspec.ValidationError as error:
        rule = str(error).replace("`", "'")
        raise ImageInvalid(
            f"Invalid value for the attribute {name}: {rule[0].lower()}{rule[1:]}.", field=name
        ) from error
    if attribute.words and found is not None and found not in attribute.words:
        choices = ", ".join(attribute.words)
        raise ImageInvalid(f"Invalid value '{found}' for the attribute {name}: it takes {choices}.", field=name)
    if name == "visibility":
        return Visibility(found)
    if name == "tags":
        return tuple(sorted(set(found)))
    return found


def own_property(name: str, given: Any) -> str:
    """The value of one of the user's own properties."""
    if RESERVED.match(name):
        raise ImageReadOnly(f"Attribute '{name}' is reserved.", field=name)
    if not 0 < len(name) <= 255:
        raise ImageInvalid("The name of a property has 1 to 255 characters.", field=name)
    if not isinstance(given, str):
        raise ImageInvalid(f"Invalid value for the property {name}: it takes a string.", field=name)
    if len(given) > 65535:
        raise ImageInvalid(f"The value of the property {name} is longer than 65535 characters.", field=name)
    return given


def new(document: Mapping[str, Any], project: str | None, now: datetime) -> Image:
    values: dict[str, Any] = {attribute.field: attribute.default for attribute in SETTABLE.values()}
    values["owner"] = project
    properties = {}
    for name, given in document.items():
        if name == "id":
            values["id"] = _id(given)
        elif name in READ_ONLY:
            raise ImageReadOnly(f"Attribute '{name}' is read-only.", field=name)
        elif name in SETTABLE:
            values[SETTABLE[name].field] = value(name, given)
        else:
            properties[name] = own_property(name, given)
    values.setdefault("id", str(uuid.uuid4()))
    return Image(
        **values,
        status=ImageStatus.QUEUED,
        size=None,
        virtual_size=None,
        checksum=None,
        hash_value=None,
        created_at=now,
        updated_at=now,
        properties=properties,
    )


def with_attribute(image: Image, name: str, given: Any) -> Image:
    field = SETTABLE[name].field
    return replace(image, **{field: value(name, given)})


UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _id(given: Any) -> str:
    if not isinstance(given, str) or not UUID.fullmatch(given):
        raise ImageInvalid("Invalid value for the attribute id: it takes a UUID.", field="id")
    return given.lower()
