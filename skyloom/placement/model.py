"""Nouns of placement. Amounts are whole numbers in the unit of their resource class (VCPU, MEMORY_MB, DISK_GB)."""

from dataclasses import dataclass

from msgspec import Struct

VCPU = "VCPU"
MEMORY_MB = "MEMORY_MB"
DISK_GB = "DISK_GB"
MAX_UNIT = 2**31 - 1


class Inventory(Struct, frozen=True):
    """What a provider has of one resource class; `used` is the sum of what is allocated of it."""

    resource_class: str
    total: int
    reserved: int = 0
    allocation_ratio: float = 1.0
    min_unit: int = 1
    max_unit: int = MAX_UNIT
    step_size: int = 1
    used: int = 0

    @property
    def capacity(self) -> int:
        return int((self.total - self.reserved) * self.allocation_ratio)

    def takes(self, amount: int) -> bool:
        """Whether one consumer may ask for `amount` and it is free now."""
        fits = self.min_unit <= amount <= self.max_unit and amount % self.step_size == 0
        return fits and self.used + amount <= self.capacity


@dataclass(frozen=True, slots=True)
class Provider:
    id: str
    name: str
    generation: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one consumer holds of one provider, by resource class."""

    consumer_id: str
    provider_id: str
    provider: str
    resources: dict[str, int]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A counter that is not the sum of its allocations."""

    provider: str
    resource_class: str
    counted: int
    allocated: int
