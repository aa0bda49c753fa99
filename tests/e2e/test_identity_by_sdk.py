"""openstacksdk's identity proxy and keystoneauth's sessions, as programs use them, over TLS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from keystoneauth1 import exceptions
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from tests.parts.whole_cloud import WholeCloud

RULES = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "REMOTE_USER"}]}]


@dataclass(frozen=True)
class Noun:
    """Made of `new`, changed by `change`; its words in braces are ids of what is there. `parent`: what its calls take
    before it. Not every noun has names to be found by, and not every one changes."""

    name: str
    new: Mapping[str, Any]
    change: Mapping[str, Any] = field(default_factory=dict)
    plural: str = ""
    is_found: bool = True
    parent: str = ""

    @property
    def many(self) -> str:
        return self.plural or f"{self.name}s"


NOUNS = (
    Noun("domain", {"name": "by sdk"}, {"description": "changed", "is_enabled": False}),
    Noun("project", {"name": "by sdk", "tags": ["one"]}, {"description": "changed"}),
    Noun("user", {"name": "by sdk", "password": "word"}, {"email": "by@sdk.example", "description": "changed"}),
    Noun("group", {"name": "by sdk"}, {"description": "changed"}),
    Noun("role", {"name": "by sdk"}, {"description": "changed"}),
    Noun("region", {"id": "by-sdk"}, {"description": "changed"}),
    Noun("service", {"name": "by sdk", "type": "weather"}, {"description": "changed", "is_enabled": False}),
    Noun(
        "endpoint",
        {"service_id": "{service}", "interface": "public", "url": "http://127.0.0.1:1/"},
        {"url": "http://127.0.0.1:2/"},
    ),
    Noun("endpoint_group", {"name": "by sdk", "filters": {"interface": "public"}}, {"description": "changed"}),
    Noun("policy", {"type": "text/plain", "blob": "word"}, {"blob": "changed"}, plural="policies"),
    Noun("credential", {"user_id": "{admin}", "type": "word", "blob": "first"}, {"blob": "changed"}),
    Noun(
        "registered_limit",
        {"service_id": "{service}", "resource_name": "thing", "default_limit": 3},
        {"default_limit": 4, "description": "changed"},
        is_found=False,
    ),
    Noun(
        "limit",
        {"service_id": "{service}", "resource_name": "watch", "project_id": "{project}", "resource_limit": 3},
        {"resource_limit": 4, "description": "changed"},
        is_found=False,
    ),
    Noun("application_credential", {"name": "by sdk"}, parent="{admin}"),
    Noun(
        "trust",
        {
            "trustor_user_id": "{admin}",
            "trustee_user_id": "{admin}",
            "project_id": "{project}",
            "is_impersonation": False,
            "roles": [{"name": "reader"}],
        },
    ),
    Noun("mapping", {"id": "by-sdk", "rules": RULES}, {"rules": [*RULES, *RULES]}),
    Noun("identity_provider", {"id": "by-sdk", "remote_ids": ["https://idp.example"]}, {"description": "changed"}),
    Noun(
        "federation_protocol", {"id": "saml2", "mapping_id": "{mapping}"}, {"mapping_id": "{mapping}"}, parent="{idp}"
    ),
    Noun(
        "service_provider",
        {"id": "by-sdk", "auth_url": "https://sp.example/v3", "sp_url": "https://sp.example/sp"},
        {"description": "changed"},
    ),
)


@pytest.fixture(scope="module")
def identity(simulated: WholeCloud) -> Any:
    return simulated.connect("skyloom-admin").identity


@pytest.fixture(scope="module")
def known(simulated: WholeCloud, identity: Any) -> Mapping[str, str]:
    """Ids of what nouns are made of."""
    service = identity.create_service(name="of nouns", type="nouns")
    identity.create_registered_limit(service_id=service.id, resource_name="watch", default_limit=9)
    return {
        "service": service.id,
        "admin": identity.find_user("admin").id,
        "project": identity.find_project("admin").id,
        "mapping": identity.create_mapping(id="of-nouns", rules=RULES).id,
        "idp": identity.create_identity_provider(id="of-nouns").id,
    }


def filled(values: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    return {name: known.get(str(value).strip("{}"), value) for name, value in values.items()}


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.name)
def test_a_noun_is_made_found_listed_changed_and_gone(identity: Any, known: Mapping[str, str], noun: Noun) -> None:
    before = [known[noun.parent.strip("{}")]] if noun.parent else []

    def call(verb: str, *words: Any, **values: Any) -> Any:
        return getattr(identity, f"{verb}_{noun.name}")(*before, *words, **values)

    new, change = filled(noun.new, known), filled(noun.change, known)
    made = call("create", **new)
    assert {name: made[name] for name in new if name not in ("password", "roles")} == {
        name: value for name, value in new.items() if name not in ("password", "roles")
    }
    assert call("get", made.id).id == made.id
    assert made.id in [one.id for one in getattr(identity, noun.many)(*before)]
    if noun.is_found:
        assert call("find", new.get("name", made.id)).id == made.id
        assert call("find", "nothing of that name") is None
    if change:
        # an SDK object sends what differs from what it knows
        changed = call("update", made.id, **change)
        assert {name: changed[name] for name in change} == change
        shown = call("get", made.id)
        assert {name: shown[name] for name in change} == change
    call("delete", made.id)
    assert made.id not in [one.id for one in getattr(identity, noun.many)(*before)]
    call("delete", made.id, ignore_missing=True)


def test_roles_are_assigned_checked_and_taken_away(identity: Any) -> None:
    user, group = identity.create_user(name="of roles", domain_id="default"), identity.create_group(name="of roles")
    role, project = identity.find_role("member"), identity.find_project("demo")
    domain = identity.find_domain("Default")
    identity.add_user_to_group(user, group)
    assert identity.check_user_in_group(user, group)
    for place, where in (("project", [project]), ("domain", [domain]), ("system", ["all"])):
        for kind, actor in (("user", user), ("group", group)):
            assign = getattr(identity, f"assign_{place}_role_to_{kind}")
            unassign = getattr(identity, f"unassign_{place}_role_from_{kind}")
            validate = getattr(identity, f"validate_{kind}_has_{place}_role")
            places = where if place != "system" else []
            words = [*places, actor, role] if place != "system" else [actor, role, "all"]
            assert not validate(*words)
            assign(*words)
            assert validate(*words)
            unassign(*words)
            assert not validate(*words)
    identity.assign_project_role_to_group(project, group, role)
    found = identity.role_assignments(user_id=user.id, scope_project_id=project.id, effective=True)
    assert {one.role["id"] for one in found} == {role.id, identity.find_role("reader").id}
    assert [one.id for one in identity.user_projects(user)] == [project.id]
    assert [one.id for one in identity.group_users(group)] == [user.id]
    identity.remove_user_from_group(user, group)
    identity.delete_group(group)
    identity.delete_user(user)


# -- scopes


@pytest.fixture(scope="module")
def scoped(simulated: WholeCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clouds.yaml with entries as an administrator writes them: of a domain, the system, and nothing."""
    own = yaml.safe_load(simulated.home.clouds_yaml.read_text())["clouds"]["skyloom-admin"]
    who = {name: value for name, value in own["auth"].items() if not name.startswith("project")}
    scopes: dict[str, dict[str, str]] = {
        "of-domain": {"domain_id": "default"},
        "of-domain-name": {"domain_name": "Default"},
        "of-system": {"system_scope": "all"},
        "of-nothing": {},
    }
    entries = {name: {**own, "auth": {**who, **scope}} for name, scope in scopes.items()}
    path = tmp_path_factory.mktemp("clouds") / "clouds.yaml"
    path.write_text(yaml.safe_dump({"clouds": entries}))
    return path


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ("of-domain", {"domain": {"id": "default", "name": "Default"}}),
        ("of-domain-name", {"domain": {"id": "default", "name": "Default"}}),
        ("of-system", {"system": {"all": True}}),
        ("of-nothing", {}),
    ],
)
def test_a_clouds_yaml_names_any_scope(scoped: Path, entry: str, shown: Mapping[str, Any]) -> None:
    connection = Connection(config=OpenStackConfig(config_files=[str(scoped)], load_envvars=False).get_one(entry))
    access = connection.config.get_auth().get_access(connection.session)
    body = access._data["token"]
    scope = {name: body[name] for name in ("project", "domain", "system") if name in body}
    if entry == "of-nothing":
        # a user with a default project gets that one
        assert scope["project"]["name"] == "admin"
    else:
        assert scope == shown
        assert [user.name for user in connection.identity.users(name="admin")] == ["admin"]
    connection.close()


