"""Signing in to a running cloud at a real SAML identity provider: as a browser, and by OpenStack's own clients."""

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from keystoneauth1 import loading
from keystoneauth1.exceptions import AuthorizationFailure
from keystoneauth1.session import Session

from tests.e2e.test_bursting import SIMULATED, identity_url
from tests.parts import documented
from tests.parts.saml_provider import PASSWORD_OF_ALL, RealProvider, real_provider
from tests.parts.whole_cloud import COMMAND_LIMIT_S, WholeCloud

pytestmark = [
    pytest.mark.needs("xmlsec1"),
    # pysaml2's own server, which only the tests use, leaves its files to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
DASHBOARD = "https://dashboard.test/auth/websso/"
PROVIDER = "/OS-FEDERATION/identity_providers/school"


@dataclass(frozen=True)
class Joined:
    cloud: WholeCloud
    school: RealProvider

    @property
    def url(self) -> str:
        return identity_url(self.cloud)

    @property
    def ca(self) -> str:
        return str(self.cloud.home.folder / "ca.pem")

    def token(self, token: str) -> Any:
        found = self.cloud.connect("skyloom-admin").identity.get("/auth/tokens", headers={"X-Subject-Token": token})
        return found.json()["token"]


@pytest.fixture(scope="module")
def joined(
    clouds: Callable[..., WholeCloud], run_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Joined]:
    """As docs/federation.md tells."""
    settings = run_folder / "school.toml"
    settings.write_text(f'[identity]\ntrusted_dashboards = ["{DASHBOARD}"]\n')
    cloud = clouds("school", *SIMULATED, "--config", str(settings))
    cloud.up()
    folder = tmp_path_factory.mktemp("joining")
    with real_provider(run_folder / "provider") as school:
        (folder / "provider.xml").write_text(school.metadata())
        known = {
            "OS_CLIENT_CONFIG_FILE": str(cloud.home.clouds_yaml),
            "OS_CLOUD": "skyloom-admin",
            "CA": str(cloud.home.folder / "ca.pem"),
            "CLOUD": identity_url(cloud),
        }
        documented.run("federation.md", "join", folder, known)
        school.trust((folder / "cloud.xml").read_text())
        yield Joined(cloud, school)


def submitted(browser: requests.Session, page: str) -> requests.Response:
    """What a browser does with a page that holds one form."""
    action = re.search(r'<form[^>]* action="([^"]*)"', page)
    assert action is not None, page
    inputs = re.findall(r'<input[^>]* name="([^"]*)"[^>]* value="([^"]*)"', page)
    fields = {html.unescape(name): html.unescape(value) for name, value in inputs}
    return browser.post(html.unescape(action[1]), data=fields, timeout=60)


def test_a_browser_goes_to_the_provider_and_comes_back_with_a_token(joined):
    with requests.Session() as browser:
        browser.verify, browser.trust_env = joined.ca, False
        page = browser.get(f"{joined.url}/auth/OS-FEDERATION/websso/saml2", params={"origin": DASHBOARD}, timeout=60)
        assert page.url.startswith(joined.school.url), "a browser is sent on to the provider"
        back = submitted(browser, page.text)
    assert back.status_code == 200, back.text
    assert f'action="{DASHBOARD}"' in back.text
    token = re.search(r'name="token"[^>]* value="([^"]*)"', back.text)
    assert token is not None
    shown = joined.token(token[1])
    assert shown["user"]["name"] == "anna"
    assert shown["methods"] == ["mapped"]


def test_a_browser_that_comes_from_elsewhere_gets_no_token(joined):
    url = f"{joined.url}/auth/OS-FEDERATION/websso/saml2"
    answer = requests.get(url, params={"origin": "https://elsewhere.test/"}, verify=joined.ca, timeout=60)
    assert answer.status_code == 401


def plugin(joined: Joined, password: str = PASSWORD_OF_ALL, **scope: str) -> Any:
    loader = loading.get_plugin_loader("v3samlpassword")
    return loader.load_from_options(
        auth_url=joined.url,
        identity_provider="school",
        protocol="saml2",
        identity_provider_url=joined.school.ecp_url,
        username="otto",
        password=password,
        **scope,
    )


def test_keystoneauth_signs_in_by_ecp_and_scopes_to_its_project(joined):
    session = Session(plugin(joined), verify=joined.ca)
    unscoped = session.auth.get_access(session)
    assert unscoped.username == "otto"
    assert not unscoped.project_scoped
    domain_id = joined.token(session.get_token())["user"]["domain"]["id"]

    scoped = Session(plugin(joined, project_name="lab", project_domain_id=domain_id), verify=joined.ca)
    answer = scoped.get("/servers", endpoint_filter={"service_type": "compute"})
    assert answer.json() == {"servers": []}


def test_a_wrong_password_is_the_providers_business(joined):
    session = Session(plugin(joined, "wrong"), verify=joined.ca)
    with pytest.raises(AuthorizationFailure, match="Identity Provider"):
        session.get_token()


def test_the_openstack_command_signs_in_by_ecp(joined):
    domain_id = joined.cloud.connect("skyloom-admin").identity.get(PROVIDER).json()["identity_provider"]["domain_id"]
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "openstack"),
            *("--os-auth-type", "v3samlpassword", "--os-auth-url", joined.url, "--os-cacert", joined.ca),
            *("--os-identity-provider", "school", "--os-protocol", "saml2"),
            *("--os-identity-provider-url", joined.school.ecp_url, "--os-username", "otto"),
            *("--os-project-name", "lab", "--os-project-domain-id", domain_id),
            *("token", "issue", "-f", "json"),
        ],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
            "OS_PASSWORD": PASSWORD_OF_ALL,
            "OS_IDENTITY_API_VERSION": "3",
        },
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert joined.token(json.loads(done.stdout)["id"])["project"]["name"] == "lab"
