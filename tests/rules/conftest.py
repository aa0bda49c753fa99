"""One walk through the whole cloud, that many rules look at."""

from collections.abc import Iterator

import pytest

from tests.cloud import Cloud
from tests.parts.databases import postgres_server  # noqa: F401
from tests.rules import walks
from tests.rules.walk import Record, Walker


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    yield cloud
    cloud.close()


@pytest.fixture(scope="session")
def walked(cloud: Cloud) -> Record:
    walker = Walker(cloud)
    for walk in walks.ALL:
        walker.walk(walk)
    walker.try_the_rest()
    return walker.record
