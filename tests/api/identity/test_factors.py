"""Several factors: receipts for the first ones, codes that count once, and the real client on top."""

from collections.abc import Iterator
from typing import Any

import pytest
from keystoneauth1 import session
from keystoneauth1.exceptions.auth import MissingAuthMethods
from keystoneauth1.identity.v3 import MultiFactor, ReceiptMethod

from skyloom.clock import VirtualClock
from skyloom.identity.signatures import totp
from skyloom.web.server import Server
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud

SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RULES = {"multi_factor_auth_rules": [["password", "totp"]]}


@pytest.fixture
def guarded(cloud: Cloud) -> Cloud:
    """demo needs a password and a one-time password."""
    cloud.ok("PATCH", f"/users/{cloud.ids['demo']}", cloud.root, {"user": {"options": RULES}})
    credential = {"user_id": cloud.ids["demo"], "type": "totp", "blob": SEED}
    cloud.ok("POST", "/credentials", cloud.root, {"credential": credential})
    return cloud


def password(cloud: Cloud, name: str = "demo") -> dict[str, Any]:
    return {"password": {"user": {"id": cloud.ids[name], "password": f"{name}'s word"}}}


def code(cloud: Cloud, clock: VirtualClock) -> dict[str, Any]:
    return {"totp": {"user": {"id": cloud.ids["demo"], "passcode": totp(SEED, clock.now().timestamp())}}}


def sign_in(cloud: Cloud, *proofs: dict[str, Any], receipt: str | None = None) -> Answer:
    identity: dict[str, Any] = {"methods": [name for proof in proofs for name in proof]}
    for proof in proofs:
        identity |= proof
    headers = {"openstack_auth_receipt": receipt} if receipt is not None else {}
    return cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity}}, **headers)


def receipt_of(cloud: Cloud, *proofs: dict[str, Any]) -> str:
    answer = sign_in(cloud, *(proofs or (password(cloud),)))
    assert answer.status == 401
    return answer.headers["Openstack-Auth-Receipt"]


def test_a_first_factor_gets_a_receipt(guarded: Cloud) -> None:
    answer = sign_in(guarded, password(guarded))
    assert answer.status == 401 and answer.headers["Openstack-Auth-Receipt"]
    assert answer.json == {
        "receipt": {
            "methods": ["password"],
            "user": {"id": guarded.ids["demo"], "name": "demo", "domain": {"id": "default", "name": "Default"}},
            "expires_at": "2026-01-01T00:05:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
        },
        "required_auth_methods": [["password", "totp"]],
    }


def test_the_rest_comes_with_the_receipt(guarded: Cloud, clock: VirtualClock) -> None:
    answer = sign_in(guarded, code(guarded, clock), receipt=receipt_of(guarded))
    assert answer.status == 201
    assert sorted(answer.json["token"]["methods"]) == ["password", "totp"]
    assert guarded.exchange(answer.headers["X-Subject-Token"]).status == 201, "it has all factors"


def test_both_at_once_need_no_receipt(guarded: Cloud, clock: VirtualClock) -> None:
    assert sign_in(guarded, password(guarded), code(guarded, clock)).status == 201


def test_a_receipt_ends_soon(guarded: Cloud, clock: VirtualClock) -> None:
    receipt = receipt_of(guarded)
    clock.advance(300)
    answer = sign_in(guarded, code(guarded, clock), receipt=receipt)
    assert answer.status == 401 and "Openstack-Auth-Receipt" not in answer.headers


def test_a_receipt_does_not_prolong_another(guarded: Cloud, clock: VirtualClock) -> None:
    rules = {"multi_factor_auth_rules": [["password", "totp", "application_credential"]]}
    guarded.ok("PATCH", f"/users/{guarded.ids['demo']}", guarded.root, {"user": {"options": rules}})
    first = receipt_of(guarded)
    clock.advance(200)
    second = sign_in(guarded, code(guarded, clock), receipt=first)
    assert second.status == 401
    assert second.json["receipt"]["methods"] == ["password", "totp"]
    assert second.json["receipt"]["expires_at"] == "2026-01-01T00:05:00.000000Z"


