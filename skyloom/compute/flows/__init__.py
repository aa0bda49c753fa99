"""Operations on servers that take time, one file each."""

from skyloom.compute.flows.create_server import CreateFrame, CreateServer
from skyloom.compute.flows.delete_server import DeleteServer
from skyloom.compute.flows.frame import ServerFrame
from skyloom.compute.flows.power import PowerFrame, RebootServer, StartServer, StopServer

__all__ = [
    "CreateFrame",
    "CreateServer",
    "DeleteServer",
    "PowerFrame",
    "RebootServer",
    "ServerFrame",
    "StartServer",
    "StopServer",
]
