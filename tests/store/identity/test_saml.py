"""The key and the assertions of SAML when several processes have one database, on both engines."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from skyloom.access import SYSTEM, Caller, Policy
from skyloom.access.vault import Vault
from skyloom.db import Database
from skyloom.identity import RULES, IdentityService, IdentitySettings, tables
from skyloom.identity.drivers.federation_contract import Arrival
from skyloom.identity.drivers.opening import federation_opener, opener, saml_provider_opener
from skyloom.identity.errors import AlreadyUsed
from skyloom.identity.service.auth.request import (
    AuthRequest,
    DomainRef,
    Identity,
    PasswordMethod,
    ProjectRef,
    Scope,
    UserRef,
)
from skyloom.identity.service.bootstrap import Bootstrap, FirstUser
from skyloom.identity.service.federation.bursting import BurstRequest, BurstScope, ByToken, ServiceProviderRef, TokenRef
from skyloom.identity.service.federation.protocols import Config, ProtocolBody
from skyloom.identity.service.federation.saml_keys import SamlKeys
from skyloom.identity.service.federation.sign_in import SignedIn
from skyloom.identity.store.saml import SamlStore
from tests.parts.together import together

ADMIN = Caller(user_id="root", system=True, roles=frozenset({"admin", "manager", "member", "reader"}))
NOBODY = Caller(user_id="", request_id="req-test")
SEED = Bootstrap("RegionOne", ("admin",), (FirstUser("admin", "secret", "admin", "admin"),), ())
URL = "https://there.test/auth"
RULES_OF_HOME: list[dict[str, Any]] = [
    {"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "openstack_user"}]},
]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.at(tmp_path / "key")


@pytest.fixture
def identity(database: Database, vault: Vault) -> IdentityService:
    clock = database.clock
    openers = (opener(clock), federation_opener(clock, SamlKeys(database, vault).pair), saml_provider_opener(clock))
    settings = IdentitySettings(password_cost=4)
    return IdentityService(database, Policy([RULES]), vault, settings, "https://home.test", *openers)


def test_processes_that_start_at_once_have_one_key(database: Database, vault: Vault) -> None:
    keys = [SamlKeys(database, vault) for _ in range(4)]
    pairs, refused = together(4, lambda number: keys[number].pair())
    assert refused == []
    assert len(set(pairs)) == 1
    assert database.read().execute(select(func.count()).select_from(tables.saml_key)).scalar_one() == 1


@pytest.mark.needs("xmlsec1")
def test_an_assertion_brought_to_several_processes_at_once_counts_once(identity: IdentityService) -> None:
    identity.bootstrap(SEED)
    _trust_itself(identity)
    user = UserRef(name="admin", domain=DomainRef(id="default"), password="secret")
    project = Scope(project=ProjectRef(name="admin", domain=DomainRef(id="default")))
    token = identity.auth.issue(NOBODY, AuthRequest(Identity(["password"], PasswordMethod(user)), project)).text
    request = BurstRequest(ByToken(["token"], TokenRef(token)), BurstScope(ServiceProviderRef("there")))
    envelope = identity.bursting.envelope(NOBODY, request).message.encode()
    arrival = Arrival(
        idp_id="home",
        protocol_id="saml2",
        method="POST",
        url="https://there.test/websso",
        client_url=URL,
        headers={"content-type": "application/vnd.paos+xml"},
        body=envelope,
    )
    signed_in, refused = together(4, lambda number: identity.federation.answer(NOBODY, arrival))
    assert [type(each) for each in signed_in] == [SignedIn], refused
    assert [type(error) for error in refused] == [AlreadyUsed] * 3


def _trust_itself(identity: IdentityService) -> None:
    identity.identity_providers.create(ADMIN, {"id": "home", "enabled": True})
    identity.mappings.create(ADMIN, {"id": "home", "rules": RULES_OF_HOME})
    identity.protocols.create(ADMIN, "home", "saml2", ProtocolBody("home"))
    options = {"metadata": identity.bursting.metadata(), "accepts_unasked": True}
    identity.protocols.put_config(ADMIN, "home", "saml2", Config("saml2", options))
    identity.service_providers.create(ADMIN, {"id": "there", "auth_url": URL, "sp_url": URL, "enabled": True})


def test_groups_are_own_ones_and_those_given_until_they_end(database: Database) -> None:
    now = database.clock.now()
    plain: dict[str, Any] = {"enabled": True, "description": "", "options": {}, "extra": {}}
    with database.begin(SYSTEM) as tx:
        domain = {"id": "d", "name": "Domain", "domain_id": "", "parent_id": "", "is_domain": True}
        tx.execute(insert(tables.project), {**plain, **domain})
        user = {"id": "u", "name": "u", "domain_id": "d", "enabled": True, "options": {}, "extra": {}}
        tx.execute(insert(tables.user), user)
        for name in ("own", "both", "given", "ended"):
            row = {"id": name, "name": name, "domain_id": "d", "description": "", "extra": {}}
            tx.execute(insert(tables.group), row)
        for name in ("own", "both"):
            tx.execute(insert(tables.membership), {"user_id": "u", "group_id": name})
        tx.execute(insert(tables.identity_provider), {"id": "p", "domain_id": "d", "enabled": True})
        for name, seconds in (("both", 60), ("given", 60), ("ended", -60)):
            ends = now + timedelta(seconds=seconds)
            row = {"user_id": "u", "group_id": name, "idp_id": "p", "expires_at": ends}
            tx.execute(insert(tables.federated_membership), row)
    found = SamlStore().groups(database.read(), "u", now)
    assert found == [("both", "Domain"), ("given", "Domain"), ("own", "Domain")]