def test_a_receipt_is_its_users_only(guarded: Cloud, clock: VirtualClock) -> None:
    guarded.ok("PATCH", f"/users/{guarded.ids['looker']}", guarded.root, {"user": {"options": RULES}})
    others = receipt_of(guarded, password(guarded, "looker"))
    answer = sign_in(guarded, code(guarded, clock), receipt=others)
    assert answer.status == 401 and "Openstack-Auth-Receipt" not in answer.headers


def test_a_receipt_alone_is_nothing(guarded: Cloud) -> None:
    answer = sign_in(guarded, receipt=receipt_of(guarded))
    assert answer.status == 401 and "Openstack-Auth-Receipt" not in answer.headers
    again = sign_in(guarded, password(guarded), receipt=receipt_of(guarded))
    assert again.status == 401 and again.json["receipt"]["methods"] == ["password"]


def test_a_receipt_of_before_a_new_password_is_void(guarded: Cloud, clock: VirtualClock) -> None:
    receipt = receipt_of(guarded)
    clock.advance(1)
    guarded.ok("PATCH", f"/users/{guarded.ids['demo']}", guarded.root, {"user": {"password": "new"}})
    assert sign_in(guarded, code(guarded, clock), receipt=receipt).status == 401


def test_neither_is_the_other(guarded: Cloud, clock: VirtualClock) -> None:
    receipt = receipt_of(guarded)
    assert guarded.v3("GET", "/auth/projects", receipt).status == 401
    assert guarded.v3("GET", "/auth/tokens", guarded.root, x_subject_token=receipt).status == 404
    assert guarded.exchange(receipt).status == 404
    token = sign_in(guarded, password(guarded), code(guarded, clock)).headers["X-Subject-Token"]
    clock.advance(30)
    assert sign_in(guarded, password(guarded), receipt=token).status == 401
    for rubbish in ("rubbish", receipt[:-2], "a" * 2000, token, "\x7f"):
        answer = sign_in(guarded, password(guarded), receipt=rubbish)
        assert answer.status == 401 and "Openstack-Auth-Receipt" not in answer.headers, rubbish


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"multi_factor_auth_rules": [["password", "totp"]]}, 401),
        ({"multi_factor_auth_rules": [["password", "totp"]], "multi_factor_auth_enabled": False}, 201),
        ({"multi_factor_auth_rules": [["totp"], ["password"]]}, 201),
        ({"multi_factor_auth_rules": [["nonsense"]]}, 201),
        ({"multi_factor_auth_rules": [["password", "nonsense"]]}, 201),
        ({"multi_factor_auth_rules": [["totp", "nonsense"]]}, 401),
        ({"multi_factor_auth_rules": []}, 201),
    ],
)
def test_which_rules_count(cloud: Cloud, options: dict[str, Any], status: int) -> None:
    cloud.ok("PATCH", f"/users/{cloud.ids['demo']}", cloud.root, {"user": {"options": options}})
    assert cloud.sign_in("demo").status == status


@pytest.mark.parametrize("rules", [[[]], [["password", "password"]], [["totp"], ["totp"]], ["password"], [[1]]])
def test_rules_that_cannot_be_are_refused(cloud: Cloud, rules: Any) -> None:
    body = {"user": {"options": {"multi_factor_auth_rules": rules}}}
    assert cloud.v3("PATCH", f"/users/{cloud.ids['demo']}", cloud.root, body).status == 400


# -- one-time passwords


def test_a_code_counts_once(guarded: Cloud, clock: VirtualClock) -> None:
    proofs = password(guarded), code(guarded, clock)
    assert sign_in(guarded, *proofs).status == 201
    assert sign_in(guarded, *proofs).status == 401
    assert sign_in(guarded, code(guarded, clock), receipt=receipt_of(guarded)).status == 401
    clock.advance(30)
    assert sign_in(guarded, *proofs).status == 401, "in the next step, where it would still fit"
    assert sign_in(guarded, password(guarded), code(guarded, clock)).status == 201


