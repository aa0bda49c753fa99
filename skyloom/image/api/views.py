"""The forms in which Glance's API shows images and members."""

from datetime import datetime
from typing import Any

from skyloom.image.model import Image, Member


def image(shown: Image) -> dict[str, Any]:
    return {
        **shown.properties,
        "id": shown.id,
        "name": shown.name,
        "status": shown.status,
        "visibility": shown.visibility,
        "protected": shown.protected,
        "os_hidden": shown.hidden,
        "owner": shown.owner,
        "disk_format": shown.disk_format,
        "container_format": shown.container_format,
        "min_disk": shown.min_disk_gib,
        "min_ram": shown.min_ram_mib,
        "size": shown.size,
        "virtual_size": shown.virtual_size,
        "checksum": shown.checksum,
        "os_hash_algo": "sha512" if shown.hash_value else None,
        "os_hash_value": shown.hash_value,
        "tags": list(shown.tags),
        "created_at": time(shown.created_at),
        "updated_at": time(shown.updated_at),
        "self": f"/v2/images/{shown.id}",
        "file": f"/v2/images/{shown.id}/file",
        "schema": "/v2/schemas/image",
    }


def member(shown: Member) -> dict[str, Any]:
    return {
        "image_id": shown.image_id,
        "member_id": shown.member_id,
        "status": shown.status.value,
        "created_at": time(shown.created_at),
        "updated_at": time(shown.updated_at),
        "schema": "/v2/schemas/member",
    }


def time(at: datetime) -> str:
    return f"{at.isoformat()[:19]}Z"
