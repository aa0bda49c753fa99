"""Glance's v2 API under /image."""

from typing import Any

from skyloom.errors import NotBuilt, OverLimit
from skyloom.image.api import discovery, files, images, relations
from skyloom.image.api.files import RangeInvalid
from skyloom.image.service import ImageService
from skyloom.web.context import Context
from skyloom.web.errors import image_form
from skyloom.web.routes import Api, Route

ROUTES: list[Route] = [*discovery.ROUTES, *images.ROUTES, *files.ROUTES, *relations.ROUTES]


class ImageCallNotBuilt(NotBuilt):
    code = "image.not_built"


def not_built(ctx: Context[ImageService], **at: str) -> Any:
    raise ImageCallNotBuilt("This call of the image API is not answered yet; docs/gaps.md lists what is missing.")


NOT_BUILT = [
    Route(method, path, not_built, policy)
    for method, path, policy in (
        ("PUT", "/v2/images/{image_id}/stage", "upload_image"),
        ("POST", "/v2/images/{image_id}/import", "modify_image"),
        ("GET", "/v2/images/{image_id}/locations", "get_image"),
        ("POST", "/v2/images/{image_id}/locations", "modify_image"),
        ("GET", "/v2/images/{image_id}/tasks", "get_image"),
        ("DELETE", "/v2/stores/{store_id}/{image_id}", "delete_image"),
        ("GET", "/v2/tasks", "get_images"),
        ("POST", "/v2/tasks", "add_image"),
        ("GET", "/v2/tasks/{task_id}", "get_images"),
        ("GET", "/v2/info/stores/detail", "get_image_schemas"),
        ("GET", "/v2/info/usage", "get_images"),
        ("GET", "/v2/metadefs/namespaces", "get_images"),
        ("POST", "/v2/metadefs/namespaces", "add_image"),
        ("GET", "/v2/cache", "get_images"),
    )
]


def api(service: ImageService) -> Api:
    statuses = {OverLimit: 413, RangeInvalid: 416}
    return Api(
        "image",
        "/image",
        ROUTES,
        service,
        image_form,
        statuses=statuses,
        not_built=NOT_BUILT,
        is_slash_significant=True,
    )
