"""The bytes of images: up, down, and everything that can go wrong between."""

import errno
import hashlib
from collections.abc import Iterable, Iterator
from datetime import timedelta

from skyloom.db.types import EPOCH
from skyloom.image.drivers.contract import Stored
from skyloom.image.drivers.files import FileStore
from skyloom.web.http import BodyCut
from tests.api.image.conftest import DATA, Images


def test_uploaded_bytes_come_back_with_their_digests(images: Images) -> None:
    data = bytes(range(256)) * 5000
    image_id = images.uploaded(data)
    shown = images.shown(image_id).json
    assert (shown["status"], shown["size"], shown["virtual_size"]) == ("active", len(data), len(data))
    assert shown["checksum"] == hashlib.md5(data).hexdigest()
    assert shown["os_hash_value"] == hashlib.sha512(data).hexdigest()
    answer = images.client("GET", f"/image/v2/images/{image_id}/file", "ann")
    assert (answer.body, answer.headers["Content-MD5"]) == (data, shown["checksum"])


def test_a_range_is_given_alone(images: Images) -> None:
    image_id = images.uploaded(b"0123456789")
    url = f"/image/v2/images/{image_id}/file"
    answer = images.client("GET", url, "ann", headers={"range": "bytes=2-4"})
    assert (answer.status, answer.body, answer.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    assert images.client("GET", url, "ann", headers={"range": "bytes=-3"}).body == b"789"
    assert images.client("GET", url, "ann", headers={"range": "bytes=10-"}).status == 416


def test_an_image_without_data_answers_204(images: Images) -> None:
    assert images.client("GET", f"/image/v2/images/{images.made()}/file", "ann").status == 204


def test_data_is_uploaded_once_only(images: Images) -> None:
    image_id = images.uploaded(b"first")
    assert images.upload(image_id, b"second").status == 409
    assert images.client("GET", f"/image/v2/images/{image_id}/file", "ann").body == b"first"


def test_data_needs_formats_and_the_right_media_type(images: Images) -> None:
    answer = images.client("POST", "/image/v2/images", "ann", {"name": "bare"})
    assert images.upload(answer.json["id"], b"x").status == 400
    image_id = images.made()
    assert images.client("PUT", f"/image/v2/images/{image_id}/file", "ann", b"x").status == 415
    assert images.shown(image_id).json["status"] == "queued"


def test_a_truncated_upload_leaves_the_image_queued_and_no_file(images: Images) -> None:
    image_id = images.made()

    def cut() -> Iterator[bytes]:
        yield b"half"
        raise BodyCut("The connection ended before the body was whole.")

    answer = images.client("PUT", f"/image/v2/images/{image_id}/file", "ann", headers=DATA, chunks=cut(), announced=8)
    assert answer.status == 400
    assert images.shown(image_id).json["status"] == "queued"
    assert list(images.store.folder.iterdir()) == []
    assert images.upload(image_id, b"whole").status == 204


class FullDisk(FileStore):
    """A disk that has room for one chunk."""

    def put(self, image_id: str, chunks: Iterable[bytes], limit_bytes: int) -> Stored:
        def until_full() -> Iterator[bytes]:
            for number, chunk in enumerate(chunks):
                if number == 1:
                    raise OSError(errno.ENOSPC, "No space left on device")
                yield chunk

        return super().put(image_id, until_full(), limit_bytes)


def test_a_full_disk_is_told_and_leaves_nothing(images: Images) -> None:
    images.service.bytes = FullDisk(images.store.folder)
    image_id = images.made()
    url = f"/image/v2/images/{image_id}/file"
    answer = images.client("PUT", url, "ann", headers=DATA, chunks=[b"one", b"two"], announced=6)
    assert answer.status == 413
    assert images.shown(image_id).json["status"] == "queued"
    assert list(images.store.folder.iterdir()) == []


def test_deleting_an_image_removes_its_bytes(images: Images) -> None:
    image_id = images.uploaded()
    assert images.client("DELETE", f"/image/v2/images/{image_id}", "ann").status == 204
    images.reconciler.pass_once()
    assert images.store.list() == []
    assert images.shown(image_id).status == 404


def test_an_image_deleted_during_its_upload_leaves_nothing(images: Images) -> None:
    image_id = images.made()

    def chunks() -> Iterator[bytes]:
        yield b"one"
        assert images.client("DELETE", f"/image/v2/images/{image_id}", "ann").status == 204
        yield b"two"

    url = f"/image/v2/images/{image_id}/file"
    assert images.client("PUT", url, "ann", headers=DATA, chunks=chunks(), announced=6).status == 410
    images.reconciler.pass_once()
    assert images.store.list() == []


def test_an_upload_whose_process_died_is_queued_again(images: Images) -> None:
    image_id = images.made()
    from skyloom.access import SYSTEM

    with images.service.db.begin(SYSTEM) as tx:
        assert images.service.rows.begin_upload(tx, image_id, "dead", EPOCH + timedelta(days=1))
    assert images.shown(image_id).json["status"] == "saving"
    images.reconciler.pass_once()
    assert images.shown(image_id).json["status"] == "queued"


def test_a_deactivated_image_is_given_to_admins_only(images: Images) -> None:
    image_id = images.uploaded()
    assert images.client("POST", f"/image/v2/images/{image_id}/actions/deactivate", "ann").status == 204
    assert images.client("GET", f"/image/v2/images/{image_id}/file", "ann").status == 403
    assert images.client("GET", f"/image/v2/images/{image_id}/file", "root").status == 200
    assert images.client("POST", f"/image/v2/images/{image_id}/actions/reactivate", "ann").status == 204
    assert images.client("GET", f"/image/v2/images/{image_id}/file", "ann").status == 200
