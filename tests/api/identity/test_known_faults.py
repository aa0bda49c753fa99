"""Faults that Keystone had, by the names under which they were published: none of them is one of ours.

From the CVE list and OSSA-2026-015. That of federated rescoping (CVE-2026-44394) stands with the tests of federation,
that of disabled LDAP users (CVE-2026-40683) with those of directories.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from skyloom.clock import VirtualClock
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud, Document


def application_credential(cloud: Cloud, token: str, **more: Any) -> Document:
    path = f"/users/{cloud.ids['demo']}/application_credentials"
    body = {"application_credential": {"name": "robot", "secret": "a secret", **more}}
    found: Document = cloud.ok("POST", path, token, body)["application_credential"]
    return found


def by_credential(cloud: Cloud, credential: Document, secret: str = "a secret", **more: Any) -> Answer:
    identity: Document = {
        "methods": ["application_credential"],
        "application_credential": {"id": credential["id"], "secret": secret, **more},
    }
    return cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity}})


def robot(cloud: Cloud, **more: Any) -> str:
    """A token by a new application credential of the user demo."""
    return by_credential(cloud, application_credential(cloud, cloud.token("demo"), **more)).headers["X-Subject-Token"]


def trust_token(cloud: Cloud, **more: Any) -> str:
    """The user stranger with a trust of the user demo."""
    body = {
        "trustor_user_id": cloud.ids["demo"],
        "trustee_user_id": cloud.ids["stranger"],
        "project_id": cloud.ids["project:demo"],
        "impersonation": True,
        "roles": [{"name": "member"}],
        **more,
    }
    made = cloud.ok("POST", "/OS-TRUST/trusts", cloud.token("demo"), {"trust": body})["trust"]
    return cloud.token("stranger", scope={"OS-TRUST:trust": {"id": made["id"]}})


def key_pair(cloud: Cloud, token: str, project: str = "project:demo") -> Document:
    path = f"/users/{cloud.ids['demo']}/credentials/OS-EC2"
    found: Document = cloud.ok("POST", path, token, {"tenant_id": cloud.ids[project]})["credential"]
    return found


def signed(pair: Document, at: str = "2026-01-01T00:00:00Z") -> Document:
    """An EC2 request signed by the pair."""
    params = {"SignatureVersion": "2", "SignatureMethod": "HmacSHA256", "Timestamp": at}
    query = f"SignatureMethod=HmacSHA256&SignatureVersion=2&Timestamp={at.replace(':', '%3A')}"
    digest = hmac.new(pair["secret"].encode(), f"GET\nec2.test\n/\n{query}".encode(), hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return {"access": pair["access"], "signature": signature, "verb": "GET", "host": "ec2.test", "params": params}


def by_key(cloud: Cloud, pair: Document) -> Answer:
    return cloud.v3("POST", "/ec2tokens", cloud.token("nova"), {"ec2Credentials": signed(pair)})


def roles(answer: Answer) -> list[str]:
    return [role["name"] for role in answer.json["token"]["roles"]]


def grant(cloud: Cloud, role: str, project: str) -> None:
    path = f"/projects/{cloud.ids[f'project:{project}']}/users/{cloud.ids['demo']}/roles/{cloud.ids[role]}"
    cloud.ok("PUT", path, cloud.root)


# -- application credentials


@pytest.mark.parametrize("unrestricted", [False, True])
def test_an_application_credentials_token_does_not_rescope(cloud: Cloud, unrestricted: bool) -> None:
    grant(cloud, "member", "other")
    text = robot(cloud, unrestricted=unrestricted, roles=[{"name": "reader"}])
    for scope in (None, "unscoped", {"project": {"id": cloud.ids["project:other"]}}, {"system": {"all": True}}):
        assert cloud.exchange(text, scope).status == 403
    made = application_credential(cloud, cloud.token("demo"), name="second")
    identity = {
        "methods": ["application_credential", "token"],
        "application_credential": {"id": made["id"], "secret": "a secret"},
        "token": {"id": text},
    }
    scope = {"project": {"id": cloud.ids["project:other"]}}
    assert cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity, "scope": scope}}).status == 403
    alone = {**identity, "methods": ["application_credential"]}
    assert cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": alone, "scope": scope}}).status == 401


def test_cve_2026_42998_an_application_credential_is_good_for_its_owner_only(cloud: Cloud) -> None:
    grant(cloud, "member", "demo")
    made = application_credential(cloud, cloud.token("demo"))
    own = {"name": "demo", "domain": {"id": "default"}}
    assert by_credential(cloud, made, user=own).json["token"]["user"]["id"] == cloud.ids["demo"]
    for victim in (
        {"name": "root", "domain": {"id": "default"}},
        {"name": "root", "domain": {"name": "Default"}},
        {"id": cloud.ids["root"]},
        {"id": cloud.ids["demo"], "name": "root"},
        {"name": "demo", "domain": {"id": "elsewhere"}},
    ):
        answer = by_credential(cloud, made, user=victim)
        assert (answer.status, "X-Subject-Token" in answer.headers) == (401, False), victim


@pytest.mark.parametrize("unrestricted", [False, True])
def test_cve_2026_43000_an_application_credential_makes_no_trusts(cloud: Cloud, unrestricted: bool) -> None:
    text = robot(cloud, unrestricted=unrestricted)
    for role in ("reader", "member", "admin"):
        trust = {
            "trustor_user_id": cloud.ids["demo"],
            "trustee_user_id": cloud.ids["stranger"],
            "project_id": cloud.ids["project:demo"],
            "impersonation": True,
            "roles": [{"name": role}],
        }
        assert cloud.v3("POST", "/OS-TRUST/trusts", text, {"trust": trust}).status == 403
    path = f"/OS-TRUST/trusts?trustor_user_id={cloud.ids['demo']}"
    assert cloud.ok("GET", path, cloud.token("demo"))["trusts"] == []


def test_cve_2026_33551_a_restricted_one_makes_no_key_pairs(cloud: Cloud) -> None:
    text = robot(cloud)
    path = f"/users/{cloud.ids['demo']}/credentials/OS-EC2"
    assert cloud.v3("POST", path, text, {"tenant_id": cloud.ids["project:demo"]}).status == 403
    pair = key_pair(cloud, cloud.token("demo"))
    assert cloud.v3("DELETE", f"{path}/{pair['access']}", text).status == 403


def test_a_restricted_one_makes_no_other_and_deletes_none(cloud: Cloud) -> None:
    owner = cloud.token("demo")
    made, path = application_credential(cloud, owner), f"/users/{cloud.ids['demo']}/application_credentials"
    text = by_credential(cloud, made).headers["X-Subject-Token"]
    assert cloud.v3("POST", path, text, {"application_credential": {"name": "x"}}).status == 403
    assert cloud.v3("DELETE", f"{path}/{made['id']}", text).status == 403


def test_an_unrestricted_one_hands_on_no_more_than_it_has(cloud: Cloud) -> None:
    rules = [
        {"service": "identity", "method": "POST", "path": "/v3/users/*/application_credentials"},
        {"service": "identity", "method": "GET", "path": "/v3/auth/projects"},
    ]
    text = robot(
        cloud,
        unrestricted=True,
        roles=[{"name": "reader"}],
        access_rules=rules,
        expires_at="2026-01-01T00:30:00",
    )
    path = f"/users/{cloud.ids['demo']}/application_credentials"

    def make(name: str, **more: Any) -> Answer:
        return cloud.v3("POST", path, text, {"application_credential": {"name": name, **more}})

    assert make("more roles", roles=[{"name": "member"}], access_rules=rules).status == 400
    assert make("no rules").status == 403
    wider = [{"service": "identity", "method": "GET", "path": "/**"}]
    assert make("other rules", access_rules=wider).status == 403
    made = make("same", access_rules=rules[1:], expires_at="2026-06-01T00:00:00").json["application_credential"]
    assert [role["name"] for role in made["roles"]] == ["reader"]
    assert made["expires_at"].startswith("2026-01-01T00:30:00")
    assert (
        make("project in the body", access_rules=rules[:1], project_id=cloud.ids["project:other"]).json[
            "application_credential"
        ]["project_id"]
        == (cloud.ids["project:demo"])
    )


def test_cve_2021_3563_every_letter_of_its_secret_counts(cloud: Cloud) -> None:
    secret = "s" * 100
    made = application_credential(cloud, cloud.token("demo"), secret=secret)
    assert by_credential(cloud, made, secret).status == 201
    assert by_credential(cloud, made, secret[:-1] + "t").status == 401
    assert by_credential(cloud, made, secret[:72]).status == 401


# -- key pairs and other credentials


@pytest.mark.parametrize("project", ["demo", "other"])
def test_cve_2026_43001_a_delegation_makes_no_key_pair_of_another_project(cloud: Cloud, project: str) -> None:
    grant(cloud, "member", "other")
    made = application_credential(cloud, cloud.token("demo"), unrestricted=True, roles=[{"name": "member"}])
    text = by_credential(cloud, made).headers["X-Subject-Token"]
    forged = {"access": "a", "secret": "b", "app_cred_id": None, "trust_id": None}
    body = {
        "credential": {
            "type": "ec2",
            "user_id": cloud.ids["demo"],
            "project_id": cloud.ids[f"project:{project}"],
            "blob": json.dumps(forged),
        }
    }
    expected = 201 if project == "demo" else 403
    answer = cloud.v3("POST", "/credentials", text, body)
    assert answer.status == expected
    if expected == 201:
        assert json.loads(answer.json["credential"]["blob"])["app_cred_id"] == made["id"]
        grant(cloud, "manager", "demo")
        assert sorted(roles(by_key(cloud, {"access": "a", "secret": "b"}))) == ["member", "reader"]
    path = f"/users/{cloud.ids['demo']}/credentials/OS-EC2"
    assert cloud.v3("POST", path, text, {"tenant_id": cloud.ids[f"project:{project}"]}).status == expected


def test_a_key_pair_of_an_application_credential_can_no_more_than_that(cloud: Cloud, clock: VirtualClock) -> None:
    """CVE-2020-12689: and no longer."""
    owner = cloud.token("demo")
    made = application_credential(
        cloud, owner, unrestricted=True, roles=[{"name": "member"}], expires_at="2026-01-01T00:20:00"
    )
    pair = key_pair(cloud, by_credential(cloud, made).headers["X-Subject-Token"])
    grant(cloud, "manager", "demo")
    found = by_key(cloud, pair)
    assert sorted(roles(found)) == ["member", "reader"]
    assert found.json["token"]["application_credential"]["id"] == made["id"]
    assert found.json["token"]["expires_at"] == "2026-01-01T00:20:00.000000Z"
    assert "manager" in roles(by_key(cloud, key_pair(cloud, cloud.token("demo"))))
    cloud.ok("DELETE", f"/users/{cloud.ids['demo']}/application_credentials/{made['id']}", cloud.token("demo"))
    assert by_key(cloud, pair).status == 401
    assert cloud.v3("GET", "/auth/projects", found.headers["X-Subject-Token"]).status == 401


def test_cve_2020_12691_what_a_key_pair_was_made_by_stays(cloud: Cloud) -> None:
    owner = cloud.token("demo")
    pair = key_pair(cloud, robot(cloud, unrestricted=True))
    record = next(c for c in cloud.ok("GET", "/credentials", owner)["credentials"] if pair["access"] in c["blob"])
    blob = json.loads(record["blob"])
    assert blob["app_cred_id"]
    for changed in ({**blob, "app_cred_id": None}, {**blob, "trust_id": "t"}, {"access": "a", "secret": "b"}):
        body = {"credential": {"blob": json.dumps(changed)}}
        assert cloud.v3("PATCH", f"/credentials/{record['id']}", owner, body).status == 400
    for name, value, status in (("user_id", cloud.ids["root"], 403), ("type", "totp", 400)):
        assert cloud.v3("PATCH", f"/credentials/{record['id']}", owner, {"credential": {name: value}}).status == status
    moved = {"credential": {"project_id": cloud.ids["project:other"]}}
    if cloud.v3("PATCH", f"/credentials/{record['id']}", owner, moved).status == 200:
        assert by_key(cloud, pair).status == 401
    same = {"credential": {"blob": json.dumps({**blob, "secret": "new"})}}
    assert cloud.v3("PATCH", f"/credentials/{record['id']}", owner, same).status == 200


@pytest.mark.parametrize("way", ["restricted", "unrestricted", "trust", "key pair"])
def test_cve_2026_90460_no_delegation_touches_what_it_has_not_made_or_reads_seeds(cloud: Cloud, way: str) -> None:
    owner, user = cloud.token("demo"), cloud.ids["demo"]
    blob = {"user_id": user, "type": "totp", "blob": "GEZDGNBVGY3TQOJQ", "project_id": cloud.ids["project:demo"]}
    seed = {"credential": blob}
    own = cloud.ok("POST", "/credentials", owner, seed)["credential"]
    pair = key_pair(cloud, owner)
    text = {
        "restricted": lambda: robot(cloud),
        "unrestricted": lambda: robot(cloud, unrestricted=True),
        "trust": lambda: trust_token(cloud),
        "key pair": lambda: by_key(cloud, pair).headers["X-Subject-Token"],
    }[way]()
    assert cloud.v3("POST", "/credentials", text, seed).status == 403
    other = {"credential": {"project_id": cloud.ids["project:other"]}}
    for change in ({"credential": {"blob": "changed"}}, other):
        assert cloud.v3("PATCH", f"/credentials/{own['id']}", text, change).status == 403
    assert cloud.v3("DELETE", f"/credentials/{own['id']}", text).status == 403
    assert cloud.v3("GET", f"/credentials/{own['id']}", text).status == 403
    for query in ("", f"?user_id={user}", "?type=totp", f"?user_id={user}&type=totp"):
        found = cloud.v3("GET", f"/credentials{query}", text)
        assert found.status == 403 or found.json["credentials"] == []
    pairs = f"/users/{user}/credentials/OS-EC2"
    assert cloud.v3("GET", f"{pairs}/{pair['access']}", text).status == 403
    assert cloud.v3("DELETE", f"{pairs}/{pair['access']}", text).status == 403
    assert cloud.ok("GET", pairs, text)["credentials"] == []
    assert cloud.ok("GET", f"/credentials/{own['id']}", owner)["credential"]["blob"] == "GEZDGNBVGY3TQOJQ"


def test_a_key_pairs_token_goes_nowhere_else(cloud: Cloud) -> None:
    grant(cloud, "member", "other")
    owner, user = cloud.token("demo"), cloud.ids["demo"]
    text = by_key(cloud, key_pair(cloud, owner)).headers["X-Subject-Token"]
    assert cloud.exchange(text, {"project": {"id": cloud.ids["project:other"]}}).status == 403
    another = {"application_credential": {"name": "x"}}
    assert cloud.v3("POST", f"/users/{user}/application_credentials", text, another).status == 403
    pairs = f"/users/{user}/credentials/OS-EC2"
    assert cloud.v3("POST", pairs, text, {"tenant_id": cloud.ids["project:demo"]}).status == 403
    assert cloud.ok("GET", pairs, text)["credentials"] == []
    trust = {
        "trustor_user_id": user,
        "trustee_user_id": cloud.ids["stranger"],
        "project_id": cloud.ids["project:demo"],
        "impersonation": False,
        "roles": [{"name": "reader"}],
    }
    assert cloud.v3("POST", "/OS-TRUST/trusts", text, {"trust": trust}).status == 403


def test_cve_2025_65073_only_services_exchange_signed_requests(cloud: Cloud) -> None:
    pair = key_pair(cloud, cloud.token("demo"))
    string = base64.b64encode(b"GET\n\n\n\n/").decode()
    digest = hmac.new(pair["secret"].encode(), base64.b64decode(string), hashlib.sha1).digest()
    asked = {"access": pair["access"], "signature": base64.b64encode(digest).decode(), "token": string}
    bodies = {"/ec2tokens": {"ec2Credentials": signed(pair)}, "/s3tokens": {"credentials": asked}}
    for path, body in bodies.items():
        assert cloud.v3("POST", path, None, body).status == 401
        for who in ("demo", "looker", "stranger"):
            assert cloud.v3("POST", path, cloud.token(who), body).status == 403
        assert cloud.v3("POST", path, robot(cloud, name=f"robot of {path}"), body).status == 403
        assert cloud.v3("POST", path, cloud.token("nova"), body).status == 200


# -- trusts


def test_a_trusts_token_changes_no_password(cloud: Cloud) -> None:
    text, user = trust_token(cloud), cloud.ids["demo"]
    assert cloud.v3("PATCH", f"/users/{user}", text, {"user": {"password": "mine now"}}).status == 403
    change = {"user": {"original_password": "a guess", "password": "mine now"}}
    assert cloud.v3("POST", f"/users/{user}/password", text, change).status == 401
    assert cloud.sign_in("demo").status == 201


@pytest.mark.parametrize("impersonation", [True, False])
def test_a_trusts_token_hands_nothing_on(cloud: Cloud, impersonation: bool) -> None:
    text = trust_token(cloud, impersonation=impersonation)
    user = cloud.ids["demo" if impersonation else "stranger"]
    assert cloud.exchange(text).status == 403
    assert cloud.exchange(text, {"project": {"id": cloud.ids["project:other"]}}).status == 403
    another = {"application_credential": {"name": "x"}}
    assert cloud.v3("POST", f"/users/{user}/application_credentials", text, another).status == 403
    pair = {"tenant_id": cloud.ids["project:demo"]}
    assert cloud.v3("POST", f"/users/{user}/credentials/OS-EC2", text, pair).status == 403
    for trustor in (user, cloud.ids["demo"]):
        trust = {
            "trustor_user_id": trustor,
            "trustee_user_id": cloud.ids["looker"],
            "project_id": cloud.ids["project:demo"],
            "impersonation": False,
            "roles": [{"name": "reader"}],
        }
        assert cloud.v3("POST", "/OS-TRUST/trusts", text, {"trust": trust}).status == 403


# -- what a request says is not what the policy goes by


def claims(cloud: Cloud, user: str, project: str) -> Document:
    """Everything that a rule may ask for, in all the forms that it could be merged from."""
    flat = {"user_id": user, "project_id": project, "domain_id": "default", "tenant_id": project, "is_admin": 1}
    nouns = ("user", "project", "domain", "credential", "group", "role", "trust", "token", "limit")
    nested = {noun: {**flat, "id": user, "trustor_user_id": user} for noun in nouns}
    dotted = {f"target.{noun}.{name}": value for noun in nouns for name, value in flat.items()}
    return {**flat, **dotted, "target": nested, "roles": ["admin"], "system_scope": "all", "context": flat}


@pytest.mark.parametrize("place", ["body", "noun", "query"])
def test_cve_2026_42999_a_request_adds_nothing_to_what_the_policy_sees(cloud: Cloud, place: str) -> None:
    stranger, victim = cloud.token("stranger"), cloud.ids["demo"]
    owner = cloud.token("demo")
    made = application_credential(cloud, owner)
    seed = {"credential": {"user_id": victim, "type": "totp", "blob": "GEZDGNBVGY3TQOJQ"}}
    credential = cloud.ok("POST", "/credentials", owner, seed)["credential"]
    pair = key_pair(cloud, owner)
    said = claims(cloud, cloud.ids["stranger"], cloud.ids["project:other"])
    grants = f"/projects/{cloud.ids['project:other']}/users/{cloud.ids['stranger']}/roles/{cloud.ids['admin']}"
    asked = [
        *((method, f"/users/{victim}", "user") for method in ("GET", "PATCH", "DELETE")),
        *((method, f"/projects/{cloud.ids['project:demo']}", "project") for method in ("GET", "PATCH", "DELETE")),
        *((method, f"/credentials/{credential['id']}", "credential") for method in ("GET", "PATCH", "DELETE")),
        ("GET", f"/users/{victim}/application_credentials", "application_credential"),
        ("POST", f"/users/{victim}/application_credentials", "application_credential"),
        ("GET", f"/users/{victim}/application_credentials/{made['id']}", "application_credential"),
        ("DELETE", f"/users/{victim}/application_credentials/{made['id']}", "application_credential"),
        ("GET", f"/users/{victim}/credentials/OS-EC2", "credential"),
        ("GET", f"/users/{victim}/credentials/OS-EC2/{pair['access']}", "credential"),
        ("DELETE", f"/users/{victim}/credentials/OS-EC2/{pair['access']}", "credential"),
        ("GET", f"/users/{victim}/projects", "project"),
        ("GET", f"/users/{victim}/access_rules", "access_rule"),
        ("GET", "/users", "user"),
        ("GET", "/role_assignments", "role"),
        ("PUT", grants, "role"),
        ("GET", f"/OS-TRUST/trusts?trustor_user_id={victim}", "trust"),
    ]
    for method, path, noun in asked:
        body: Any = said if place == "body" else {noun: {"name": "x", **said}} if place == "noun" else {}
        query = ""
        if place == "query":
            sign = "&" if "?" in path else "?"
            query = sign + "&".join(
                f"{name}={said[name]}" for name in ("user_id", "project_id", "domain_id", "is_admin")
            )
        status = cloud.v3(method, path + query, stranger, body).status
        assert status in (400, 403, 404), (method, path, status)
    kinds = {c["type"] for c in cloud.ok("GET", "/credentials", owner)["credentials"]}
    assert kinds == {"totp", "ec2"}, "all that is demo's is still there"
    assert cloud.ok("GET", f"/users/{victim}/application_credentials", owner)["application_credentials"]


def test_a_list_is_filtered_within_what_one_may_see(cloud: Cloud) -> None:
    owner, stranger, victim = cloud.token("demo"), cloud.token("stranger"), cloud.ids["demo"]
    seed = {"credential": {"user_id": victim, "type": "totp", "blob": "GEZDGNBVGY3TQOJQ"}}
    cloud.ok("POST", "/credentials", owner, seed)
    for query in (f"?user_id={victim}", "", "?type=totp", f"?user_id={victim}&user_id={cloud.ids['stranger']}"):
        assert cloud.ok("GET", f"/credentials{query}", stranger, {"user_id": victim})["credentials"] == []
    domain, reader = cloud.domain_with("reader")
    for noun in ("users", "groups", "projects"):
        for query in ("?domain_id=default", "", "?domain_id=default&domain_id=" + domain["id"]):
            found = cloud.ok("GET", f"/{noun}{query}", reader, {"domain_id": "default"})[noun]
            assert {record["domain_id"] for record in found} <= {domain["id"]}
    for assignment in cloud.ok("GET", "/role_assignments?scope.domain.id=default", reader)["role_assignments"]:
        assert assignment["scope"]["domain"]["id"] == domain["id"]


@pytest.mark.parametrize("noun", ["user", "group", "project"])
def test_nothing_is_moved_into_or_out_of_ones_domain(cloud: Cloud, noun: str) -> None:
    domain, manager = cloud.domain_with("manager")
    own = cloud.ok("POST", f"/{noun}s", manager, {noun: {"name": "own", "domain_id": domain["id"]}})[noun]
    assert cloud.v3("PATCH", f"/{noun}s/{own['id']}", manager, {noun: {"domain_id": "default"}}).status in (400, 403)
    foreign = cloud.ok("POST", f"/{noun}s", cloud.root, {noun: {"name": "foreign", "domain_id": "default"}})[noun]
    body = {noun: {"domain_id": domain["id"], "name": "taken"}}
    assert cloud.v3("PATCH", f"/{noun}s/{foreign['id']}", manager, body).status == 403
    assert cloud.v3("POST", f"/{noun}s", manager, {noun: {"name": "x", "domain_id": "default"}}).status == 403
    assert cloud.ok("GET", f"/{noun}s/{foreign['id']}", cloud.root)[noun]["domain_id"] == "default"
    assert cloud.ok("GET", f"/{noun}s/{own['id']}", cloud.root)[noun]["domain_id"] == domain["id"]


def test_a_credential_is_made_for_oneself_whatever_the_body_says(cloud: Cloud) -> None:
    stranger = cloud.token("stranger")
    for user in (cloud.ids["demo"], cloud.ids["root"]):
        for kind in ("totp", "ec2", "cert"):
            body = {
                "credential": {
                    "user_id": user,
                    "type": kind,
                    "project_id": cloud.ids["project:other"],
                    "blob": json.dumps({"access": f"{user}{kind}", "secret": "b"}),
                    "target.credential.user_id": cloud.ids["stranger"],
                },
            }
            assert cloud.v3("POST", "/credentials", stranger, body).status == 403
        assert cloud.ok("GET", f"/credentials?user_id={user}", cloud.root)["credentials"] == []


def test_cve_2026_22797_headers_say_nothing_of_who_asks(cloud: Cloud) -> None:
    forged = {
        "x_roles": "admin",
        "x_role": "admin",
        "x_user_id": cloud.ids["root"],
        "x_user": "root",
        "x_project_id": cloud.ids["project:admin"],
        "x_tenant_id": cloud.ids["project:admin"],
        "x_is_admin_project": "True",
        "x_identity_status": "Confirmed",
        "openstack_system_scope": "all",
    }
    assert cloud.v3("GET", "/users", None, None, **forged).status == 401
    assert cloud.v3("GET", "/users", cloud.token("demo"), None, **forged).status == 403
