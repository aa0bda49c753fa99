"""What compute is handed by the assembly, and the little it asks of its neighbours' faces."""

from dataclasses import dataclass, field
from typing import Protocol

from skyloom.access import Caller, Policy
from skyloom.compute.drivers.contract import ComputeDriver
from skyloom.compute.settings import Settings
from skyloom.db import Database
from skyloom.network import ServerNetworking
from skyloom.placement import PlacementService
from skyloom.work import Work


class Image(Protocol):
    """What compute reads of an image; size in bytes."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def status(self) -> str: ...
    @property
    def disk_format(self) -> str | None: ...
    @property
    def size(self) -> int | None: ...
    @property
    def checksum(self) -> str | None: ...
    @property
    def min_disk_gib(self) -> int: ...
    @property
    def min_ram_mib(self) -> int: ...


class Images(Protocol):
    def get(self, caller: Caller, image_id: str) -> Image:
        """Raises NotFound, also for an image that the caller may not see."""
        ...


class Drivers(Protocol):
    """Host name -> the driver there, reached through its agent."""

    def __getitem__(self, host: str, /) -> ComputeDriver: ...


@dataclass(frozen=True)
class Parts:
    db: Database
    policy: Policy
    work: Work
    placement: PlacementService
    images: Images
    network: ServerNetworking
    drivers: Drivers
    settings: Settings = field(default_factory=Settings)