def test_a_session_changes_its_scope(simulated: WholeCloud) -> None:
    region = OpenStackConfig(config_files=[str(simulated.home.clouds_yaml)], load_envvars=False).get_one(
        "skyloom-admin"
    )
    auth, cacert = region.config["auth"], region.config["cacert"]
    who = {"auth_url": auth["auth_url"], "username": auth["username"], "password": auth["password"]}
    unscoped = Session(v3.Password(**who, user_domain_id="default", unscoped=True), verify=cacert)
    token = unscoped.get_token()
    assert unscoped.get_project_id() is None
    seen = set()
    for scope in (
        {"project_name": "admin", "project_domain_id": "default"},
        {"domain_id": "default"},
        {"system_scope": "all"},
    ):
        session = Session(v3.Token(who["auth_url"], token, **scope), verify=cacert)
        access = session.auth.get_access(session)
        seen.add((access.project_name, access.domain_id, access.system_scoped))
        assert "admin" in access.role_names and access.has_service_catalog()
    assert seen == {("admin", None, False), (None, "default", False), (None, None, True)}
    nowhere = Session(
        v3.Token(who["auth_url"], token, project_name="nowhere", project_domain_id="default"), verify=cacert
    )
    with pytest.raises(exceptions.Unauthorized):
        nowhere.get_token()


def test_a_token_is_looked_at_and_revoked(simulated: WholeCloud, identity: Any) -> None:
    other = simulated.connect("skyloom-reader")
    token = other.auth_token
    assert identity.check_token(token)
    shown = identity.validate_token(token)
    assert shown["user"]["name"] == "reader"
    identity.revoke_token(token)
    assert not identity.check_token(token)
