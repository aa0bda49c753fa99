"""Images: made, filled, shared, tagged, changed, switched off and on, deleted."""

from tests.rules.walk import Call, Walk

IMAGE = "/v2/images/{image_id}"
BYTES = {"content-type": "application/octet-stream"}
PATCH = {"content-type": "application/openstack-images-v2.1-json-patch"}
SCHEMAS = ("image", "images", "member", "members")

FIRST = Walk(
    "image",
    [
        Call("GET /", status=300),
        Call("GET /versions"),
        *[Call(f"GET /v2/schemas/{name}") for name in SCHEMAS],
        Call("GET /v2/info/import"),
        Call("GET /v2/info/stores"),
        Call(
            "POST /v2/images",
            {"name": "walk", "disk_format": "raw", "container_format": "bare", "tags": ["first"]},
            {"image_id": "id"},
        ),
        Call(f"PUT {IMAGE}/file", b"the bytes of a disk", headers=BYTES),
        Call(f"GET {IMAGE}/file"),
        Call("GET /v2/images"),
        Call(f"GET {IMAGE}"),
        Call(f"PATCH {IMAGE}", [{"op": "replace", "path": "/name", "value": "walked"}], headers=PATCH),
        Call(f"PUT {IMAGE}/tags/{{tag}}", at={"tag": "second"}),
        Call(f"DELETE {IMAGE}/tags/{{tag}}", at={"tag": "second"}),
        Call(f"POST {IMAGE}/members", {"member": "{admin_project}"}),
        Call(f"GET {IMAGE}/members"),
        Call(f"GET {IMAGE}/members/{{member_id}}", at={"member_id": "{admin_project}"}),
        Call(
            f"PUT {IMAGE}/members/{{member_id}}",
            {"status": "accepted"},
            at={"member_id": "{admin_project}"},
            who="admin",
        ),
        Call(f"DELETE {IMAGE}/members/{{member_id}}", at={"member_id": "{admin_project}"}),
        Call(f"POST {IMAGE}/actions/deactivate"),
        Call(f"POST {IMAGE}/actions/reactivate"),
    ],
)
LAST = Walk("image", [Call(f"DELETE {IMAGE}")])
