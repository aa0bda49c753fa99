"""Key pairs of users."""

from tests.api.compute.conftest import Client
from tests.parts.compute import PROJECT

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8bGqLxW2bqV7Rr0y1rTqKNZcO5b6J8W1i6yR5XKj1A me@here"


def test_a_key_is_imported_shown_used_and_removed(client: Client) -> None:
    made = client.call("POST", "/os-keypairs", {"keypair": {"name": "k", "public_key": KEY}}, 201)["keypair"]
    assert made["type"] == "ssh"
    assert len(made["fingerprint"].split(":")) == 16
    client.call("POST", "/os-keypairs", {"keypair": {"name": "k", "public_key": KEY}}, 409)
    assert client.call("GET", "/os-keypairs/k")["keypair"]["public_key"] == KEY
    server_id = client.server(key_name="k")
    assert client.call("GET", f"/servers/{server_id}")["server"]["key_name"] == "k"
    client.call("DELETE", "/os-keypairs/k", status=204)
    client.call("GET", "/os-keypairs/k", status=404)
    client.call("DELETE", "/os-keypairs/k", status=404)


def test_older_versions_make_keys_and_newer_ones_do_not(client: Client) -> None:
    made = client.as_("member", "2.1").call("POST", "/os-keypairs", {"keypair": {"name": "k"}})["keypair"]
    assert made["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert "private_key" not in client.call("GET", "/os-keypairs/k")["keypair"]
    client.call("POST", "/os-keypairs", {"keypair": {"name": "l"}}, 400)


def test_keys_are_their_users_own(client: Client) -> None:
    client.call("POST", "/os-keypairs", {"keypair": {"name": "k", "public_key": KEY}}, 201)
    stranger = client.as_("stranger")
    stranger.call("GET", "/os-keypairs/k", status=404)
    stranger.call("GET", "/os-keypairs/k?user_id=alice", status=403)
    assert client.as_("admin").call("GET", "/os-keypairs?user_id=alice")["keypairs"][0]["keypair"]["name"] == "k"


def test_wrong_keys_are_refused(client: Client) -> None:
    for keypair in (
        {"name": "k", "public_key": "ssh-rsa nonsense"},
        {"name": "k", "public_key": "nonsense"},
        {"name": "k/l", "public_key": KEY},
        {"name": "", "public_key": KEY},
        {"name": "k" * 256, "public_key": KEY},
        {"name": "k", "public_key": KEY, "type": "pgp"},
    ):
        client.call("POST", "/os-keypairs", {"keypair": keypair}, 400)


def test_the_quota_of_keys_is_kept(client: Client) -> None:
    client.as_("admin").call("PUT", f"/os-quota-sets/{PROJECT}", {"quota_set": {"key_pairs": 0}})
    client.call("POST", "/os-keypairs", {"keypair": {"name": "k", "public_key": KEY}}, 403)
