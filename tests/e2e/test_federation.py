"""A real OpenID provider in front of a whole cloud: OpenStack's own plugins, its command, and a browser over TLS."""

import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import requests
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from openstack.config import OpenStackConfig

from tests.parts.oidc import AUDIENCE, OidcProvider, Person, secret_of
from tests.parts.whole_cloud import WholeCloud

pytestmark = pytest.mark.needs("node")
DASHBOARD = "https://dashboard.test/auth/websso/"
WEBSSO = "/v3/auth/OS-FEDERATION/identity_providers/acme/protocols/openid/websso"
LIMIT_S = 60
SETUP = (
    "group create crew --domain default",
    "role add --group crew --group-domain default --project demo --project-domain default member",
    "identity provider create acme --remote-id {issuer}",
    "mapping create acme --rules {rules}",
    "federation protocol create openid --identity-provider acme --mapping acme",
    "service provider create far --auth-url https://far.test/v3 --service-provider-url https://far.test/sp",
)
READ = (
    "identity provider list -f json",
    "identity provider show acme -f json",
    "mapping show acme -f json",
    "federation protocol list --identity-provider acme -f json",
    "federation protocol show --identity-provider acme openid -f json",
    "service provider list -f json",
)
RULES = [
    {"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "OIDC-preferred_username"}]},
    {"local": [{"groups": "{0}", "domain": {"name": "Default"}}], "remote": [{"type": "OIDC-groups"}]},
]


class Federated:
    def __init__(self, cloud: WholeCloud, provider: OidcProvider, folder: Path):
        self.cloud = cloud
        self.provider = provider
        self.folder = folder
        self.auth_url = f"https://127.0.0.1:{cloud.port}/identity/v3"
        config = OpenStackConfig(config_files=[str(cloud.home.clouds_yaml)], load_envvars=False)
        self.cacert: str = config.get_one("skyloom").config["cacert"]
        rules = folder / "rules.json"
        rules.write_text(json.dumps(RULES))
        self.run(*(line.format(issuer=provider.issuer, rules=rules) for line in SETUP))
        self._configure()

    def run(self, *lines: str) -> str:
        done = self.cloud.openstack(cloud="skyloom-admin", lines=lines)
        # at the end of its input the client ends with 1, whatever happened before; errors stand in what it wrote
        assert not done.stderr, done.stdout + done.stderr
        return done.stdout

    def _configure(self) -> None:
        """The one call that no client of OpenStack has."""
        options = {
            "issuer": self.provider.issuer,
            "client_id": "skyloom",
            "client_secret": secret_of("skyloom"),
            "audiences": [AUDIENCE],
        }
        path = "/OS-FEDERATION/identity_providers/acme/protocols/openid/config"
        admin = self.cloud.connect("skyloom-admin")
        answer = admin.identity.put(path, json={"config": {"driver": "oidc", "options": options}})
        assert answer.status_code == 200, answer.text

    def session(self, plugin: Any) -> Session:
        return Session(plugin, verify=self.cacert)


@pytest.fixture(scope="module")
def federated(clouds: Callable[..., WholeCloud], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federated]:
    settings = tmp_path_factory.mktemp("federated") / "skyloom.toml"
    settings.write_text(f'[identity]\ntrusted_dashboards = ["{DASHBOARD}"]\n')
    cloud = clouds("federated", "--hypervisor", "simulated", "--network", "simulated", "--config", str(settings))
    cloud.up()
    provider = OidcProvider(f"https://127.0.0.1:{cloud.port}/identity{WEBSSO}")
    yield Federated(cloud, provider, tmp_path_factory.mktemp("federation"))
    provider.close()


SCOPE = {"project_name": "demo", "project_domain_id": "default"}


def test_the_command_shows_what_it_made(federated: Federated) -> None:
    told = federated.run(*READ)
    assert federated.provider.issuer in told
    assert "OIDC-preferred_username" in told
    assert "https://far.test/sp" in told


def test_keystoneauth_brings_an_access_token(federated: Federated) -> None:
    token = federated.provider.token()
    plugin = v3.OidcAccessToken(federated.auth_url, "acme", "openid", access_token=token, **SCOPE)
    session = federated.session(plugin)
    access = plugin.get_access(session)
    assert (access.username, access.project_name) == ("robot", "demo")
    assert access.is_federated
    assert "member" in access.role_names
    assert access.service_providers.get_auth_url("far") == "https://far.test/v3"
    servers = session.get("/servers", endpoint_filter={"service_type": "compute"})
    assert servers.json() == {"servers": []}


def test_keystoneauth_fetches_an_access_token_by_a_clients_own_credentials(federated: Federated) -> None:
    plugin = v3.OidcClientCredentials(
        federated.auth_url,
        "acme",
        "openid",
        "robot",
        secret_of("robot"),
        scope="openid",
        discovery_endpoint=f"{federated.provider.issuer}/.well-known/openid-configuration",
        **SCOPE,
    )
    assert federated.session(plugin).get_project_id()


def test_the_command_signs_in_by_a_providers_token(federated: Federated) -> None:
    auth = {
        "auth_url": federated.auth_url,
        "identity_provider": "acme",
        "protocol": "openid",
        "client_id": "robot",
        "client_secret": secret_of("robot"),
        "openid_scope": "openid",
        "discovery_endpoint": f"{federated.provider.issuer}/.well-known/openid-configuration",
        **SCOPE,
    }
    cloud = {"auth_type": "v3oidcclientcredentials", "auth": auth, "cacert": federated.cacert}
    clouds_yaml = federated.folder / "clouds.yaml"
    clouds_yaml.write_text(json.dumps({"clouds": {"federated": {**cloud, "region_name": "RegionOne"}}}))
    done = federated.cloud.openstack("token", "issue", "-f", "json", cloud="federated", clouds_yaml=clouds_yaml)
    assert done.returncode == 0, done.stdout + done.stderr
    user_id = json.loads(done.stdout)["user_id"]
    shown = json.loads(federated.cloud.openstack("user", "show", user_id, "-f", "json", cloud="skyloom-admin").stdout)
    assert shown["name"] == "robot"


def test_a_browser_comes_back_to_its_dashboard_with_a_token(federated: Federated) -> None:
    person, browser = Person("bert"), requests.Session()
    browser.verify, browser.trust_env = federated.cacert, False
    try:
        begun = browser.get(
            f"https://127.0.0.1:{federated.cloud.port}/identity/v3/auth/OS-FEDERATION/websso/openid",
            params={"origin": DASHBOARD},
            allow_redirects=False,
            timeout=LIMIT_S,
        )
        to_provider = browser.get(begun.headers["location"], allow_redirects=False, timeout=LIMIT_S)
        back = person.sign_in(to_provider.headers["location"], federated.provider.issuer)
        page = browser.get(back, allow_redirects=False, timeout=LIMIT_S)
        again = browser.get(back, allow_redirects=False, timeout=LIMIT_S)
    finally:
        browser.close()
        person.close()
    assert page.status_code == 200, page.text
    assert again.status_code == 401
    assert re.search(f'action="{re.escape(DASHBOARD)}"', page.text)
    found = re.search(r'name="token"[^>]*value="([^"]+)"', page.text)
    assert found
    plugin = v3.Token(federated.auth_url, unescape(found[1]), **SCOPE)
    access = plugin.get_access(federated.session(plugin))
    assert access.username == "bert"
    assert access.is_federated
