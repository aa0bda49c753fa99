"""The fixtures `slapd` and `samba`; the rooms' conftest files import them from here."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.parts.directories import Samba, Slapd

STARTED = pytest.StashKey[dict[str, Any]]()


def _once(request: pytest.FixtureRequest, name: str, start: Callable[[], Any]) -> Any:
    """One for the whole run, however many rooms import the fixture."""
    started = request.config.stash.setdefault(STARTED, {})
    if name not in started:
        started[name] = start()
        request.config.add_cleanup(started[name].close)
    return started[name]


@pytest.fixture(scope="session")
def slapd(request: pytest.FixtureRequest) -> Slapd:
    found: Slapd = _once(request, "slapd", Slapd)
    return found


@pytest.fixture(scope="session")
def samba(request: pytest.FixtureRequest) -> Samba:
    found: Samba = _once(request, "samba", Samba)
    return found
