"""Errors of the image service."""

from skyloom.errors import BadRequest, Conflict, Forbidden, Gone, NotFound, OverLimit, TooLarge


class ImageNotFound(NotFound):
    code = "image.not_found"

    def __init__(self, image_id: str):
        super().__init__(f"Failed to find image {image_id}", image=image_id)


class ImageInvalid(BadRequest):
    code = "image.invalid"


class ImageExists(Conflict):
    code = "image.exists"


class ImageStateConflict(Conflict):
    """What is asked does not fit the image's status."""

    code = "image.state"


class ImageProtected(Forbidden):
    code = "image.protected"


class ImageReadOnly(Forbidden):
    """An attribute that only the service itself sets."""

    code = "image.read_only"


class ImageDeactivated(Forbidden):
    code = "image.deactivated"


class ImageDeletedMeanwhile(Gone):
    code = "image.deleted_meanwhile"


class TooBig(TooLarge):
    code = "image.too_big"


class StorageFull(TooLarge):
    code = "image.storage_full"


class TooMany(OverLimit):
    code = "image.too_many"


class MemberNotFound(NotFound):
    code = "image.member_not_found"


class MemberExists(Conflict):
    code = "image.member_exists"


class TagNotFound(NotFound):
    code = "image.tag_not_found"
