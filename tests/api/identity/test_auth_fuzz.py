"""Whatever is sent to POST /v3/auth/tokens: a known refusal or a token, and a token for the right secrets only."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from skyloom.clock import VirtualClock
from skyloom.db import Database, metadata
from skyloom.identity import IdentitySettings
from skyloom.identity.signatures import totp
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud

SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
REFUSALS = {400, 401, 403, 404, 413}
"""404 is Keystone's for a token that cannot be exchanged."""
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        *("auth", "identity", "methods", "password", "token", "totp", "application_credential", "user", "id", "name"),
        *("domain", "secret", "passcode", "scope", "project", "system", "all", "OS-TRUST:trust"),
    ]
)
FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass
class Target:
    """A cloud and what is secret in it. `tokens`: whose each is; `credentials`: owner and secret by id and by name."""

    cloud: Cloud
    clock: VirtualClock
    passwords: dict[str, str]
    tokens: dict[str, str]
    credentials: dict[str, tuple[str, str]]

    def code(self) -> str:
        """A new one each time: each counts once."""
        self.clock.advance(30)
        return totp(SEED, self.clock.now().timestamp())

    def send(self, body: bytes, receipt: str = "") -> Answer:
        headers = {"openstack_auth_receipt": receipt} if receipt else {}
        return self.cloud.v3("POST", "/auth/tokens", body=body, **headers)

    def check(self, answer: Answer, sent: Any, code: str) -> None:
        assert answer.status in REFUSALS | {201}, (answer.status, answer.body, sent)
        if answer.status != 201:
            assert "X-Subject-Token" not in answer.headers
            return
        user_id, identity = answer.json["token"]["user"]["id"], sent["auth"]["identity"]
        methods = set(identity["methods"])
        assert methods, sent
        for method in methods:
            assert self._is_proven(method, user_id, identity, code), (method, sent)
        if user_id == self.cloud.ids["guarded"]:
            proven = set(answer.json["token"]["methods"])
            assert {"password", "totp"} <= proven, sent

    def _is_proven(self, method: str, user_id: str, identity: Any, code: str) -> bool:
        if method == "password":
            return bool(identity["password"]["user"]["password"] == self.passwords[user_id])
        if method == "token":
            return self.tokens.get(identity["token"]["id"]) == user_id
        if method == "totp":
            return user_id == self.cloud.ids["guarded"] and identity["totp"]["user"]["passcode"] == code
        proof = identity["application_credential"]
        known = {self.credentials.get(proof.get(key) or "") for key in ("id", "name")}
        return (user_id, proof["secret"]) in known


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder, clock = tmp_path_factory.mktemp("fuzz"), VirtualClock()
    database = Database(f"sqlite:///{folder}/skyloom.db", clock)
    metadata.create_all(database.engine)
    # tokens must outlive the virtual half minutes of all examples
    cloud = Cloud(database, Path(folder), IdentitySettings(password_cost=1, token_life_s=10_000_000))
    options = {"multi_factor_auth_rules": [["password", "totp"]]}
    cloud.ids["guarded"] = cloud.user("guarded", options=options)["id"]
    credential = {"user_id": cloud.ids["guarded"], "type": "totp", "blob": SEED}
    cloud.ok("POST", "/credentials", cloud.root, {"credential": credential})
    passwords = {
        cloud.ids[name]: f"{name}'s word" for name in ("root", "demo", "looker", "stranger", "nova", "guarded")
    }
    tokens = {cloud.token(name): cloud.ids[name] for name in ("demo", "stranger")}
    demo = cloud.token("demo")
    path = f"/users/{cloud.ids['demo']}/application_credentials"
    made = cloud.ok("POST", path, demo, {"application_credential": {"name": "robot"}})["application_credential"]
    held = (cloud.ids["demo"], made["secret"])
    yield Target(cloud, clock, passwords, {**tokens, demo: cloud.ids["demo"]}, {made["id"]: held, "robot": held})
    database.close()


def good_bodies(target: Target, code: str) -> list[dict[str, Any]]:
    """Each gets a token as it is."""
    ids, default = target.cloud.ids, {"id": "default"}
    demo = {"name": "demo", "domain": {"name": "Default"}, "password": "demo's word"}
    (credential_id, (_, secret)), *_ = target.credentials.items()
    token = next(iter(target.tokens))
    robot = {"name": "robot", "user": {"name": "demo", "domain": default}, "secret": secret}
    guarded = {"id": ids["guarded"]}
    both = {
        "methods": ["password", "totp"],
        "password": {"user": {**guarded, "password": "guarded's word"}},
        "totp": {"user": {**guarded, "passcode": code}},
    }
    project = {"name": "demo", "domain": default}
    return [
        {"auth": {"identity": {"methods": ["password"], "password": {"user": demo}}}},
        {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": {**demo, "domain": default}}},
                "scope": {"project": project},
            }
        },
        {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"id": ids["root"], "password": "root's word"}},
                },
                "scope": {"system": {"all": True}},
            }
        },
        {
            "auth": {
                "identity": {"methods": ["token"], "token": {"id": token}},
                "scope": {"project": {"id": ids["project:demo"]}},
            }
        },
        {"auth": {"identity": {"methods": ["token", "password"], "token": {"id": token}, "password": {"user": demo}}}},
        {
            "auth": {
                "identity": {
                    "methods": ["application_credential"],
                    "application_credential": {"id": credential_id, "secret": secret},
                }
            }
        },
        {"auth": {"identity": {"methods": ["application_credential"], "application_credential": robot}}},
        {"auth": {"identity": both, "scope": "unscoped"}},
    ]


