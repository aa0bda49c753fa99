"""Records of images: create, show, list, change, delete."""

import pytest

from tests.api.image.conftest import Images

PATCH = {"content-type": "application/openstack-images-v2.1-json-patch"}


def test_a_new_image_is_queued_and_shared(images: Images) -> None:
    image_id = images.made(colour="blue", tags=["b", "a", "a"])
    shown = images.shown(image_id).json
    assert (shown["status"], shown["visibility"], shown["owner"]) == ("queued", "shared", "blue")
    assert (shown["colour"], shown["tags"], shown["size"]) == ("blue", ["a", "b"], None)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"disk_format": "floppy"}, "disk_format"),
        ({"min_ram": -1}, "min_ram"),
        ({"min_disk": "big"}, "min_disk"),
        ({"name": "x" * 256}, "name"),
        ({"visibility": "hidden"}, "visibility"),
        ({"id": "not-a-uuid"}, "id"),
        ({"colour": 5}, "colour"),
        ({"protected": "maybe"}, "protected"),
    ],
)
def test_bad_input_names_the_field_and_writes_nothing(images: Images, document: dict[str, object], field: str) -> None:
    answer = images.client("POST", "/image/v2/images", "ann", document, {"accept": "application/json"})
    assert answer.status == 400
    assert field in answer.json["message"]
    assert images.client("GET", "/image/v2/images", "root").json["images"] == []


def test_read_only_attributes_cannot_be_set(images: Images) -> None:
    assert images.client("POST", "/image/v2/images", "ann", {"status": "active"}).status == 403


def test_a_used_id_is_a_conflict(images: Images) -> None:
    image_id = images.made()
    assert images.client("POST", "/image/v2/images", "ann", {"id": image_id}).status == 409


def test_another_project_does_not_see_a_private_image(images: Images) -> None:
    image_id = images.made(visibility="private")
    assert images.shown(image_id, "bob").status == 404
    assert images.client("DELETE", f"/image/v2/images/{image_id}", "bob").status == 404
    assert images.client("GET", "/image/v2/images", "bob").json["images"] == []
    assert images.shown(image_id, "rita").status == 200


def test_a_reader_writes_nothing(images: Images) -> None:
    image_id = images.made()
    assert images.client("POST", "/image/v2/images", "rita", {"name": "x"}).status == 403
    assert images.client("DELETE", f"/image/v2/images/{image_id}", "rita").status == 403
    assert images.upload(image_id, b"x", "rita").status == 403


def test_only_an_admin_makes_an_image_public(images: Images) -> None:
    assert images.client("POST", "/image/v2/images", "ann", {"visibility": "public"}).status == 403
    image_id = images.made("root", visibility="public")
    assert images.shown(image_id, "bob").status == 200


def test_a_patch_adds_replaces_and_removes(images: Images) -> None:
    image_id = images.made(colour="blue", shape="round")
    url = f"/image/v2/images/{image_id}"
    change = [
        {"op": "replace", "path": "/name", "value": "new"},
        {"op": "add", "path": "/taste", "value": "sweet"},
        {"op": "remove", "path": "/colour"},
        {"op": "replace", "path": "/tags", "value": ["t"]},
    ]
    answer = images.client("PATCH", url, "ann", change, PATCH)
    assert answer.status == 200
    shown = images.shown(image_id).json
    assert (shown["name"], shown["taste"], shown["tags"], shown["shape"]) == ("new", "sweet", ["t"], "round")
    assert "colour" not in shown


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ([{"op": "replace", "path": "/size", "value": 5}], 403),
        ([{"op": "remove", "path": "/name"}], 403),
        ([{"op": "remove", "path": "/nothing"}], 409),
        ([{"op": "move", "path": "/name", "value": "x"}], 400),
        ([{"op": "add", "path": "name", "value": "x"}], 400),
        ([{"op": "add", "path": "/a/b", "value": "x"}], 400),
        ([{"op": "add", "path": "/a"}], 400),
        ({"op": "add"}, 400),
    ],
)
def test_a_bad_patch_changes_nothing(images: Images, change: object, status: int) -> None:
    image_id = images.made()
    before = images.shown(image_id).json
    assert images.client("PATCH", f"/image/v2/images/{image_id}", "ann", change, PATCH).status == status
    assert images.shown(image_id).json == before


def test_a_patch_needs_its_media_type(images: Images) -> None:
    assert images.client("PATCH", f"/image/v2/images/{images.made()}", "ann", []).status == 415


def test_a_protected_image_is_not_deleted(images: Images) -> None:
    image_id = images.made(protected=True)
    assert images.client("DELETE", f"/image/v2/images/{image_id}", "ann").status == 403
    assert images.shown(image_id).status == 200


def test_lists_are_paged_by_marker(images: Images) -> None:
    made = [images.made(name=f"n{number}") for number in range(5)]
    first = images.client("GET", "/image/v2/images?limit=2&sort=name:asc", "ann").json
    assert [image["id"] for image in first["images"]] == made[:2]
    second = images.client("GET", f"/image{first['next']}", "ann").json
    third = images.client("GET", f"/image{second['next']}", "ann").json
    assert [image["id"] for image in second["images"] + third["images"]] == made[2:]
    assert "next" not in third


def test_lists_are_filtered(images: Images) -> None:
    a, b = images.made(name="a", colour="blue", tags=["x"]), images.made(name="b", disk_format="qcow2")

    def found(query: str) -> list[str]:
        return [image["id"] for image in images.client("GET", f"/image/v2/images?{query}", "ann").json["images"]]

    assert found("name=a") == [a]
    assert sorted(found("name=in:a,b")) == sorted([a, b])
    assert found("disk_format=qcow2") == [b]
    assert found("colour=blue") == [a]
    assert found("tag=x") == [a]
    assert found("status=active") == []
    assert found("visibility=public") == []


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "sort=taste", "sort=name:up", "visibility=x", "created_at=z"])
def test_a_bad_query_is_refused(images: Images, query: str) -> None:
    assert images.client("GET", f"/image/v2/images?{query}", "ann").status == 400


def test_an_unknown_marker_is_not_found(images: Images) -> None:
    assert images.client("GET", "/image/v2/images?marker=nothing", "ann").status == 404


def test_an_image_without_an_id_is_not_found(images: Images) -> None:
    assert images.client("GET", "/image/v2/images/", "ann").status == 404
    assert images.client("DELETE", "/image/v2/images/", "ann").status == 404
