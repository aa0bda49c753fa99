import pytest

from skyloom.identity.access_rules import allows
from skyloom.identity.model import AccessRule


def rule(service: str, method: str, path: str) -> AccessRule:
    return AccessRule("1", "u", service, method, path)


@pytest.mark.parametrize(
    ("path", "asked", "fits"),
    [
        ("/v2.1/servers", "/compute/v2.1/servers", True),
        ("/v2.1/servers", "/compute/v2.1/servers/", True),
        ("/v2.1/servers", "/compute/v2.1/servers/1", False),
        ("/v2.1/servers", "/image/v2.1/servers", False),
        ("/v2.1/servers/*/ips", "/compute/v2.1/servers/a-b/ips", True),
        ("/v2.1/servers/*/ips", "/compute/v2.1/servers/a/b/ips", False),
        ("/v2.1/servers/{server_id}", "/compute/v2.1/servers/1", True),
        ("/v2.1/**", "/compute/v2.1/servers/1/action", True),
        ("/v2.1/servers.", "/compute/v2.1/serversx", False),
        ("/v2.1/servers", "//compute/v2.1/servers", True),
    ],
)
def test_a_path_fits_a_rule(path: str, asked: str, fits: bool) -> None:
    assert allows([rule("compute", "GET", path)], "GET", asked) is fits


def test_another_method_is_not_allowed() -> None:
    assert not allows([rule("compute", "GET", "/v2.1/servers")], "DELETE", "/compute/v2.1/servers")


def test_without_rules_nothing_is_allowed() -> None:
    assert not allows([], "GET", "/compute/v2.1/servers")


@pytest.mark.parametrize("name", ["volumev3", "block-storage"])
def test_a_service_is_known_by_its_other_names(name: str) -> None:
    assert allows([rule(name, "GET", "/v3/volumes")], "GET", "/volume/v3/volumes")
