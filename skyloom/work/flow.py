"""What a flow is: small named steps, each safe to run twice, each returning what comes next.

The engine records a step before its first try. A step may therefore be repeated after it did its work, and its undo may
run although it did nothing; both must accept that. Ids and choices are made in one step and used in the next, so that a
repeat makes the same thing. A typed frame is all that a flow remembers between steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import msgspec

from skyloom.errors import SkyloomError

F = TypeVar("F", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Next:
    """Go on with `step` at once."""

    step: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Run this same step again after `seconds`, or as soon as the flow's key is kicked."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Done:
    """The flow has ended well."""


Step = Next | Wait | Done


class Abandon(SkyloomError):
    """Raised by a step that no repeat can save: what was done is undone, then `failed` is told this error."""

    code = "work.abandoned"


class Flow(Generic[F]):
    """One multi-step operation. An object of it is made once, by wire.py, with what its steps need.

    `name` and step names are stored in rows: they are never changed while such rows may exist. Steps and undos are
    methods that take the frame; what they change in it is kept when they return, and forgotten when they raise. Steps
    return a `Step`; undos return None, or `Wait` to be called again. `undo` maps a step to its undo; the undos of all
    steps that were started run newest first, until each has succeeded. Any error of a step but `Abandon` is tried again
    with growing pauses until `deadline_s` has passed since the start; then the flow is undone.
    """

    name: ClassVar[str]
    frame: ClassVar[type[msgspec.Struct]]
    first: ClassVar[str]
    undo: ClassVar[Mapping[str, str]] = {}
    deadline_s: ClassVar[float] = 600

    def failed(self, frame: F, problem: SkyloomError) -> None:
        """Called last, after every undo, and repeated until it returns: put the resource into its error state."""
        raise NotImplementedError
