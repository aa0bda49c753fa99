"""A cloud with identity alone, on a virtual clock: the real service behind the real API, people with real tokens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skyloom.access import Policy
from skyloom.access.vault import Vault
from skyloom.clock import VirtualClock
from skyloom.db import Database, metadata
from skyloom.identity import RULES, IdentityService, IdentitySettings
from skyloom.identity.api import api
from skyloom.identity.api.shibboleth import api as shibboleth_api
from skyloom.identity.drivers.opening import federation_opener, opener, saml_provider_opener
from skyloom.identity.service.bootstrap import Bootstrap, CatalogEntry, FirstUser
from skyloom.identity.service.federation.saml_keys import SamlKeys
from skyloom.web.app import Application
from tests.api.client import Answer, Client

SEED = Bootstrap(
    region="RegionOne",
    projects=["admin", "demo", "other"],
    users=[
        FirstUser("root", "root's word", "admin", "admin", is_system_admin=True),
        FirstUser("demo", "demo's word", "demo", "member"),
        FirstUser("looker", "looker's word", "demo", "reader"),
        FirstUser("stranger", "stranger's word", "other", "member"),
        FirstUser("nova", "nova's word", "admin", "service"),
    ],
    catalog=[CatalogEntry("identity", "keystone", "/identity"), CatalogEntry("volume", "cinder", "/v/$(project_id)s")],
)
Document = dict[str, Any]


class Cloud(Client):
    """`ids`: of the seed's users, projects and roles by name."""

    def __init__(
        self, database: Database, folder: Path, settings: IdentitySettings, public_url: str = "https://cloud.test"
    ):
        vault = Vault.at(folder / "key")
        self.service = IdentityService(
            database,
            Policy([RULES]),
            vault,
            settings,
            public_url,
            opener(database.clock),
            federation_opener(database.clock, SamlKeys(database, vault).pair),
            saml_provider_opener(database.clock),
        )
        super().__init__([], {})
        self.application = Application(
            [api(self.service), shibboleth_api(self.service)],
            lambda token, request: self.service.authenticate(token, request.method, request.path, request.certificate),
            "https",
            "Skyloom",
        )
        self.database = database
        self.service.bootstrap(SEED)
        self.root = self.token("root")
        self.ids = {
            record["name"]: record["id"]
            for plural in ("projects", "roles", "users")
            for record in self.ok("GET", f"/{plural}", self.root)[plural]
        }
        # a project, a role and a user may have the same name
        self.ids |= {f"project:{p['name']}": p["id"] for p in self.ok("GET", "/projects", self.root)["projects"]}

    def v3(self, method: str, path: str, who: str | None = None, body: Any = None, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self(method, f"/identity/v3{path}", who, body, sent)

    def ok(self, method: str, path: str, who: str | None = None, body: Any = None) -> Document:
        answer = self.v3(method, path, who, body)
        assert answer.status < 300, (answer.status, answer.body)
        found: Document = answer.json if answer.body else {}
        return found

    def sign_in(self, name: str, password: str | None = None, scope: Any = None) -> Answer:
        user = {"name": name, "domain": {"id": "default"}, "password": password or f"{name}'s word"}
        auth: Document = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if scope is not None:
            auth["scope"] = scope
        return self.v3("POST", "/auth/tokens", body={"auth": auth})

    def token(self, name: str, password: str | None = None, scope: Any = None) -> str:
        answer = self.sign_in(name, password, scope)
        assert answer.status == 201, (answer.status, answer.body)
        return answer.headers["X-Subject-Token"]

    def exchange(self, token: str, scope: Any = None) -> Answer:
        auth: Document = {"identity": {"methods": ["token"], "token": {"id": token}}}
        return self.v3("POST", "/auth/tokens", body={"auth": auth if scope is None else {**auth, "scope": scope}})

    def user(self, name: str, domain_id: str = "default", **more: Any) -> Document:
        """A user with the password "NAME's word"."""
        document = {"name": name, "domain_id": domain_id, "password": f"{name}'s word", **more}
        found: Document = self.ok("POST", "/users", self.root, {"user": document})["user"]
        return found

    def domain_with(self, role: str) -> tuple[Document, str]:
        """A new domain, and the token of a user who has the role on it."""
        domain = self.ok("POST", "/domains", self.root, {"domain": {"name": f"domain of {role}"}})["domain"]
        user = self.user(f"{role} of a domain", domain["id"])
        self.ok("PUT", f"/domains/{domain['id']}/users/{user['id']}/roles/{self.ids[role]}", self.root)
        auth = {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"id": user["id"], "password": f"{role} of a domain's word"}},
            },
            "scope": {"domain": {"id": domain["id"]}},
        }
        return domain, self.v3("POST", "/auth/tokens", body={"auth": auth}).headers["X-Subject-Token"]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def settings() -> IdentitySettings:
    return IdentitySettings(password_cost=4)


@pytest.fixture
def cloud(tmp_path: Path, clock: VirtualClock, settings: IdentitySettings) -> Iterator[Cloud]:
    database = Database(f"sqlite:///{tmp_path}/skyloom.db", clock)
    metadata.create_all(database.engine)
    yield Cloud(database, tmp_path, settings)
    database.close()


@pytest.fixture
def federated(cloud: Cloud) -> Any:
    # it is made of this file's cloud
    from tests.api.identity.federated import Federated

    return Federated(cloud)
