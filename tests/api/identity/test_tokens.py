import pytest

from skyloom.clock import VirtualClock
from tests.api.identity.conftest import Cloud

SENTENCE = "The request you have made requires authentication."


def test_a_password_gives_a_token_of_the_default_project(cloud: Cloud) -> None:
    answer = cloud.sign_in("demo")
    token = answer.json["token"]
    assert answer.status == 201
    assert token["methods"] == ["password"]
    assert token["user"]["name"] == "demo" and token["user"]["domain"] == {"id": "default", "name": "Default"}
    assert token["project"]["name"] == "demo"
    assert {role["name"] for role in token["roles"]} == {"member", "reader"}
    urls = {service["type"]: service["endpoints"][0]["url"] for service in token["catalog"]}
    assert urls["volume"] == f"https://cloud.test/v/{cloud.ids['project:demo']}"


@pytest.mark.parametrize(("name", "password"), [("demo", "wrong"), ("nobody", "wrong"), ("demo", "")])
def test_a_refusal_never_says_what_was_wrong(cloud: Cloud, name: str, password: str) -> None:
    answer = cloud.sign_in(name, password or " ")
    assert answer.status == 401
    assert answer.json == {"error": {"code": 401, "message": SENTENCE, "title": "Unauthorized"}}
    assert answer.headers["WWW-Authenticate"] == 'Keystone uri="https://cloud.test/identity/v3"'


@pytest.mark.parametrize(
    "auth",
    [
        {"identity": {"methods": ["password"]}},
        {"identity": {"methods": ["password"], "password": {"user": {"password": "x"}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"name": "demo", "password": "x"}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"name": "demo", "domain": {}, "password": "x"}}}},
        {"identity": {"methods": ["token"]}},
        {"identity": {"methods": ["totp"]}},
        {"identity": {"methods": ["totp"], "totp": {"user": {"passcode": "1", "name": "demo"}}}},
        {"identity": {"methods": ["application_credential"]}},
        {
            "identity": {
                "methods": ["application_credential"],
                "application_credential": {"name": "a", "secret": "s"},
            }
        },
    ],
)
def test_who_names_nobody_is_told_so(cloud: Cloud, auth: dict[str, object]) -> None:
    answer = cloud.v3("POST", "/auth/tokens", body={"auth": auth})
    assert answer.status == 400 and "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("password", ["demo's word", "wrong"])
def test_no_proof_is_looked_at_where_another_is_missing(cloud: Cloud, password: str) -> None:
    user = {"id": cloud.ids["demo"], "password": password}
    identity = {"methods": ["password", "totp"], "password": {"user": user}}
    answer = cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity}})
    assert answer.status == 400 and "totp" in answer.json["error"]["message"]


@pytest.mark.parametrize("scope", [{"project": {}}, {"project": {"name": "demo"}}, {"domain": {}}])
def test_a_scope_that_names_nothing_is_told_so(cloud: Cloud, scope: dict[str, object]) -> None:
    assert cloud.sign_in("demo", scope=scope).status == 400
    assert cloud.sign_in("demo", "wrong", scope=scope).status == 401


def test_a_scope_without_a_role_is_refused_alike(cloud: Cloud) -> None:
    answer = cloud.sign_in("demo", scope={"project": {"id": cloud.ids["project:other"]}})
    assert (answer.status, answer.json["error"]["message"]) == (401, SENTENCE)
    answer = cloud.sign_in("demo", scope={"project": {"id": "no-such-project"}})
    assert (answer.status, answer.json["error"]["message"]) == (401, SENTENCE)


@pytest.mark.parametrize(
    ("scope", "key"),
    [
        ({"system": {"all": True}}, "system"),
        ({"domain": {"name": "Default"}}, "domain"),
        ({"project": {"name": "admin", "domain": {"name": "Default"}}}, "project"),
    ],
)
def test_every_scope_is_shown_in_its_token(cloud: Cloud, scope: object, key: str) -> None:
    token = cloud.sign_in("root", scope=scope).json["token"]
    assert {"system", "domain", "project"} & set(token) == {key}
    assert (key == "project") == any(service["type"] == "volume" for service in token["catalog"])


def test_an_unscoped_token_has_neither_roles_nor_catalog(cloud: Cloud) -> None:
    token = cloud.sign_in("root", scope="unscoped").json["token"]
    assert not {"roles", "catalog", "project"} & set(token)


def test_two_scopes_at_once_are_a_bad_request(cloud: Cloud) -> None:
    scope = {"system": {"all": True}, "project": {"id": cloud.ids["project:admin"]}}
    assert cloud.sign_in("root", scope=scope).status == 400


def test_what_is_shown_of_a_token_is_what_it_came_with(cloud: Cloud) -> None:
    made = cloud.sign_in("demo")
    text = made.headers["X-Subject-Token"]
    for who in (text, cloud.root, cloud.token("nova")):
        shown = cloud.v3("GET", "/auth/tokens", who, x_subject_token=text)
        assert shown.status == 200 and shown.json == made.json
        assert shown.headers["X-Subject-Token"] == text
    assert cloud.v3("HEAD", "/auth/tokens", text, x_subject_token=text).status == 200


def test_a_stranger_learns_nothing_of_a_token(cloud: Cloud) -> None:
    text = cloud.token("demo")
    assert cloud.v3("GET", "/auth/tokens", cloud.token("stranger"), x_subject_token=text).status == 403
    assert cloud.v3("DELETE", "/auth/tokens", cloud.token("stranger"), x_subject_token=text).status == 403
    assert cloud.v3("GET", "/auth/tokens", None, x_subject_token=text).status == 401


