"""Which host has room, and who holds it: the one place where capacity is counted, so that no host is sold twice."""

from skyloom.placement.model import DISK_GB, MEMORY_MB, VCPU, Allocation, Discrepancy, Inventory, Provider
from skyloom.placement.service import PlacementService

__all__ = ["DISK_GB", "MEMORY_MB", "VCPU", "Allocation", "Discrepancy", "Inventory", "PlacementService", "Provider"]
