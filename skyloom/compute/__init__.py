"""The compute domain (Nova's API v2.1). Other domains import from here only."""

from skyloom.compute.compute import ComputeService
from skyloom.compute.model import Flavor, Host, KeyPair, Server
from skyloom.compute.parts import Parts
from skyloom.compute.settings import Settings

__all__ = ["ComputeService", "Flavor", "Host", "KeyPair", "Parts", "Server", "Settings"]
