"""Identity providers, protocols with their configuration, mappings, service providers."""

from pathlib import Path
from typing import Any

import pytest

from tests.api.identity.conftest import Cloud
from tests.api.identity.federated import PREFIX, RULES, Federated


def test_an_identity_provider_gets_a_domain_of_its_own(cloud: Cloud, federated: Federated) -> None:
    provider = federated.provider
    assert provider == {
        "id": "acme",
        "enabled": True,
        "description": None,
        "authorization_ttl": None,
        "remote_ids": [],
        "domain_id": provider["domain_id"],
        "links": {
            "self": "https://cloud.test/identity/v3/OS-FEDERATION/identity_providers/acme",
            "protocols": "https://cloud.test/identity/v3/OS-FEDERATION/identity_providers/acme/protocols",
        },
    }
    domain = cloud.ok("GET", f"/domains/{provider['domain_id']}", cloud.root)["domain"]
    assert domain["description"] == "Auto generated federated domain for Identity Provider: acme"


def test_an_identity_provider_is_disabled_unless_one_says_otherwise(cloud: Cloud) -> None:
    body = {"identity_provider": {"remote_ids": ["b", "a"], "domain_id": "default", "authorization_ttl": 5}}
    made = cloud.ok("PUT", f"{PREFIX}/identity_providers/x", cloud.root, body)["identity_provider"]
    assert (made["enabled"], made["remote_ids"], made["domain_id"]) == (False, ["a", "b"], "default")
    assert made["authorization_ttl"] == 5


def test_a_remote_id_is_one_providers_only(cloud: Cloud, federated: Federated) -> None:
    federated.change("identity_providers/acme", {"identity_provider": {"remote_ids": ["r1", "r2"]}})
    body = {"identity_provider": {"remote_ids": ["r2"]}}
    assert cloud.v3("PUT", f"{PREFIX}/identity_providers/other", cloud.root, body).status == 409
    assert cloud.v3("GET", f"{PREFIX}/identity_providers/other", cloud.root).status == 404
    federated.change("identity_providers/acme", {"identity_provider": {"remote_ids": ["r1"]}})
    assert cloud.v3("PUT", f"{PREFIX}/identity_providers/other", cloud.root, body).status == 201


@pytest.mark.parametrize(
    "body",
    [
        {"domain_id": "no-such-domain"},
        {"enabled": "maybe"},
        {"unknown": 1},
        {"remote_ids": "r1"},
        {"authorization_ttl": -1},
    ],
)
def test_a_provider_that_cannot_be_leaves_no_domain(cloud: Cloud, body: Any) -> None:
    before = len(cloud.ok("GET", "/domains", cloud.root)["domains"])
    answer = cloud.v3("PUT", f"{PREFIX}/identity_providers/x", cloud.root, {"identity_provider": body})
    assert answer.status in (400, 404), answer.body
    assert len(cloud.ok("GET", "/domains", cloud.root)["domains"]) == before


def test_two_providers_of_one_id_are_a_conflict_and_leave_no_domain(cloud: Cloud, federated: Federated) -> None:
    before = len(cloud.ok("GET", "/domains", cloud.root)["domains"])
    assert cloud.v3("PUT", f"{PREFIX}/identity_providers/acme", cloud.root, {"identity_provider": {}}).status == 409
    assert len(cloud.ok("GET", "/domains", cloud.root)["domains"]) == before


def test_the_domain_of_a_provider_cannot_be_changed(cloud: Cloud, federated: Federated) -> None:
    body = {"identity_provider": {"domain_id": "default"}}
    assert cloud.v3("PATCH", f"{PREFIX}/identity_providers/acme", cloud.root, body).status == 400


def test_providers_are_listed_by_id_and_by_state(cloud: Cloud, federated: Federated) -> None:
    federated.put("identity_providers/b", {"identity_provider": {}})

    def ids(query: str) -> list[str]:
        found = cloud.ok("GET", f"{PREFIX}/identity_providers{query}", cloud.root)["identity_providers"]
        return [each["id"] for each in found]

    assert ids("") == ["acme", "b"]
    assert ids("?id=b") == ["b"]
    assert ids("?enabled=true") == ["acme"]


def test_a_domain_takes_its_providers_along(cloud: Cloud, federated: Federated) -> None:
    domain = f"/domains/{federated.provider['domain_id']}"
    token = federated.token()
    cloud.ok("PATCH", domain, cloud.root, {"domain": {"enabled": False}})
    assert federated.validate(token).status == 404
    cloud.ok("DELETE", domain, cloud.root)
    assert cloud.v3("GET", f"{PREFIX}/identity_providers/acme", cloud.root).status == 404


