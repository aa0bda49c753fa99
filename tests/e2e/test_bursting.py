"""Two clouds on one machine: people of the one sign in to the other, by OpenStack's own clients."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from keystoneauth1.identity.v3 import Keystone2Keystone, Password
from keystoneauth1.plugin import AUTH_INTERFACE
from keystoneauth1.session import Session
from openstack.connection import Connection

from tests.parts import documented
from tests.parts.whole_cloud import COMMAND_LIMIT_S, WholeCloud, await_true

pytestmark = pytest.mark.needs("xmlsec1")
SIMULATED = ("--hypervisor", "simulated", "--network", "simulated", "--hosts", "1")


@dataclass(frozen=True)
class TwoClouds:
    """`home` vouches for its users, `away` believes it. `authorities`: a file with the CAs of both."""

    home: WholeCloud
    away: WholeCloud
    authorities: Path

    def session(self, **scope: str) -> Session:
        """Of the user demo of home, in `away`."""
        return Session(Keystone2Keystone(demo_of(self.home), "away", **scope), verify=str(self.authorities))


def demo_of(cloud: WholeCloud) -> Password:
    auth = cloud.connect().config.config["auth"]
    return Password(
        auth_url=auth["auth_url"],
        username=auth["username"],
        password=auth["password"],
        user_domain_name="Default",
        project_name="demo",
        project_domain_name="Default",
    )


@pytest.fixture(scope="module")
def two(clouds: Callable[..., WholeCloud], run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TwoClouds:
    home, away = clouds("home", *SIMULATED), clouds("away", *SIMULATED)
    home.up()
    away.up()
    authorities = run_folder / "authorities.pem"
    authorities.write_bytes(b"".join((cloud.home.folder / "ca.pem").read_bytes() for cloud in (home, away)))
    trust(home, away, authorities, tmp_path_factory.mktemp("bursting"))
    away.connect("skyloom-admin").image.create_image(
        name="picture", disk_format="raw", container_format="bare", visibility="public", data=b"bytes", wait=True
    )
    return TwoClouds(home, away, authorities)


def trust(home: WholeCloud, away: WholeCloud, authorities: Path, folder: Path) -> None:
    """By the commands of docs/federation.md."""
    both = {name: cloud.connect("skyloom-admin").config.config for name, cloud in (("home", home), ("away", away))}
    told = {name: {"auth": config["auth"], "cacert": config["cacert"]} for name, config in both.items()}
    (folder / "clouds.yaml").write_text(json.dumps({"clouds": told}))
    known = {
        "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
        "CA": str(authorities),
        "HOME_CLOUD": identity_url(home),
        "AWAY_CLOUD": identity_url(away),
    }
    documented.run("federation.md", "burst", folder, known)


def identity_url(cloud: WholeCloud) -> str:
    return f"https://127.0.0.1:{cloud.port}/identity/v3"


def test_a_user_of_one_cloud_has_a_server_in_the_other(two):
    unscoped = {"interface": AUTH_INTERFACE, "version": (3, 0)}
    (project,) = two.session().get("/auth/projects", endpoint_filter=unscoped).json()["projects"]
    assert project["name"] == "from demo"

    session = two.session(project_id=project["id"])
    away = Connection(session=session, region_name="RegionOne", compute_api_version="2.90")
    try:
        assert str(two.away.port) in session.get_endpoint(service_type="compute")
        image, flavor = away.image.find_image("picture"), away.compute.find_flavor("tiny")
        server = away.compute.create_server(name="guest", image_id=image.id, flavor_id=flavor.id, networks="none")
        away.compute.wait_for_server(server, wait=60)
        assert [row["id"] for row in two.away.live_servers()] == [server.id]
        away.compute.delete_server(server)
        await_true("the server is gone", lambda: not two.away.live_servers())
    finally:
        away.close()


def test_the_openstack_command_bursts_too(two):
    auth = two.home.connect().config.config["auth"]
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "openstack"),
            *("--os-auth-url", auth["auth_url"], "--os-username", auth["username"], "--os-user-domain-name", "Default"),
            *("--os-project-name", "demo", "--os-project-domain-name", "Default", "--os-cacert", str(two.authorities)),
            *("--os-service-provider", "away", "--os-remote-project-name", "from demo"),
            *("--os-remote-project-domain-id", domain_of_provider(two.away)),
            *("token", "issue", "-f", "json"),
        ],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
            "OS_PASSWORD": auth["password"],
            "OS_IDENTITY_API_VERSION": "3",
        },
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    token = json.loads(done.stdout)
    answer = two.away.connect("skyloom-admin").identity.get("/auth/tokens", headers={"X-Subject-Token": token["id"]})
    assert answer.json()["token"]["project"]["name"] == "from demo"


def domain_of_provider(cloud: WholeCloud) -> str:
    found = cloud.connect("skyloom-admin").identity.get("/OS-FEDERATION/identity_providers/home").json()
    domain_id: str = found["identity_provider"]["domain_id"]
    return domain_id


def test_a_cloud_bursts_to_itself_by_the_address_of_shibboleth(two):
    """With Keystone's settings and no config: the entity id among the remote ids is enough."""
    cloud, url = two.away, identity_url(two.away)
    root = cloud.connect("skyloom-admin").identity
    prefix = "/OS-FEDERATION/identity_providers/keystone"
    rules = [{"local": [{"user": {"name": "own {0}"}}], "remote": [{"type": "openstack_user"}]}]
    provider = {"enabled": True, "remote_ids": [f"{url}/OS-FEDERATION/saml2/idp"]}
    shared = f"{url.removesuffix('/identity/v3')}/Shibboleth.sso/SAML2/ECP"
    service = {"enabled": True, "auth_url": f"{url}{prefix}/protocols/mapped/auth", "sp_url": shared}
    for path, body in (
        (prefix, {"identity_provider": provider}),
        ("/OS-FEDERATION/mappings/keystone", {"mapping": {"rules": rules}}),
        (f"{prefix}/protocols/mapped", {"protocol": {"mapping_id": "keystone"}}),
        ("/OS-FEDERATION/service_providers/itself", {"service_provider": service}),
    ):
        assert root.put(path, json=body).status_code == 201
    session = Session(Keystone2Keystone(demo_of(cloud), "itself"), verify=str(two.authorities))
    answer = root.get("/auth/tokens", headers={"X-Subject-Token": session.get_token()})
    assert answer.json()["token"]["user"]["name"] == "own demo"
