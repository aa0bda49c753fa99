"""OAuth 1 from a consumer to a token, signed by oauthlib."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from oauthlib import oauth1

from skyloom.clock import VirtualClock
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud

HOST = "https://cloud.test/identity/v3"


class Consumer:
    """A program with a key, that asks for the admin project of root."""

    def __init__(self, cloud: Cloud, clock: VirtualClock):
        self.cloud = cloud
        self.clock = clock
        made = cloud.ok("POST", "/OS-OAUTH1/consumers", cloud.root, {"consumer": {"description": "a program"}})
        self.id, self.secret = made["consumer"]["id"], made["consumer"]["secret"]
        self.project = cloud.ids["project:admin"]

    def header(self, path: str, **more: Any) -> dict[str, str]:
        timestamp = str(int(self.clock.now().timestamp()))
        client = oauth1.Client(self.id, **{"client_secret": self.secret, "timestamp": timestamp, **more})
        signed: dict[str, str] = client.sign(f"{HOST}{path}", "POST")[1]
        return signed

    def post(self, path: str, **more: Any) -> Answer:
        sent = {"requested-project-id": self.project, "host": "cloud.test", **self.header(path, **more)}
        return self.cloud("POST", f"/identity/v3{path}", None, None, {k.lower(): v for k, v in sent.items()})

    def request_token(self) -> dict[str, str]:
        return said(self.post("/OS-OAUTH1/request_token"))

    def authorize(self, token: str, *roles: str, who: str | None = None) -> Answer:
        wanted = [{"name": role} for role in roles or ("member",)]
        return self.cloud.v3("PUT", f"/OS-OAUTH1/authorize/{token}", who or self.cloud.root, {"roles": wanted})

    def exchange(self, request: dict[str, str], verifier: str, **more: Any) -> Answer:
        token = {"resource_owner_key": request["oauth_token"], "resource_owner_secret": request["oauth_token_secret"]}
        return self.post("/OS-OAUTH1/access_token", **{**token, "verifier": verifier, **more})

    def access_token(self, *roles: str) -> dict[str, str]:
        request = self.request_token()
        verifier = self.authorize(request["oauth_token"], *roles).json["token"]["oauth_verifier"]
        return said(self.exchange(request, verifier))

    def sign_in(self, access: dict[str, str], scope: Any = None, **more: Any) -> Answer:
        token = {"resource_owner_key": access["oauth_token"], "resource_owner_secret": access["oauth_token_secret"]}
        return self.sign_in_by(self.header("/auth/tokens", **{**token, **more}), scope)

    def sign_in_by(self, header: dict[str, str], scope: Any = None) -> Answer:
        auth: dict[str, Any] = {"identity": {"methods": ["oauth1"], "oauth1": {}}}
        body = {"auth": auth if scope is None else {**auth, "scope": scope}}
        sent = {"host": "cloud.test", "authorization": header["Authorization"]}
        return self.cloud("POST", "/identity/v3/auth/tokens?nocatalog", None, body, sent)

    def token(self, access: dict[str, str]) -> str:
        answer = self.sign_in(access)
        assert answer.status == 201, answer.body
        return answer.headers["X-Subject-Token"]


def said(answer: Answer) -> dict[str, str]:
    assert answer.status == 201 and answer.headers["Content-Type"] == "application/x-www-form-urlencoded", answer.body
    return {name: value for name, (value,) in parse_qs(answer.body.decode()).items()}


@pytest.fixture
def consumer(cloud: Cloud, clock: VirtualClock) -> Consumer:
    return Consumer(cloud, clock)


def test_a_consumer_acts_as_the_user_with_the_roles_handed_on(cloud: Cloud, consumer: Consumer) -> None:
    access = consumer.access_token("member")
    answer = consumer.sign_in(access)
    token = answer.json["token"]
    assert token["methods"] == ["oauth1"] and token["user"]["name"] == "root"
    assert token["project"]["id"] == consumer.project and {role["name"] for role in token["roles"]} == {
        "member",
        "reader",
    }
    assert token["OS-OAUTH1"] == {"access_token_id": access["oauth_token"], "consumer_id": consumer.id}
    text = answer.headers["X-Subject-Token"]
    assert cloud.v3("GET", "/auth/tokens", cloud.root, x_subject_token=text).json["token"]["OS-OAUTH1"]
    assert cloud.v3("GET", "/users", text).status == 403
    assert cloud.v3("GET", "/auth/projects", text).status == 200


def test_the_scope_is_always_the_project_of_the_access_token(cloud: Cloud, consumer: Consumer) -> None:
    answer = consumer.sign_in(consumer.access_token(), {"system": {"all": True}})
    assert answer.json["token"]["project"]["id"] == consumer.project and "system" not in answer.json["token"]


def test_access_tokens_are_shown_to_administrators_and_deleted_with_their_tokens(
    cloud: Cloud, consumer: Consumer
) -> None:
    access = consumer.access_token("member", "admin")
    many = f"/users/{cloud.ids['root']}/OS-OAUTH1/access_tokens"
    one = f"{many}/{access['oauth_token']}"
    shown = cloud.ok("GET", one, cloud.root)["access_token"]
    assert shown["expires_at"] == access["oauth_expires_at"] and shown["consumer_id"] == consumer.id
    assert shown["links"]["roles"].endswith(f"{one}/roles") and "sealed_secret" not in shown
    assert [each["id"] for each in cloud.ok("GET", many, cloud.root)["access_tokens"]] == [access["oauth_token"]]
    assert {role["name"] for role in cloud.ok("GET", f"{one}/roles", cloud.root)["roles"]} == {"admin", "member"}
    assert cloud.ok("GET", f"{one}/roles/{cloud.ids['admin']}", cloud.root)["role"]["name"] == "admin"
    assert cloud.v3("GET", f"{one}/roles/{cloud.ids['reader']}", cloud.root).status == 404
    assert cloud.v3("GET", one, cloud.token("demo")).status == 403
    assert cloud.v3("GET", one.replace(cloud.ids["root"], cloud.ids["demo"]), cloud.root).status == 404
    text = consumer.token(access)
    cloud.ok("DELETE", one, cloud.root)
    assert cloud.v3("GET", "/auth/projects", text).status == 401
    assert consumer.sign_in(access).status == 401


def test_a_deleted_consumer_ends_its_tokens(cloud: Cloud, consumer: Consumer) -> None:
    access, waiting = consumer.access_token(), consumer.request_token()
    text = consumer.token(access)
    cloud.ok("DELETE", f"/OS-OAUTH1/consumers/{consumer.id}", cloud.root)
    assert cloud.v3("GET", "/auth/projects", text).status == 401
    assert consumer.sign_in(access).status == 401
    assert consumer.authorize(waiting["oauth_token"]).status == 404
    assert consumer.post("/OS-OAUTH1/request_token").status == 404


def test_roles_that_the_user_loses_are_lost_to_the_consumer(cloud: Cloud, consumer: Consumer) -> None:
    access = consumer.access_token("admin")
    text = consumer.token(access)
    assert cloud.v3("GET", "/users", text).status == 200
    grant = f"/projects/{consumer.project}/users/{cloud.ids['root']}/roles/{cloud.ids['admin']}"
    system = cloud.token("root", scope={"system": {"all": True}})
    cloud.ok("DELETE", grant, system)
    assert cloud.v3("GET", "/users", text).status == 401
    assert consumer.sign_in(access).status == 401


def test_a_request_token_is_authorized_by_who_has_the_roles(cloud: Cloud, consumer: Consumer) -> None:
    token = consumer.request_token()["oauth_token"]
    assert consumer.authorize(token, who=cloud.token("demo")).status == 403
    assert consumer.authorize(token, "service").status == 401
    assert consumer.authorize("nothing").status == 404
    empty = cloud.v3("PUT", f"/OS-OAUTH1/authorize/{token}", cloud.root, {"roles": []})
    assert empty.status == 400
    system = cloud.token("root", scope={"system": {"all": True}})
    assert consumer.authorize(token, who=system).status == 403
    assert consumer.authorize(token).status == 200


def test_an_access_token_takes_the_right_verifier_once(consumer: Consumer) -> None:
    request = consumer.request_token()
    assert consumer.exchange(request, "abcdefgh").status == 401
    verifier = consumer.authorize(request["oauth_token"]).json["token"]["oauth_verifier"]
    assert len(verifier) == 8
    assert consumer.exchange(request, "abcdefgh").status == 401
    assert consumer.exchange(request, verifier, resource_owner_secret="wrong").status == 401
    assert consumer.exchange(request, verifier).status == 201
    assert consumer.exchange(request, verifier).status == 404


def test_a_request_token_is_no_access_token_and_of_its_consumer_only(
    cloud: Cloud, clock: VirtualClock, consumer: Consumer
) -> None:
    other = Consumer(cloud, clock)
    request = consumer.request_token()
    verifier = consumer.authorize(request["oauth_token"]).json["token"]["oauth_verifier"]
    assert other.exchange(request, verifier).status == 401
    assert consumer.sign_in(request).status == 401
    access = said(consumer.exchange(request, verifier))
    assert other.sign_in(access).status == 401
    assert consumer.sign_in(access).status == 201


def test_tokens_of_oauth_run_out(cloud: Cloud, clock: VirtualClock, consumer: Consumer) -> None:
    request, access = consumer.request_token(), consumer.access_token()
    clock.advance(28_801)
    cloud.root = cloud.token("root")
    assert consumer.authorize(request["oauth_token"]).status == 401
    clock.advance(86_400 - 28_801 - 60)
    answer = consumer.sign_in(access)
    assert answer.json["token"]["expires_at"] == access["oauth_expires_at"]
    clock.advance(60)
    assert consumer.sign_in(access).status == 401


@pytest.mark.parametrize("far_s", [-601, 601])
def test_a_signature_of_another_time_is_refused(clock: VirtualClock, consumer: Consumer, far_s: int) -> None:
    access = consumer.access_token()
    at = str(int((clock.now() + timedelta(seconds=far_s)).timestamp()))
    assert consumer.sign_in(access, timestamp=at).status == 401
    assert consumer.sign_in(access).status == 201


def test_a_signature_counts_once(cloud: Cloud, consumer: Consumer) -> None:
    access = consumer.access_token()
    token = {"resource_owner_key": access["oauth_token"], "resource_owner_secret": access["oauth_token_secret"]}
    header = consumer.header("/auth/tokens", **token)
    assert [consumer.sign_in_by(header).status for _ in range(3)] == [201, 401, 401]
    assert consumer.sign_in(access).status == 201


def test_a_request_token_takes_a_signature_of_a_consumer(consumer: Consumer) -> None:
    assert consumer.post("/OS-OAUTH1/request_token", client_secret="wrong").status == 401
    consumer.id = "nobody"
    assert consumer.post("/OS-OAUTH1/request_token").status == 404


def test_a_signature_without_a_nonce_is_malformed(consumer: Consumer) -> None:
    access = consumer.access_token()
    token = {"resource_owner_key": access["oauth_token"], "resource_owner_secret": access["oauth_token_secret"]}
    assert consumer.sign_in_by(consumer.header("/auth/tokens", **token, nonce="")).status == 400


def test_a_request_token_is_for_a_project_that_is_there(cloud: Cloud, consumer: Consumer) -> None:
    consumer.project = "nowhere"
    assert consumer.post("/OS-OAUTH1/request_token").status == 404
    consumer.project = ""
    assert consumer.post("/OS-OAUTH1/request_token").status == 400
    assert cloud("POST", "/identity/v3/OS-OAUTH1/request_token", None).status == 400


def test_a_token_of_oauth_hands_nothing_on(cloud: Cloud, consumer: Consumer) -> None:
    text = consumer.token(consumer.access_token("admin"))
    user, project = cloud.ids["root"], consumer.project
    assert cloud.exchange(text).status == 403
    trust = {
        "trustor_user_id": user,
        "trustee_user_id": cloud.ids["demo"],
        "project_id": project,
        "impersonation": True,
        "roles": [{"name": "admin"}],
    }
    assert cloud.v3("POST", "/OS-TRUST/trusts", text, {"trust": trust}).status == 403
    credential = {"application_credential": {"name": "escape"}}
    assert cloud.v3("POST", f"/users/{user}/application_credentials", text, credential).status == 403
    assert cloud.v3("GET", f"/users/{user}/application_credentials", text).status == 403
    assert cloud.v3("POST", f"/users/{user}/credentials/OS-EC2", text, {"tenant_id": project}).status == 403
    assert cloud.v3("GET", f"/users/{user}/OS-OAUTH1/access_tokens", text).status == 403
    assert consumer.authorize(consumer.request_token()["oauth_token"], who=text).status == 403


def test_the_secret_of_a_consumer_is_shown_once_and_stays(cloud: Cloud, consumer: Consumer) -> None:
    one = f"/OS-OAUTH1/consumers/{consumer.id}"
    assert cloud.v3("PATCH", one, cloud.root, {"consumer": {"secret": "another"}}).status == 400
    assert cloud.v3("PATCH", one, cloud.token("demo"), {"consumer": {"secret": "another"}}).status == 403
    assert (
        cloud.ok("PATCH", one, cloud.root, {"consumer": {"description": "other"}})["consumer"]["description"] == "other"
    )
    assert "secret" not in cloud.ok("GET", one, cloud.root)["consumer"]
    assert consumer.post("/OS-OAUTH1/request_token").status == 201
