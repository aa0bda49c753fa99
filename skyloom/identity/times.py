"""Times as Keystone's API writes and reads them."""

from datetime import datetime

from skyloom.clock import moment_of
from skyloom.identity.errors import AttributeInvalid


def shown_time(at: datetime | None) -> str | None:
    return None if at is None else f"{at.isoformat(timespec='microseconds')[:26]}Z"


def time_of(text: str, name: str) -> datetime:
    """The time that the attribute `name` gives; without a zone it is UTC. Raises AttributeInvalid."""
    try:
        return moment_of(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise AttributeInvalid(
            f"Invalid input for field/attribute {name}: use the form 2026-12-31T23:59:59Z.", field=name
        ) from error


def later(text: str | None, name: str, now: datetime) -> datetime | None:
    """As `time_of`; a time that is over is refused, too."""
    if text is None:
        return None
    at = time_of(text, name)
    if at <= now:
        raise AttributeInvalid(f"Invalid input for field/attribute {name}: it is in the past.", field=name)
    return at