def known_values(target: Target, code: str) -> list[Any]:
    """What is right in one place and must not be in another."""
    cloud = target.cloud
    (credential_id, (_, secret)), *_ = target.credentials.items()
    known = [*cloud.ids.values(), *target.passwords.values(), *target.tokens, credential_id, secret, code, SEED]
    words = ["password", "token", "totp", "application_credential", "mapped", "external", "unscoped", "default"]
    return [*known, *words, *cloud.ids, None, "", "\0", {}, [], ["password"], ["totp"], ["token", "password"]]


def places(document: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    items = (
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else [])
    )
    for key, inner in items:
        yield from places(inner, (*at, key))


def mutate(draw: st.DataObject, target: Target, document: Any, code: str) -> None:
    """One value is replaced, moved under another name, or removed."""
    *way, last = draw.draw(st.sampled_from(list(places(document))), label="place")
    holder = document
    for key in way:
        holder = holder[key]
    match draw.draw(st.sampled_from(("known", "any", "remove", "rename", "add")), label="how"):
        case "known":
            holder[last] = copy.deepcopy(draw.draw(st.sampled_from(known_values(target, code))))
        case "any":
            holder[last] = draw.draw(ANY_JSON)
        case "remove":
            del holder[last]
        case "rename" if isinstance(holder, dict):
            holder[draw.draw(KEYS)] = holder.pop(last)
        case _ if isinstance(holder, dict):
            holder[draw.draw(KEYS)] = copy.deepcopy(draw.draw(st.sampled_from(known_values(target, code))))


def test_good_bodies_are_good(target: Target) -> None:
    """Else the mutations below would be of nothing."""
    code = target.code()
    for body in good_bodies(target, code):
        answer = target.send(json.dumps(body).encode())
        assert answer.status == 201, (body, answer.body)
        target.check(answer, body, code)


@FUZZ
@given(st.data())
def test_a_mutated_body_gets_a_token_for_the_right_secrets_only(target: Target, data: st.DataObject) -> None:
    code = target.code()
    body = data.draw(st.sampled_from(good_bodies(target, code)), label="body")
    methods = body["auth"]["identity"]["methods"]
    if len(methods) > 1 and data.draw(st.booleans(), label="fewer methods"):
        del methods[data.draw(st.integers(0, len(methods) - 1))]
    for _ in range(data.draw(st.integers(0, 4), label="mutations")):
        mutate(data, target, body, code)
        if not body:
            break
    target.check(target.send(json.dumps(body).encode()), body, code)


@FUZZ
@given(ANY_JSON | st.fixed_dictionaries({"auth": ANY_JSON | st.fixed_dictionaries({"identity": ANY_JSON})}))
@example({"auth": {"identity": {"methods": []}}})
@example({"auth": {"identity": {"methods": ["password"]}}})
@example(
    {"auth": {"identity": {"methods": ["password"], "password": {"user": {"id": "\ud800", "password": "\ud800"}}}}}
)
def test_any_json_is_answered(target: Target, document: Any) -> None:
    answer = target.send(json.dumps(document).encode())
    assert answer.status in REFUSALS, (answer.status, answer.body)


@FUZZ
@given(st.binary(max_size=300))
def test_any_bytes_are_answered(target: Target, raw: bytes) -> None:
    assert target.send(raw).status in REFUSALS


@FUZZ
@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), min_size=1, max_size=300))
def test_any_receipt_is_refused(target: Target, text: str) -> None:
    """Beside the right password of a user who needs one more factor."""
    user = {"id": target.cloud.ids["guarded"], "password": "guarded's word"}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    assert target.send(json.dumps(body).encode(), text).status == 401


@pytest.mark.parametrize("size", [10_000, 100_000, 200_000])
def test_long_secrets_are_answered(target: Target, size: int) -> None:
    for body in good_bodies(target, "000000")[:6:5]:
        text = json.dumps(body).replace("demo's word", "x" * size).replace('"secret": "', f'"secret": "{"x" * size}')
        assert target.send(text.encode()).status in REFUSALS


def test_deep_bodies_are_answered(target: Target) -> None:
    assert target.send(b'{"auth": ' + b"[" * 20_000).status == 400
    assert target.send(b'{"auth": ' + b'{"a":' * 20_000).status == 400
