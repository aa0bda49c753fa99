"""OAuth 2 client credentials: by an application credential and by a certificate."""

import base64
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from skyloom.identity import IdentitySettings
from skyloom.identity.certificates import thumbprint
from skyloom.web.http import Body, Request
from tests.api.client import Answer
from tests.api.identity.certificates import ClientCa
from tests.api.identity.conftest import Cloud

GRANT = {"grant_type": "client_credentials"}
MAPPED = [
    {
        "local": [{"user": {"id": "{0}", "name": "{1}", "email": "{2}", "domain": {"id": "{3}", "name": "{4}"}}}],
        "remote": [
            {"type": "SSL_CLIENT_SUBJECT_DN_UID"},
            {"type": "SSL_CLIENT_SUBJECT_DN_CN"},
            {"type": "SSL_CLIENT_SUBJECT_DN_EMAILADDRESS"},
            {"type": "SSL_CLIENT_SUBJECT_DN_DC"},
            {"type": "SSL_CLIENT_SUBJECT_DN_O"},
            {"type": "SSL_CLIENT_ISSUER_DN_CN", "any_one_of": ["a client CA"]},
        ],
    }
]


def ask(
    cloud: Cloud,
    form: dict[str, str],
    secret: tuple[str, str] | None = None,
    certificate: bytes | None = None,
    content_type: str = "application/x-www-form-urlencoded",
) -> Answer:
    headers = {"host": "cloud.test", "content-type": content_type}
    if secret is not None:
        headers["authorization"] = f"Basic {base64.b64encode(':'.join(secret).encode()).decode()}"
    body = Body.of(urlencode(form).encode())
    request = Request("POST", "/identity/v3/OS-OAUTH2/token", headers=headers, body=body, certificate=certificate)
    reply = cloud.application(request)
    assert isinstance(reply.body, bytes)
    return Answer(reply.status, dict(reply.headers), reply.body)


def get(cloud: Cloud, path: str, token: str, certificate: bytes | None, header: str = "x-auth-token") -> int:
    value = token if header == "x-auth-token" else f"Bearer {token}"
    headers = {"host": "cloud.test", header: value}
    return cloud.application(Request("GET", f"/identity/v3{path}", headers=headers, certificate=certificate)).status


@pytest.fixture
def secret(cloud: Cloud) -> tuple[str, str]:
    path, document = f"/users/{cloud.ids['demo']}/application_credentials", {"name": "a program"}
    made = cloud.ok("POST", path, cloud.token("demo"), {"application_credential": document})["application_credential"]
    return made["id"], made["secret"]


def test_a_client_with_a_secret_gets_a_token(cloud: Cloud, secret: tuple[str, str]) -> None:
    answer = ask(cloud, GRANT, secret)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    assert answer.json["token_type"] == "Bearer" and answer.json["expires_in"] == 3600
    text = answer.json["access_token"]
    shown = cloud.v3("GET", "/auth/tokens", cloud.root, x_subject_token=text).json["token"]
    assert shown["application_credential"]["id"] == secret[0] and shown["user"]["name"] == "demo"
    assert get(cloud, "/auth/projects", text, None) == 200
    assert get(cloud, "/auth/projects", text, None, "authorization") == 200
    assert get(cloud, "/auth/projects", f"{text}x", None, "authorization") == 401


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        (GRANT, 401, "invalid_client"),
        ({**GRANT, "client_id": "nobody", "client_secret": "x"}, 401, "invalid_client"),
        ({**GRANT, "client_id": "nobody"}, 401, "invalid_client"),
    ],
)
def test_a_refusal_has_the_form_of_the_rfc(cloud: Cloud, form: dict[str, str], status: int, error: str) -> None:
    answer = ask(cloud, form)
    assert answer.status == status and answer.json["error"] == error and answer.json["error_description"]
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_a_wrong_secret_says_no_more_than_a_wrong_client(cloud: Cloud, secret: tuple[str, str]) -> None:
    refusals = [ask(cloud, GRANT, (secret[0], "wrong")), ask(cloud, GRANT, ("nobody", secret[1]))]
    assert {(answer.status, answer.body) for answer in refusals} == {
        (401, b'{"error":"invalid_client","error_description":"Client authentication failed."}')
    }
    assert ask(cloud, GRANT, secret, content_type="application/json").json["error"] == "invalid_request"


