"""Changes of one image in the same moment, on both engines: each is whole, and none writes another over."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from skyloom.access import Caller, Policy
from skyloom.db import Database
from skyloom.image import RULES, ImageService, ImageSettings, Visibility, errors
from skyloom.image.api.attributes import new
from skyloom.image.drivers.files import FileStore
from tests.parts.together import together

ANN = Caller(user_id="ann", project_id="blue", roles=frozenset({"member", "reader"}))
IMAGE = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def service(database: Database, tmp_path: Path) -> ImageService:
    return ImageService(database, Policy([RULES]), FileStore(tmp_path), ImageSettings(max_members=3))


def made(service: ImageService) -> str:
    document = {"id": IMAGE, "disk_format": "raw", "container_format": "bare", "visibility": "shared"}
    return service.create(ANN, new(document, "blue", service.db.clock.now())).id


def test_one_id_is_given_to_one_image(service: ImageService) -> None:
    done, refused = together(4, lambda n: made(service))
    assert len(done) == 1
    assert {type(error) for error in refused} == {errors.ImageExists}


def test_changes_side_by_side_all_count(service: ImageService) -> None:
    image_id = made(service)

    def add(number: int) -> object:
        name = f"own-{number}"
        return service.update(ANN, image_id, lambda i: replace(i, properties={**i.properties, name: "x"}))

    assert together(6, add)[1] == []
    assert set(service.get(ANN, image_id).properties) == {f"own-{number}" for number in range(6)}


def test_members_added_side_by_side_never_exceed_the_limit(service: ImageService) -> None:
    image_id = made(service)
    done, refused = together(6, lambda n: service.add_member(ANN, image_id, f"project-{n}"))
    assert len(done) == 3 == len(service.members(ANN, image_id))
    assert {type(error) for error in refused} == {errors.TooMany}


def test_data_is_uploaded_once(service: ImageService) -> None:
    image_id = made(service)
    done, refused = together(4, lambda n: service.upload(ANN, image_id, [b"bytes"], 5))
    assert len(done) == 1
    assert {type(error) for error in refused} == {errors.ImageStateConflict}
    assert service.get(ANN, image_id).visibility is Visibility.SHARED
