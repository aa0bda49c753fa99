"""Glance's documented calls that are not answered yet: 501, and a line of the gap table."""

from typing import Any

from skyloom.errors import NotBuilt
from skyloom.image.service import ImageService
from skyloom.web.context import Context
from skyloom.web.routes import Route

READ, WRITE = "get_images", "add_image"
NAMESPACES = "/v2/metadefs/namespaces"
NAMESPACE = f"{NAMESPACES}/{{namespace_name}}"
TYPES = f"{NAMESPACE}/resource_types"


class ImageCallNotBuilt(NotBuilt):
    code = "image.not_built"


def not_built(ctx: Context[ImageService], **at: str) -> Any:
    raise ImageCallNotBuilt("This call of the image API is not answered yet; docs/gaps.md lists what is missing.")


def _calls(path: str, methods: str) -> list[tuple[str, str, str]]:
    return [(method, path, READ if method == "GET" else WRITE) for method in methods.split()]


METADEFS = [
    *_calls(NAMESPACES, "GET POST"),
    *_calls(NAMESPACE, "GET PUT DELETE"),
    *_calls("/v2/metadefs/resource_types", "GET"),
    *_calls(TYPES, "GET POST"),
    *_calls(f"{TYPES}/{{resource_type_name}}", "DELETE"),
    *_calls(f"{NAMESPACE}/objects", "GET POST DELETE"),
    *_calls(f"{NAMESPACE}/objects/{{object_name}}", "GET PUT DELETE"),
    *_calls(f"{NAMESPACE}/properties", "GET POST DELETE"),
    *_calls(f"{NAMESPACE}/properties/{{property_name}}", "GET PUT DELETE"),
    *_calls(f"{NAMESPACE}/tags", "GET POST DELETE"),
    *_calls(f"{NAMESPACE}/tags/{{tag_name}}", "GET POST PUT DELETE"),
]
NOT_BUILT = [
    Route(method, path, not_built, policy)
    for method, path, policy in (
        ("PUT", "/v2/images/{image_id}/stage", "upload_image"),
        ("POST", "/v2/images/{image_id}/import", "modify_image"),
        ("GET", "/v2/images/{image_id}/locations", "get_image"),
        ("POST", "/v2/images/{image_id}/locations", "modify_image"),
        ("GET", "/v2/images/{image_id}/tasks", "get_image"),
        ("DELETE", "/v2/stores/{store_id}/{image_id}", "delete_image"),
        *_calls("/v2/tasks", "GET POST"),
        *_calls("/v2/tasks/{task_id}", "GET"),
        ("GET", "/v2/schemas/task", "get_image_schemas"),
        ("GET", "/v2/schemas/tasks", "get_image_schemas"),
        ("GET", "/v2/info/stores/detail", "get_image_schemas"),
        ("GET", "/v2/info/usage", "get_images"),
        ("GET", "/v2/schemas/metadefs/{schema_name}", "get_image_schemas"),
        *METADEFS,
        *_calls("/v2/cache", "GET DELETE"),
        *_calls("/v2/cache/{image_id}", "PUT DELETE"),
    )
]
