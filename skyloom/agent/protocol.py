"""The agent protocol: all that the core and a host say to each other, in one process as between machines.

    host.NAME.VERB                   the core asks a host: the verbs of ComputeDriver, and `describe`
    core.host.NAME.alive             a host tells that it is there
    core.host.NAME.image.read        a host fetches a part of an image
    core.host.NAME.metadata.get      a host asks on behalf of a guest

Bodies are msgpack maps. Every request carries the protocol's number; fields that the reader does not know are ignored
and new fields have defaults, so that cores and hosts of two versions work together while a cloud is upgraded. Errors
travel as code, sentence and details. A host may be taken over: the core believes its name from the subject alone, and
takes no error class from it but those listed here.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

from skyloom.bus import Bus, HandlerFailed, Problem
from skyloom.bus.subjects import name_of, word
from skyloom.compute.drivers.contract import (
    BuildFailed,
    ComputeDriver,
    HostBusy,
    HostFull,
    HostResources,
    ImageGone,
    ServerGone,
)
from skyloom.errors import BadRequest, NotBuilt, SkyloomError, Unavailable

VERSION = 1
A = TypeVar("A")
R = TypeVar("R")


class HostFailed(Unavailable):
    """The other side failed in a way that has no class here, or answered what cannot be understood."""

    code = "host.failed"


class UnknownVerb(NotBuilt):
    code = "host.unknown_verb"


class UnusableRequest(BadRequest):
    code = "host.unusable_request"


KNOWN_ERRORS: dict[str, type[SkyloomError]] = {
    error.code: error
    for error in (ServerGone, ImageGone, HostFull, BuildFailed, HostBusy, HostFailed, UnknownVerb, UnusableRequest)
}


class Request(msgspec.Struct, frozen=True):
    arguments: msgspec.Raw
    version: int = VERSION


class Reply(msgspec.Struct, frozen=True):
    result: msgspec.Raw
    version: int = VERSION


class HostDescription(msgspec.Struct, frozen=True):
    """`boot_id` changes when the machine was booted anew; `release` is the agent's Skyloom version."""

    resources: HostResources
    capabilities: frozenset[str]
    release: str
    boot_id: str
    protocol: int = VERSION


class HostAlive(msgspec.Struct, frozen=True):
    """`counter` grows by one each time and starts at 1 with the agent: a smaller one tells of a new agent."""

    description: HostDescription
    counter: int


class ImageRead(msgspec.Struct, frozen=True):
    image_id: str
    offset: int
    length: int


class ImagePart(msgspec.Struct, frozen=True):
    """`size` in bytes and `checksum` (MD5, hex; None if unknown) are those of the whole image."""

    data: bytes
    size: int
    checksum: str | None = None


class MetadataGet(msgspec.Struct, frozen=True):
    """A guest's HTTP request as the host saw it: the network it came from, its address there, path and headers.

    Header names are lower case; those that the metadata service reads are passed on, others are left out.
    """

    network_id: str
    source_ip: str
    path: str
    headers: dict[str, str] = {}


class MetadataAnswer(msgspec.Struct, frozen=True):
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Verb(Generic[A, R]):
    """`arguments` is the struct that travels, `result` the type of what comes back."""

    name: str
    arguments: type[A]
    result: type[R]

    def subject(self, host_name: str) -> str:
        return f"host.{word(host_name)}.{self.name}"


def _verbs_of(contract: type) -> dict[str, Verb[Any, Any]]:
    """One verb for each method of a driver contract, its struct made of the method's parameters."""
    verbs = {}
    for name, method in inspect.getmembers(contract, inspect.isfunction):
        if name.startswith("_"):
            continue
        types = get_type_hints(method)
        parameters = [parameter for parameter in inspect.signature(method).parameters if parameter != "self"]
        struct = msgspec.defstruct(f"{name}_arguments", [(each, types[each]) for each in parameters], frozen=True)
        verbs[name] = Verb(name, struct, types["return"])
    return verbs


NoArguments = msgspec.defstruct("NoArguments", [], frozen=True)
DRIVER_VERBS = _verbs_of(ComputeDriver)
DESCRIBE: Verb[Any, HostDescription] = Verb("describe", NoArguments, HostDescription)


def told_by(host_name: str, topic: str) -> str:
    """The subject on which a host speaks to the core."""
    return f"core.host.{word(host_name)}.{topic}"


def teller(subject: str) -> str:
    """The host that spoke on `subject`."""
    return name_of(subject.split(".")[2])


def ask(bus: Bus, subject: str, arguments: object, result: type[R], timeout_s: float) -> R:
    """One request. Raises the bus's errors, KNOWN_ERRORS as they were raised there, or HostFailed."""
    request = Request(msgspec.Raw(msgspec.msgpack.encode(arguments)))
    try:
        data = bus.request(subject, msgspec.msgpack.encode(request), timeout_s)
    except HandlerFailed as failure:
        raise _error_of(failure.problem, subject) from None
    try:
        return msgspec.msgpack.decode(msgspec.msgpack.decode(data, type=Reply).result, type=result)
    except msgspec.DecodeError as error:
        raise HostFailed(f"The answer to {subject} is not understood; bring both sides to one version.") from error


def answer(payload: bytes, arguments: type[A], act: Callable[[A], object]) -> bytes:
    """Serve one request by `act`; what it raises is for the bus to carry."""
    result = act(decode_arguments(payload, arguments))
    return msgspec.msgpack.encode(Reply(msgspec.Raw(msgspec.msgpack.encode(result))))


def decode_arguments(payload: bytes, arguments: type[A]) -> A:
    try:
        return msgspec.msgpack.decode(msgspec.msgpack.decode(payload, type=Request).arguments, type=arguments)
    except msgspec.DecodeError as error:
        raise UnusableRequest(f"The request is not understood ({error}); bring both sides to one version.") from error


def _error_of(problem: Problem, subject: str) -> SkyloomError:
    kind = KNOWN_ERRORS.get(problem.code, HostFailed)
    details = dict(problem.details)
    if kind is HostFailed and problem.code != HostFailed.code:
        details |= {"subject": subject, "cause": problem.code}
    # Not by the class's own constructor, which may take a thing that is not here and make the sentence of it.
    error = kind.__new__(kind)
    SkyloomError.__init__(error, problem.sentence, **details)
    if isinstance(error, Unavailable):
        error.retry_after_s = problem.retry_after_s or 5
    return error
