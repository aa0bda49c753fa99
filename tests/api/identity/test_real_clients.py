"""keystoneauth's plugins for OAuth against a real server with TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from keystoneauth1 import session
from keystoneauth1.exceptions import ClientException, Unauthorized
from keystoneauth1.extras.oauth1 import V3OAuth1
from keystoneauth1.identity.v3 import OAuth2ClientCredential, OAuth2mTlsClientCredential
from oauthlib import oauth1

from skyloom.clock import Clock
from skyloom.web.server import ClientCaInvalid, Server, TlsFiles, tls_context
from skyloom.web.tls import Keyring, ensure_keyring
from tests.api.identity.certificates import ClientCa
from tests.api.identity.conftest import Cloud
from tests.api.identity.test_oauth2 import Machine


@pytest.fixture
def clock() -> Clock:
    """The real one: the clients look at theirs."""
    return Clock()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return ensure_keyring(tmp_path / "tls")


@pytest.fixture
def machine(cloud: Cloud, tmp_path: Path) -> Machine:
    return Machine(cloud, tmp_path)


class Https:
    def __init__(self, cloud: Cloud, keyring: Keyring, client_ca: Path | None):
        self.verify = str(keyring.ca)
        files = TlsFiles(keyring.certificate, keyring.key, client_ca)
        self.server = Server(cloud.application, "127.0.0.1", 0, files)
        self.server.start()
        self.url = f"https://127.0.0.1:{self.server.port}/identity/v3"


@pytest.fixture
def https(cloud: Cloud, keyring: Keyring, machine: Machine) -> Iterator[Https]:
    made = Https(cloud, keyring, machine.ca.file)
    yield made
    made.server.stop(grace_s=1)


def test_oauth_1(cloud: Cloud, https: Https) -> None:
    made = cloud.ok("POST", "/OS-OAUTH1/consumers", cloud.root, {"consumer": {}})["consumer"]
    key, secret = made["id"], made["secret"]

    def post(path: str, **token: str) -> dict[str, str]:
        client = oauth1.Client(key, secret, **token)
        headers = client.sign(f"{https.url}{path}", "POST")[1] | {"Requested-Project-Id": cloud.ids["project:admin"]}
        answer = requests.post(f"{https.url}{path}", headers=headers, verify=https.verify, timeout=60)
        assert answer.status_code == 201, answer.text
        return dict(pair.split("=") for pair in answer.text.split("&"))

    request = post("/OS-OAUTH1/request_token")
    path, roles = f"/OS-OAUTH1/authorize/{request['oauth_token']}", {"roles": [{"name": "member"}]}
    verifier = cloud.ok("PUT", path, cloud.root, roles)["token"]["oauth_verifier"]
    access = post(
        "/OS-OAUTH1/access_token",
        resource_owner_key=request["oauth_token"],
        resource_owner_secret=request["oauth_token_secret"],
        verifier=verifier,
    )
    plugin = V3OAuth1(
        https.url,
        consumer_key=key,
        consumer_secret=secret,
        access_key=access["oauth_token"],
        access_secret=access["oauth_token_secret"],
    )
    own = session.Session(plugin, verify=https.verify)
    assert own.get_project_id() == cloud.ids["project:admin"]
    assert own.get(f"{https.url}/auth/projects").status_code == 200


def test_a_client_with_a_secret(cloud: Cloud, https: Https) -> None:
    path, document = f"/users/{cloud.ids['demo']}/application_credentials", {"name": "a program"}
    made = cloud.ok("POST", path, cloud.token("demo"), {"application_credential": document})["application_credential"]

    def signed_in(secret: str) -> session.Session:
        endpoint = f"{https.url}/OS-OAUTH2/token"
        plugin = OAuth2ClientCredential(https.url, endpoint, made["id"], secret)
        return session.Session(plugin, verify=https.verify)

    own = signed_in(made["secret"])
    headers = own.get_auth_headers()
    assert headers is not None and headers["Authorization"].startswith("Bearer ")
    assert own.get(f"{https.url}/auth/projects").json()["projects"][0]["name"] == "demo"
    only_bearer = {"Authorization": headers["Authorization"]}
    answer = requests.get(f"{https.url}/auth/projects", headers=only_bearer, verify=https.verify, timeout=60)
    assert answer.status_code == 200
    with pytest.raises(Unauthorized):
        signed_in("wrong").get(f"{https.url}/auth/projects")


def test_a_client_with_a_certificate(cloud: Cloud, machine: Machine, https: Https) -> None:
    names = {"UID": machine.id, "CN": "machine", "EMAIL": "a@b.c", "DC": "default", "O": "Default"}
    _, files = machine.ca.certificate(**names)
    plugin = OAuth2mTlsClientCredential(https.url, f"{https.url}/OS-OAUTH2/token", machine.id)
    own = session.Session(plugin, verify=https.verify, cert=files)
    assert own.get(f"{https.url}/auth/projects").json()["projects"][0]["name"] == "demo"
    assert own.get_project_id() == machine.project

    bare = {"X-Auth-Token": own.get_token() or ""}
    url = f"{https.url}/auth/projects"
    _, others = machine.ca.certificate(**names)
    assert requests.get(url, headers=bare, verify=https.verify, cert=files, timeout=60).status_code == 200
    assert requests.get(url, headers=bare, verify=https.verify, cert=others, timeout=60).status_code == 401
    assert requests.get(url, headers=bare, verify=https.verify, timeout=60).status_code == 401

    without = session.Session(plugin, verify=https.verify)
    plugin.invalidate()
    with pytest.raises(ClientException, match="Client authentication failed"):
        without.get(url)


def test_a_certificate_of_another_ca_ends_the_handshake(https: Https, tmp_path: Path) -> None:
    _, files = ClientCa(tmp_path, "another CA").certificate(CN="machine")
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(https.url, verify=https.verify, cert=files, timeout=60)
    assert requests.get(https.url, verify=https.verify, timeout=60).status_code == 200


def test_no_certificate_is_asked_for_without_a_client_ca(cloud: Cloud, keyring: Keyring, machine: Machine) -> None:
    https = Https(cloud, keyring, None)
    try:
        names = {"UID": machine.id, "CN": "machine", "EMAIL": "a@b.c", "DC": "default", "O": "Default"}
        _, files = machine.ca.certificate(**names)
        form = {"grant_type": "client_credentials", "client_id": machine.id}
        url = f"{https.url}/OS-OAUTH2/token"
        answer = requests.post(url, data=form, verify=https.verify, cert=files, timeout=60)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    finally:
        https.server.stop(grace_s=1)


def test_a_client_ca_that_is_none_is_told(keyring: Keyring, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for path in (nonsense, tmp_path / "nowhere.pem"):
        with pytest.raises(ClientCaInvalid):
            tls_context(TlsFiles(keyring.certificate, keyring.key, path))