def test_a_protocol_is_made_shown_changed_and_deleted(cloud: Cloud, federated: Federated) -> None:
    path = f"{PREFIX}/identity_providers/acme/protocols/oidc"
    shown = cloud.ok("GET", path, cloud.root)["protocol"]
    assert shown == {
        "id": "oidc",
        "mapping_id": "acme",
        "remote_id_attribute": None,
        "links": {
            "self": f"https://cloud.test/identity/v3{path}",
            "identity_provider": "https://cloud.test/identity/v3/OS-FEDERATION/identity_providers/acme",
        },
    }
    body = {"protocol": {"mapping_id": "acme", "remote_id_attribute": "HTTP_OIDC_ISS"}}
    assert cloud.ok("PATCH", path, cloud.root, body)["protocol"]["remote_id_attribute"] == "HTTP_OIDC_ISS"
    listed = cloud.ok("GET", f"{PREFIX}/identity_providers/acme/protocols", cloud.root)["protocols"]
    assert [each["id"] for each in listed] == ["oidc"]
    cloud.ok("DELETE", path, cloud.root)
    assert cloud.v3("GET", path, cloud.root).status == 404


def test_a_protocol_takes_a_mapping_that_is_there(cloud: Cloud, federated: Federated) -> None:
    path = f"{PREFIX}/identity_providers/acme/protocols/x"
    assert cloud.v3("PUT", path, cloud.root, {"protocol": {"mapping_id": "none"}}).status == 400
    assert cloud.v3("PUT", path, cloud.root, {"protocol": {}}).status == 400
    assert cloud.v3("PUT", path, cloud.root, {"protocol": {"mapping_id": "acme", "x": 1}}).status == 400
    nowhere = f"{PREFIX}/identity_providers/none/protocols/x"
    assert cloud.v3("PUT", nowhere, cloud.root, {"protocol": {"mapping_id": "acme"}}).status == 404


def test_the_secrets_of_a_config_are_sealed_and_not_shown(cloud: Cloud, federated: Federated, tmp_path: Path) -> None:
    path = f"{PREFIX}/identity_providers/acme/protocols/oidc/config"
    assert cloud.v3("GET", path, cloud.root).status == 404
    options = {"issuer": "https://idp.test", "client_id": "sky", "client_secret": "very-secret-word"}
    made = cloud.ok("PUT", path, cloud.root, {"config": {"driver": "oidc", "options": options}})["config"]
    assert made["driver"] == "oidc"
    assert made["options"]["issuer"] == "https://idp.test"
    assert "client_secret" not in made["options"]
    assert cloud.ok("GET", path, cloud.root)["config"] == made
    del options["client_secret"]
    cloud.ok("PUT", path, cloud.root, {"config": {"driver": "oidc", "options": options}})
    protocol = cloud.service.protocols.show("acme", "oidc")
    assert cloud.service.protocols.options(protocol).client_secret == "very-secret-word"
    files = [file.read_bytes() for file in tmp_path.iterdir() if file.is_file()]
    assert not [True for content in files if b"very-secret-word" in content]
    cloud.ok("DELETE", path, cloud.root)
    assert cloud.v3("GET", path, cloud.root).status == 404


@pytest.mark.parametrize(
    "config",
    [
        {"driver": "nonsense", "options": {}},
        {"driver": "oidc", "options": {}},
        {"driver": "oidc", "options": {"issuer": "ftp://x", "client_id": "a"}},
        {"driver": "oidc", "options": {"issuer": "https://x", "client_id": "a", "more": 1}},
    ],
)
def test_a_config_that_cannot_be_is_refused(cloud: Cloud, federated: Federated, config: Any) -> None:
    path = f"{PREFIX}/identity_providers/acme/protocols/oidc/config"
    answer = cloud.v3("PUT", path, cloud.root, {"config": config})
    assert answer.status == 400, answer.body
    assert b"driver" in answer.body or b"config.options" in answer.body


def test_a_mapping_is_checked_whole(cloud: Cloud, federated: Federated) -> None:
    for rules in (
        [],
        [{"local": [], "remote": []}],
        [{"local": [{"user": {"name": "{9}"}}], "remote": [{"type": "a"}]}],
    ):
        for method, path in (("PUT", "mappings/new"), ("PATCH", "mappings/acme")):
            answer = cloud.v3(method, f"{PREFIX}/{path}", cloud.root, {"mapping": {"rules": rules}})
            assert answer.status == 400, answer.body
            assert b"rules" in answer.body
    shown = cloud.ok("GET", f"{PREFIX}/mappings/acme", cloud.root)["mapping"]
    assert shown["rules"] == RULES
    assert shown["schema_version"] == "1.0"


def test_service_providers_stand_in_tokens_while_they_are_enabled(cloud: Cloud) -> None:
    body = {"auth_url": "https://far.test/v3/auth", "sp_url": "https://far.test/sp", "enabled": True}
    path = f"{PREFIX}/service_providers/far"
    made = cloud.ok("PUT", path, cloud.root, {"service_provider": body})["service_provider"]
    assert made["relay_state_prefix"] == "ss:mem:"
    shown = {"id": "far", "auth_url": "https://far.test/v3/auth", "sp_url": "https://far.test/sp"}
    scope = {"project": {"id": cloud.ids["project:demo"]}}
    for answer in (cloud.sign_in("demo"), cloud.sign_in("demo", scope=scope)):
        assert answer.json["token"]["service_providers"] == [shown]
    cloud.ok("PATCH", path, cloud.root, {"service_provider": {"enabled": False}})
    assert "service_providers" not in cloud.sign_in("demo").json["token"]
    assert cloud.v3("PUT", f"{PREFIX}/service_providers/x", cloud.root, {"service_provider": {}}).status == 400
