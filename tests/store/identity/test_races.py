"""What identity checks before it writes holds though others write in the same moment, on both engines."""

from pathlib import Path

import pytest

from skyloom.access import SYSTEM, Caller, Policy
from skyloom.access.vault import Vault
from skyloom.db import Database
from skyloom.errors import Conflict, NotFound
from skyloom.identity import RULES, IdentityService, IdentitySettings
from skyloom.identity.service.bootstrap import Bootstrap, FirstUser
from skyloom.identity.store.grants import Grant
from tests.parts.together import together

ADMIN = Caller(user_id="root", system=True, roles=frozenset({"admin", "manager", "member", "reader"}))
SEED = Bootstrap("RegionOne", ("admin",), (FirstUser("admin", "secret", "admin", "admin"),), ())


@pytest.fixture
def identity(database: Database, tmp_path: Path) -> IdentityService:
    settings = IdentitySettings(password_cost=4)
    return IdentityService(database, Policy([RULES]), Vault.at(tmp_path / "key"), settings, "http://127.0.0.1")


@pytest.fixture
def ready(identity: IdentityService) -> IdentityService:
    identity.bootstrap(SEED)
    return identity


def test_a_cloud_begun_twice_in_the_same_moment_is_begun_once(identity: IdentityService) -> None:
    assert together(3, lambda n: identity.bootstrap(SEED))[1] == []


def test_one_name_is_given_to_one_role(ready: IdentityService) -> None:
    made, refused = together(4, lambda n: ready.roles.create(ADMIN, {"name": "auditor"}))
    assert len(made) == 1
    assert all(isinstance(error, Conflict) for error in refused)


def test_a_grant_made_twice_in_the_same_moment_is_made(ready: IdentityService) -> None:
    domain = ready.domains.create(ADMIN, {"name": "d"})["id"]
    user = ready.users.create(ADMIN, {"name": "u", "domain_id": domain})["id"]
    role = ready.roles.create(ADMIN, {"name": "auditor"})["id"]
    grant = Grant("user", user, "domain", domain, role)
    assert together(4, lambda n: ready.grants.create(ADMIN, grant))[1] == []
    ready.grants.check(ADMIN, grant)


def test_no_user_is_left_in_a_domain_that_goes(ready: IdentityService, database: Database) -> None:
    domain = ready.domains.create(ADMIN, {"name": "d", "enabled": False})["id"]

    def act(number: int) -> object:
        if number == 0:
            return ready.domains.delete(ADMIN, domain)
        return ready.users.create(ADMIN, {"name": f"u{number}", "domain_id": domain})

    refused = together(6, act)[1]
    assert all(isinstance(error, NotFound) for error in refused)
    with database.begin(SYSTEM) as tx:
        assert ready.domains.exists(tx, domain) is False
