"""The bytes of images: /v2/images/{id}/file"""

import re

from skyloom.errors import BadRequest, UnsupportedMedia
from skyloom.image.service import ImageService
from skyloom.web.context import Context
from skyloom.web.http import Reply
from skyloom.web.routes import Route

Ctx = Context[ImageService]
RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


class DataMedia(UnsupportedMedia):
    code = "image.data_media"


class RangeInvalid(BadRequest):
    """Status 416 in the API."""

    code = "image.range_invalid"


def upload(ctx: Ctx, image_id: str) -> None:
    media = ctx.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/octet-stream":
        raise DataMedia(f"The body's Content-Type is {media or 'missing'}; image data is application/octet-stream.")
    body = ctx.request.body
    ctx.service.upload(ctx.caller, image_id, body.chunks(), body.content_length)


def download(ctx: Ctx, image_id: str) -> Reply:
    image = ctx.service.download(ctx.caller, image_id)
    if image.size is None:
        return Reply(204)
    start, length = _range(ctx, image.size)
    headers = [("Content-Type", "application/octet-stream"), ("Content-Length", str(length))]
    if image.checksum is not None and length == image.size:
        headers.append(("Content-MD5", image.checksum))
    if length != image.size:
        headers.append(("Content-Range", f"bytes {start}-{start + length - 1}/{image.size}"))
    status = 200 if length == image.size else 206
    return Reply(status, headers, ctx.service.read(image_id, start, length))


def _range(ctx: Ctx, size: int) -> tuple[int, int]:
    asked = ctx.request.headers.get("range")
    if asked is None:
        return 0, size
    found = RANGE.fullmatch(asked.strip())
    if found is None or found[1] == found[2] == "":
        raise RangeInvalid(f"The range {asked} cannot be read; use bytes=FIRST-LAST.", field="Range")
    if found[1] == "":
        length = min(int(found[2]), size)
        return size - length, length
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if first > last:
        raise RangeInvalid(f"The range {asked} is outside of the image's {size} bytes.", field="Range")
    return first, last - first + 1


ROUTES = [
    Route("PUT", "/v2/images/{image_id}/file", upload, "upload_image", status=204),
    Route("GET", "/v2/images/{image_id}/file", download, "download_image"),
]
