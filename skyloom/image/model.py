"""The nouns of the image service."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from skyloom.states import Moves

DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "ploop", "iso")
CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")


class ImageStatus(StrEnum):
    QUEUED = "queued"
    SAVING = "saving"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"


MOVES = Moves(
    {
        ImageStatus.QUEUED: {ImageStatus.SAVING},
        ImageStatus.SAVING: {ImageStatus.QUEUED, ImageStatus.ACTIVE},
        ImageStatus.ACTIVE: {ImageStatus.DEACTIVATED},
        ImageStatus.DEACTIVATED: {ImageStatus.ACTIVE},
    }
)


class Visibility(StrEnum):
    PRIVATE = "private"
    SHARED = "shared"
    COMMUNITY = "community"
    PUBLIC = "public"


class MemberStatus(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Image(Struct, frozen=True):
    """`size` and `virtual_size` in bytes, None before the upload; `checksum` md5, `hash_value` sha512, both hex.

    `properties` are the user's own, all of them text. `owner` is a project.
    """

    id: str
    name: str | None
    owner: str | None
    status: ImageStatus
    visibility: Visibility
    protected: bool
    hidden: bool
    disk_format: str | None
    container_format: str | None
    min_disk_gib: int
    min_ram_mib: int
    size: int | None
    virtual_size: int | None
    checksum: str | None
    hash_value: str | None
    created_at: datetime
    updated_at: datetime
    properties: Mapping[str, str]
    tags: tuple[str, ...] = ()


class Member(Struct, frozen=True):
    """A project with which a shared image is shared."""

    image_id: str
    member_id: str
    status: MemberStatus
    created_at: datetime
    updated_at: datetime
