"""Images shared with other projects."""

from tests.api.image.conftest import Images


def test_a_member_sees_the_image_in_its_list_once_it_accepted(images: Images) -> None:
    image_id = images.uploaded()
    members = f"/image/v2/images/{image_id}/members"
    assert images.shown(image_id, "bob").status == 404
    assert images.client("POST", members, "ann", {"member": "red"}).json["status"] == "pending"
    assert images.shown(image_id, "bob").status == 200
    assert images.client("GET", "/image/v2/images", "bob").json["images"] == []
    assert images.client("PUT", f"{members}/red", "bob", {"status": "accepted"}).status == 200
    assert [image["id"] for image in images.client("GET", "/image/v2/images", "bob").json["images"]] == [image_id]
    assert images.client("GET", f"/image/v2/images/{image_id}/file", "bob").body == b"disk"


def test_only_the_owner_adds_and_removes_members(images: Images) -> None:
    image_id = images.uploaded()
    members = f"/image/v2/images/{image_id}/members"
    images.client("POST", members, "ann", {"member": "red"})
    assert images.client("POST", members, "ann", {"member": "red"}).status == 409
    assert images.client("POST", members, "bob", {"member": "green"}).status == 403
    assert images.client("DELETE", f"{members}/red", "bob").status == 403
    assert images.client("PUT", f"{members}/red", "ann", {"status": "accepted"}).status == 403
    assert images.client("DELETE", f"{members}/red", "ann").status == 204
    assert images.client("DELETE", f"{members}/red", "ann").status == 404


def test_tags_are_added_and_removed(images: Images) -> None:
    image_id = images.made()
    assert images.client("PUT", f"/image/v2/images/{image_id}/tags/fast", "ann").status == 204
    assert images.shown(image_id).json["tags"] == ["fast"]
    assert images.client("DELETE", f"/image/v2/images/{image_id}/tags/fast", "ann").status == 204
    assert images.client("DELETE", f"/image/v2/images/{image_id}/tags/fast", "ann").status == 404
