"""Time as a part that can be handed over, so that tests and drills run on a virtual one."""

import time
from datetime import UTC, datetime, timedelta


def moment_of(text: str) -> datetime:
    """The time that a text of ISO 8601 tells; without a zone it is UTC. Raises ValueError."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError as error:  # the zone leads out of the calendar
        raise ValueError(f"{text!r} is no time of ours") from error


class Clock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class VirtualClock(Clock):
    """Time that stands still until it is moved."""

    def __init__(self, start: datetime | None = None):
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._start = self._now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
