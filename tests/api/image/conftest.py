from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from skyloom import image
from skyloom.access import Policy
from skyloom.db import Database, metadata
from skyloom.image.api import api
from skyloom.image.drivers.files import FileStore
from skyloom.image.reconcile import ImageReconciler
from tests.api.client import Answer, Client, person

DATA = {"content-type": "application/octet-stream"}


@dataclass
class Images:
    """The image API with two projects, an admin and a reader."""

    client: Client
    service: image.ImageService
    store: FileStore
    reconciler: ImageReconciler

    def made(self, who: str = "ann", **attributes: object) -> str:
        wanted = {"name": "tiny", "disk_format": "raw", "container_format": "bare", **attributes}
        answer = self.client("POST", "/image/v2/images", who, wanted)
        assert answer.status == 201, answer.body
        return str(answer.json["id"])

    def uploaded(self, data: bytes = b"disk", **attributes: object) -> str:
        image_id = self.made(**attributes)
        assert self.upload(image_id, data).status == 204
        return image_id

    def upload(self, image_id: str, data: bytes, who: str = "ann") -> Answer:
        return self.client("PUT", f"/image/v2/images/{image_id}/file", who, data, DATA)

    def shown(self, image_id: str, who: str = "ann") -> Answer:
        return self.client("GET", f"/image/v2/images/{image_id}", who)


@pytest.fixture
def images(tmp_path: Path) -> Iterator[Images]:
    db = Database(f"sqlite:///{tmp_path}/cloud.db")
    metadata.create_all(db.engine)
    store = FileStore(tmp_path / "images")
    service = image.ImageService(db, Policy([image.RULES]), store, image.ImageSettings())
    people = {
        "ann": person("blue", "member"),
        "bob": person("red", "member"),
        "rita": person("blue", "reader"),
        "root": person("admin", "admin"),
    }
    yield Images(Client([api(service)], people), service, store, ImageReconciler(service))
    db.close()