class Machine:
    """A user with a default project, a certificate, and the mapping of certificates."""

    def __init__(self, cloud: Cloud, folder: Path):
        self.cloud = cloud
        self.project = cloud.ids["project:demo"]
        more = {"email": "a@b.c", "default_project_id": self.project}
        self.id: str = cloud.user("machine", **more)["id"]
        self.ca = ClientCa(folder)
        grant = f"/projects/{self.project}/users/{self.id}/roles/{cloud.ids['member']}"
        cloud.ok("PUT", grant, cloud.root)
        cloud.ok("PUT", "/OS-FEDERATION/mappings/oauth2_mapping", cloud.root, {"mapping": {"rules": MAPPED}})

    def certificate(self, **other: str) -> bytes:
        whole = {"UID": self.id, "CN": "machine", "EMAIL": "a@b.c", "DC": "default", "O": "Default"}
        return self.ca.certificate(**{**whole, **other})[0]

    def ask(self, certificate: bytes | None, client_id: str | None = None) -> Answer:
        return ask(self.cloud, {**GRANT, "client_id": client_id or self.id}, certificate=certificate)


@pytest.fixture
def machine(cloud: Cloud, tmp_path: Path) -> Machine:
    return Machine(cloud, tmp_path)


def test_a_client_with_a_certificate_gets_a_token_that_is_bound_to_it(cloud: Cloud, machine: Machine) -> None:
    own, other = machine.certificate(), machine.certificate()
    answer = machine.ask(own)
    assert answer.status == 200, answer.body
    text = answer.json["access_token"]
    shown = cloud.v3("GET", "/auth/tokens", cloud.root, x_subject_token=text).json["token"]
    assert shown["methods"] == ["oauth2_credential"] and shown["project"]["id"] == machine.project
    assert shown["oauth2_credential"] == {"x5t#S256": thumbprint(own)}
    assert {role["name"] for role in shown["roles"]} == {"member", "reader"}
    statuses = [get(cloud, "/auth/projects", text, certificate) for certificate in (own, other, None)]
    assert statuses == [200, 401, 401]
    assert get(cloud, "/auth/projects", text, own, "authorization") == 200
    assert cloud.exchange(text).status == 403


@pytest.mark.parametrize(
    "other", [{"UID": "somebody"}, {"CN": "demo"}, {"EMAIL": "b@b.c"}, {"DC": "other"}, {"O": "Other"}]
)
def test_a_certificate_of_somebody_else_is_refused(machine: Machine, other: dict[str, str]) -> None:
    answer = machine.ask(machine.certificate(**other))
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


def test_a_certificate_is_good_for_its_user_only(cloud: Cloud, machine: Machine, tmp_path: Path) -> None:
    assert machine.ask(machine.certificate(), cloud.ids["demo"]).status == 401
    assert machine.ask(machine.certificate(), "nobody").status == 401
    assert machine.ask(None).status == 401
    stranger = ClientCa(tmp_path, "another CA").certificate(UID=machine.id, CN="machine", EMAIL="a@b.c", DC="default")
    assert machine.ask(stranger[0]).status == 401


def test_a_user_without_a_default_project_or_a_role_in_it_gets_nothing(cloud: Cloud, machine: Machine) -> None:
    grant = f"/projects/{machine.project}/users/{machine.id}/roles/{cloud.ids['member']}"
    cloud.ok("DELETE", grant, cloud.root)
    assert machine.ask(machine.certificate()).status == 401
    cloud.ok("PUT", grant, cloud.root)
    assert machine.ask(machine.certificate()).status == 200
    cloud.ok("PATCH", f"/users/{machine.id}", cloud.root, {"user": {"default_project_id": None}})
    assert machine.ask(machine.certificate()).status == 401


def test_a_disabled_user_gets_nothing(cloud: Cloud, machine: Machine) -> None:
    cloud.ok("PATCH", f"/users/{machine.id}", cloud.root, {"user": {"enabled": False}})
    assert machine.ask(machine.certificate()).status == 401


def test_without_a_mapping_or_with_one_of_nobody_no_certificate_counts(cloud: Cloud, machine: Machine) -> None:
    own, path = machine.certificate(), "/OS-FEDERATION/mappings/oauth2_mapping"
    nobody: list[dict[str, Any]] = [
        {"local": [{"group": {"id": "g"}}], "remote": [{"type": "SSL_CLIENT_SUBJECT_DN_CN"}]}
    ]
    cloud.ok("PATCH", path, cloud.root, {"mapping": {"rules": nobody}})
    assert machine.ask(own).status == 401
    cloud.ok("DELETE", path, cloud.root)
    assert machine.ask(own).status == 401


class TestOneMethodOnly:
    @pytest.fixture
    def settings(self) -> IdentitySettings:
        return IdentitySettings(password_cost=4, oauth2_authn_methods=("client_secret_basic",))

    def test_the_other_is_refused(self, cloud: Cloud, machine: Machine, secret: tuple[str, str]) -> None:
        assert machine.ask(machine.certificate()).status == 401
        assert ask(cloud, GRANT, secret).status == 200
