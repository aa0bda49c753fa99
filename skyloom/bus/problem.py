"""An error on its way from the one who served a request to the one who made it.

Only what a user may be told travels: code, sentence, details. A stack trace stays in the log of the process it
happened in.
"""

import logging
from typing import Any

import msgspec

from skyloom.errors import SkyloomError, Unavailable

log = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True):
    """`retry_after_s` is set for errors of the kind Unavailable."""

    code: str
    sentence: str
    details: dict[str, Any] = {}
    retry_after_s: int | None = None


def problem_of(error: Exception, subject: str) -> Problem:
    """What to tell of `error`, which ended the handling of `subject`; one that is not ours is logged here."""
    if not isinstance(error, SkyloomError):
        log.error("Handling %s failed", subject, exc_info=error)
        return Problem(SkyloomError.code, f"Handling {subject} failed unexpectedly; the log of its process tells why.")
    retry_after_s = error.retry_after_s if isinstance(error, Unavailable) else None
    # Details may be of any type; they are made what the wire can carry here, so that each bus gives the same ones.
    details = msgspec.to_builtins(error.details, str_keys=True, enc_hook=str)
    return Problem(error.code, error.sentence, details, retry_after_s)


def encode_problem(problem: Problem) -> bytes:
    return msgspec.msgpack.encode(problem)


def decode_problem(data: bytes) -> Problem:
    """What cannot be read is a problem too: the other side may be of another version, or not well-meaning."""
    try:
        return msgspec.msgpack.decode(data, type=Problem)
    except msgspec.DecodeError:
        return Problem(SkyloomError.code, "The reply tells of an error in a form that is not understood here.")
