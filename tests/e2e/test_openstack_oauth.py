"""OAuth by the unmodified `openstack` command: consumers, request tokens, access tokens, and log-ins by them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skyloom.control import CONTROL
from tests.api.identity.certificates import ClientCa
from tests.parts.whole_cloud import WholeCloud


def openstack(cloud: WholeCloud, *words: str) -> dict[str, Any]:
    done = cloud.openstack(*words, "-f", "json", cloud="skyloom-admin")
    assert done.returncode == 0, f"openstack {' '.join(words)}: {done.stderr}"
    found: dict[str, Any] = json.loads(done.stdout)
    # some commands show what the API calls project_id as "Project ID"
    return {name.lower().replace(" ", "_"): value for name, value in found.items()}


def sign_in(cloud: WholeCloud, kind: str, **auth: str) -> dict[str, Any]:
    """A token by another plugin of keystoneauth; its options instead of the cloud's own."""
    url = f"https://127.0.0.1:{cloud.port}/identity/v3"
    given = {"auth-url": url, **{name.replace("_", "-"): value for name, value in auth.items()}}
    words = [word for name, value in given.items() for word in (f"--os-{name}", value)]
    also = ["--os-cacert", str(cloud.home.ca), "--os-auth-type", kind, *words]
    done = cloud.openstack(*also, "token", "issue", "-f", "json", cloud="")
    assert done.returncode == 0, f"{kind}: {done.stderr}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_consumer_acts_for_a_user(simulated: WholeCloud) -> None:
    made = openstack(simulated, "consumer", "create", "--description", "a program")
    consumer = ("--consumer-key", made["id"], "--consumer-secret", made["secret"])
    assert openstack(simulated, "consumer", "show", made["id"])["description"] == "a program"
    request = openstack(simulated, "request", "token", "create", *consumer, "--project", "admin")
    roles = ("--request-key", request["id"], "--role", "member")
    verifier = openstack(simulated, "request", "token", "authorize", *roles)["oauth_verifier"]
    access = openstack(
        simulated,
        *("access", "token", "create", *consumer),
        *("--request-key", request["id"], "--request-secret", request["secret"], "--verifier", verifier),
    )
    token = sign_in(
        simulated,
        "v3oauth1",
        consumer_key=made["id"],
        consumer_secret=made["secret"],
        access_key=access["id"],
        access_secret=access["secret"],
    )
    assert token["project_id"] == openstack(simulated, "project", "show", "admin")["id"]
    deleted = simulated.openstack("consumer", "delete", made["id"], cloud="skyloom-admin")
    assert deleted.returncode == 0, deleted.stderr


def test_an_application_credential_is_a_client_of_oauth_2(simulated: WholeCloud) -> None:
    made = openstack(simulated, "application", "credential", "create", "client")
    endpoint = f"https://127.0.0.1:{simulated.port}/identity/v3/OS-OAUTH2/token"
    token = sign_in(
        simulated,
        "v3oauth2clientcredential",
        oauth2_endpoint=endpoint,
        oauth2_client_id=made["id"],
        oauth2_client_secret=made["secret"],
    )
    assert token["project_id"] == made["project_id"]


def test_a_user_with_a_certificate_is_a_client_of_oauth_2(clouds: Callable[..., WholeCloud], tmp_path: Path) -> None:
    ca, settings = ClientCa(tmp_path), tmp_path / "skyloom.toml"
    settings.write_text(f'[web]\nclient_ca = "{ca.file}"\n')
    cloud = clouds("certificates", "--hypervisor", "simulated", "--network", "simulated", "--config", str(settings))
    cloud.up()
    rules = tmp_path / "rules.json"
    user = {"id": "{0}", "name": "{1}"}
    remote = [{"type": "SSL_CLIENT_SUBJECT_DN_UID"}, {"type": "SSL_CLIENT_SUBJECT_DN_CN"}]
    rules.write_text(json.dumps([{"local": [{"user": user}], "remote": remote}]))
    openstack(cloud, "mapping", "create", "--rules", str(rules), "oauth2_mapping")
    made = openstack(cloud, "user", "create", "--project", "demo", "--password", "a word", "machine")
    given = cloud.openstack("role", "add", "--user", "machine", "--project", "demo", "member", cloud="skyloom-admin")
    assert given.returncode == 0, given.stderr
    _, (certificate, key) = ca.certificate(UID=made["id"], CN="machine")
    endpoint = f"https://127.0.0.1:{cloud.port}/identity/v3/OS-OAUTH2/token"
    client = {"oauth2_endpoint": endpoint, "oauth2_client_id": made["id"]}
    token = sign_in(cloud, "v3oauth2mtlsclientcredential", **client, cert=certificate, key=key)
    assert token["project_id"] == openstack(cloud, "project", "show", "demo")["id"]


def test_a_client_ca_that_is_none_keeps_the_cloud_from_starting(
    clouds: Callable[..., WholeCloud], tmp_path: Path
) -> None:
    settings = tmp_path / "skyloom.toml"
    settings.write_text('[web]\nclient_ca = "/nowhere/ca.pem"\n')
    cloud = clouds("no-client-ca", "--hypervisor", "simulated", "--network", "simulated", "--config", str(settings))
    done = cloud.skyloom("up", "--detach", *cloud.options)
    assert done.returncode != 0
    assert "client_ca: /nowhere/ca.pem holds no CA certificates in PEM." in done.stdout + done.stderr, cloud.log(
        CONTROL
    )
