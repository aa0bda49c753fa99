"""The agent protocol: how the core reaches a host, and the process on a host that serves it."""

from skyloom.agent.agent import Agent
from skyloom.agent.heartbeat import Heartbeat
from skyloom.agent.host_client import Hosts, RemoteHost, hear_hosts
from skyloom.agent.image_source import BusImageSource, ImageIncomplete, serve_images
from skyloom.agent.metadata import MetadataSource, serve_metadata
from skyloom.agent.protocol import (
    HostAlive,
    HostDescription,
    HostFailed,
    ImagePart,
    MetadataAnswer,
    MetadataGet,
    UnknownVerb,
    UnusableRequest,
)

__all__ = [
    "Agent",
    "BusImageSource",
    "Heartbeat",
    "HostAlive",
    "HostDescription",
    "HostFailed",
    "Hosts",
    "ImageIncomplete",
    "ImagePart",
    "MetadataAnswer",
    "MetadataGet",
    "MetadataSource",
    "RemoteHost",
    "UnknownVerb",
    "UnusableRequest",
    "hear_hosts",
    "serve_images",
    "serve_metadata",
]