def test_a_wrong_password_beside_it_does_not_spend_a_code(guarded: Cloud, clock: VirtualClock) -> None:
    wrong = {"password": {"user": {"id": guarded.ids["demo"], "password": "mistyped"}}}
    assert sign_in(guarded, code(guarded, clock), wrong).status == 401
    assert sign_in(guarded, code(guarded, clock), password(guarded)).status == 201


def test_one_seed_registered_twice_makes_no_second_use(guarded: Cloud, clock: VirtualClock) -> None:
    credential = {"user_id": guarded.ids["demo"], "type": "totp", "blob": SEED}
    guarded.ok("POST", "/credentials", guarded.root, {"credential": credential})
    proofs = password(guarded), code(guarded, clock)
    assert [sign_in(guarded, *proofs).status for _ in range(3)] == [201, 401, 401]


@pytest.mark.parametrize("seed", ["", "not base32!", "GEZDGNBVGY3TQOJ1", "MFRA====", "☃" * 16])
def test_a_seed_that_cannot_be_is_refused(guarded: Cloud, seed: str) -> None:
    credential = {"user_id": guarded.ids["demo"], "type": "totp", "blob": seed}
    answer = guarded.v3("POST", "/credentials", guarded.root, {"credential": credential})
    assert answer.status == 400 and "base32" in answer.json["error"]["message"]
    (held,) = guarded.ok("GET", f"/credentials?user_id={guarded.ids['demo']}", guarded.root)["credentials"]
    body = {"credential": {"blob": seed}}
    assert guarded.v3("PATCH", f"/credentials/{held['id']}", guarded.root, body).status == 400
    other = {"credential": {**credential, "type": "note", "blob": seed}}
    note = guarded.ok("POST", "/credentials", guarded.root, other)["credential"]
    body = {"credential": {"type": "totp"}}
    assert guarded.v3("PATCH", f"/credentials/{note['id']}", guarded.root, body).status == 400


def test_a_new_seed_begins_anew(guarded: Cloud, clock: VirtualClock) -> None:
    assert sign_in(guarded, password(guarded), code(guarded, clock)).status == 201
    (held,) = guarded.ok("GET", f"/credentials?user_id={guarded.ids['demo']}", guarded.root)["credentials"]
    seed = "JBSWY3DPEHPK3PXPJBSWY3DP"
    guarded.ok("PATCH", f"/credentials/{held['id']}", guarded.root, {"credential": {"blob": seed}})
    new = {"totp": {"user": {"id": guarded.ids["demo"], "passcode": totp(seed, clock.now().timestamp())}}}
    assert sign_in(guarded, password(guarded), new).status == 201


# -- OpenStack's own client


@pytest.fixture
def url(guarded: Cloud) -> Iterator[str]:
    server = Server(guarded.application, "127.0.0.1", 0)
    server.start()
    yield f"http://127.0.0.1:{server.port}/identity/v3"
    server.stop()


def test_keystoneauth_brings_the_rest_with_the_receipt(guarded: Cloud, clock: VirtualClock, url: str) -> None:
    who = {"auth_url": url, "user_id": guarded.ids["demo"], "project_id": guarded.ids["project:demo"]}
    plugin = MultiFactor(auth_methods=["v3password"], password="demo's word", **who)
    with pytest.raises(MissingAuthMethods) as missing:
        session.Session(auth=plugin).get_token()
    assert missing.value.required_auth_methods == [["password", "totp"]]
    passcode = totp(SEED, clock.now().timestamp())
    rest = MultiFactor(auth_methods=["v3totp"], passcode=passcode, **who)
    rest.add_method(ReceiptMethod(receipt=missing.value.receipt))
    token = session.Session(auth=rest).get_token()
    assert guarded.v3("GET", "/auth/projects", token).status == 200


def test_keystoneauth_brings_all_at_once(guarded: Cloud, clock: VirtualClock, url: str) -> None:
    plugin = MultiFactor(
        auth_url=url,
        auth_methods=["v3password", "v3totp"],
        user_id=guarded.ids["demo"],
        password="demo's word",
        passcode=totp(SEED, clock.now().timestamp()),
        project_id=guarded.ids["project:demo"],
    )
    assert session.Session(auth=plugin).get_token()
