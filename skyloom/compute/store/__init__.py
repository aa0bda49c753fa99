"""The SQL of compute, one module a noun; rows in, model objects out."""

from skyloom.compute.store.flavors import FlavorStore
from skyloom.compute.store.groups import GroupStore
from skyloom.compute.store.hosts import HostStore
from skyloom.compute.store.keypairs import KeyPairStore
from skyloom.compute.store.quotas import QuotaStore
from skyloom.compute.store.servers import ServerFilter, ServerStore

__all__ = ["FlavorStore", "GroupStore", "HostStore", "KeyPairStore", "QuotaStore", "ServerFilter", "ServerStore"]
