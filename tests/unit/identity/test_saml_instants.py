"""Points in time as SAML writes them are read in UTC, and what is none is refused."""

from datetime import UTC, datetime

import pytest

from skyloom.identity.drivers.saml.documents import Refused
from skyloom.identity.drivers.saml.instants import instant

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00", " 2026-01-31T13:30:00+01:30 "])
def test_an_instant_is_in_utc(text: str) -> None:
    found = instant(text)
    assert (found, found.tzinfo) == (NOON, UTC)


@pytest.mark.parametrize("text", ["", "noon", "2026-02-30T12:00:00Z", "0001-01-01T00:00:00+23:59"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        instant(text)
