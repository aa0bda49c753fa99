"""What an operator may turn in the image service."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """`upload_lease_s`: an upload that has not moved for so long counts as dead, and its image is queued again."""

    max_image_bytes: int = 1 << 40
    max_properties: int = 128
    max_tags: int = 128
    max_members: int = 128
    upload_lease_s: float = 60.0
