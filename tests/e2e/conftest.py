"""Whole clouds for these tests, each started by the command; what a killed run left goes first."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skyloom.guest import TinyImage
from tests.parts.guests import Guests
from tests.parts.whole_cloud import WholeCloud, folder_of_run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """OpenStack's SDK warns of its own plans; our warnings stay errors."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in ("OpenStackWarning", "RemovedInSDK50Warning", "RemovedInSDK60Warning"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::openstack.warnings.{warning}"))


@pytest.fixture(scope="session")
def run_folder() -> Iterator[Path]:
    with folder_of_run() as folder:
        yield folder


@pytest.fixture(scope="session")
def clouds(run_folder: Path) -> Iterator[Callable[..., WholeCloud]]:
    """Makes clouds that are gone, with nothing left, when the tests end."""
    made: list[WholeCloud] = []

    def make(name: str, *options: str) -> WholeCloud:
        cloud = WholeCloud(run_folder / name, *options)
        made.append(cloud)
        return cloud

    yield make
    for cloud in made:
        cloud.close()
        assert cloud.leftovers() == []


@pytest.fixture(scope="session")
def simulated(clouds: Callable[..., WholeCloud]) -> WholeCloud:
    """Three simulated hosts; tests keep to names of their own."""
    cloud = clouds("simulated", "--hypervisor", "simulated", "--hosts", "3")
    cloud.up()
    return cloud


@pytest.fixture(scope="session")
def real(clouds: Callable[..., WholeCloud], tiny_image: TinyImage) -> WholeCloud:
    """QEMU and OVN, with the tiny guest as the public image `tiny`."""
    cloud = clouds("real", "--hypervisor", "qemu", "--network", "ovn")
    cloud.up()
    cloud.connect("skyloom-admin").image.create_image(
        name="tiny",
        data=tiny_image.qcow2.read_bytes(),
        disk_format="qcow2",
        container_format="bare",
        visibility="public",
        wait=True,
    )
    return cloud


@pytest.fixture(scope="session")
def guests(real: WholeCloud) -> Guests:
    """Built once, since each boot costs ten seconds of a processor."""
    return Guests.make(real)