def test_the_catalog_can_be_left_out(cloud: Cloud) -> None:
    text = cloud.token("demo")
    shown = cloud.v3("GET", "/auth/tokens?nocatalog", text, x_subject_token=text)
    assert "catalog" not in shown.json["token"] and shown.json["token"]["roles"]


def test_a_revoked_token_is_refused_at_once(cloud: Cloud) -> None:
    text = cloud.token("demo")
    assert cloud.v3("GET", "/auth/projects", text).status == 200
    assert cloud.v3("DELETE", "/auth/tokens", text, x_subject_token=text).status == 204
    assert cloud.v3("GET", "/auth/projects", text).status == 401
    assert cloud.v3("GET", "/auth/tokens", cloud.root, x_subject_token=text).status == 404


def test_an_expired_token_is_refused_and_can_be_validated_for_a_while(cloud: Cloud, clock: VirtualClock) -> None:
    text = cloud.token("demo")
    clock.advance(3599)
    assert cloud.v3("GET", "/auth/projects", text).status == 200
    clock.advance(1)
    nova = cloud.token("nova")
    assert cloud.v3("GET", "/auth/projects", text).status == 401
    assert cloud.v3("GET", "/auth/tokens", nova, x_subject_token=text).status == 404
    assert cloud.v3("GET", "/auth/tokens?allow_expired=1", nova, x_subject_token=text).status == 200
    clock.advance(172_800)
    nova = cloud.token("nova")
    assert cloud.v3("GET", "/auth/tokens?allow_expired=1", nova, x_subject_token=text).status == 404


def test_an_exchanged_token_ends_when_the_first_one_does(cloud: Cloud, clock: VirtualClock) -> None:
    first = cloud.sign_in("root")
    clock.advance(100)
    second = cloud.exchange(first.headers["X-Subject-Token"], {"system": {"all": True}})
    assert second.json["token"]["expires_at"] == first.json["token"]["expires_at"]
    assert set(second.json["token"]["methods"]) == {"token", "password"}
    assert second.json["token"]["audit_ids"][1] == first.json["token"]["audit_ids"][0]


@pytest.mark.parametrize("noun", ["user", "project", "domain"])
def test_what_is_disabled_carries_no_token(cloud: Cloud, noun: str) -> None:
    domain = cloud.ok("POST", "/domains", cloud.root, {"domain": {"name": "d"}})["domain"]
    project = cloud.ok("POST", "/projects", cloud.root, {"project": {"name": "p", "domain_id": domain["id"]}})[
        "project"
    ]
    user = cloud.user("u", domain["id"])
    cloud.ok("PUT", f"/projects/{project['id']}/users/{user['id']}/roles/{cloud.ids['member']}", cloud.root)
    identity = {"methods": ["password"], "password": {"user": {"id": user["id"], "password": "u's word"}}}
    auth = {"auth": {"identity": identity, "scope": {"project": {"id": project["id"]}}}}
    text = cloud.v3("POST", "/auth/tokens", body=auth).headers["X-Subject-Token"]
    assert cloud.v3("GET", "/auth/projects", text).status == 200
    thing = {"user": user, "project": project, "domain": domain}[noun]
    cloud.ok("PATCH", f"/{noun}s/{thing['id']}", cloud.root, {noun: {"enabled": False}})
    assert cloud.v3("GET", "/auth/projects", text).status == 401
    assert cloud.v3("POST", "/auth/tokens", body=auth).status == 401


def test_a_lost_role_ends_what_tokens_could_do(cloud: Cloud) -> None:
    text = cloud.token("demo")
    cloud.ok(
        "DELETE",
        f"/projects/{cloud.ids['project:demo']}/users/{cloud.ids['demo']}/roles/{cloud.ids['member']}",
        cloud.root,
    )
    assert cloud.v3("GET", "/auth/projects", text).status == 401


def test_no_token_rubbish_and_an_unknown_path(cloud: Cloud) -> None:
    assert cloud.v3("GET", "/users").status == 401
    assert cloud.v3("GET", "/users", "rubbish").status == 401
    assert cloud.v3("GET", "/nothing", cloud.root).status == 404


def test_where_one_can_go_is_listed(cloud: Cloud) -> None:
    text = cloud.token("root", scope="unscoped")
    assert [p["name"] for p in cloud.ok("GET", "/auth/projects", text)["projects"]] == ["admin"]
    assert [d["id"] for d in cloud.ok("GET", "/auth/domains", text)["domains"]] == ["default"]
    assert cloud.ok("GET", "/auth/system", text)["system"] == [{"all": True}]
    assert cloud.v3("GET", "/auth/catalog", text).status == 403
    assert cloud.ok("GET", "/auth/catalog", cloud.root)["catalog"]


def test_more_than_one_factor_can_be_demanded(cloud: Cloud) -> None:
    options = {"multi_factor_auth_enabled": True, "multi_factor_auth_rules": [["password", "totp"]]}
    cloud.ok("PATCH", f"/users/{cloud.ids['demo']}", cloud.root, {"user": {"options": options}})
    assert cloud.sign_in("demo").status == 401


def test_a_one_time_password_is_a_second_factor(cloud: Cloud, clock: VirtualClock) -> None:
    from skyloom.identity.signatures import totp

    seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    credential = {"user_id": cloud.ids["demo"], "type": "totp", "blob": seed}
    cloud.ok("POST", "/credentials", cloud.root, {"credential": credential})
    user = {"id": cloud.ids["demo"]}

    def sign_in(code: str) -> int:
        identity = {
            "methods": ["password", "totp"],
            "password": {"user": {**user, "password": "demo's word"}},
            "totp": {"user": {**user, "passcode": code}},
        }
        return cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity}}).status

    now = clock.now().timestamp()
    assert sign_in(totp(seed, now - 90)) == 401
    assert sign_in(totp(seed, now - 30)) == 201
    assert sign_in(totp(seed, now)) == 201
