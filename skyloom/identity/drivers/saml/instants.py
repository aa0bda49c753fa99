"""Points in time as SAML writes them."""

from datetime import UTC, datetime

from skyloom.clock import moment_of
from skyloom.identity.drivers.saml.documents import Refused


def instant(text: str) -> datetime:
    """xs:dateTime, which SAML wants in UTC; raises Refused."""
    try:
        return moment_of(text.strip())
    except ValueError as error:
        raise Refused(f"{text!r} is no point in time") from error


def shown(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
