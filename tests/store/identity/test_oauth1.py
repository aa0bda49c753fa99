"""OAuth 1 where many processes answer at once, on both engines: the verbs' own transactions decide."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from oauthlib import oauth1

from skyloom.access import SYSTEM, Caller, Policy
from skyloom.access.vault import Vault
from skyloom.db import Database
from skyloom.errors import Conflict, NotFound
from skyloom.identity import RULES, IdentityService, IdentitySettings
from skyloom.identity.errors import OAuthRefused
from skyloom.identity.oauth1 import SignedCall
from skyloom.identity.service.application_credentials import RoleRef
from skyloom.identity.service.bootstrap import Bootstrap, FirstUser
from skyloom.identity.service.oauth1 import Issued
from tests.parts.together import together

URL = "https://cloud.test/identity/v3"
SEED = Bootstrap("RegionOne", ("admin",), (FirstUser("admin", "secret", "admin", "admin"),), ())


class Consumer:
    """`processes`: two services that know nothing of each other, on one database."""

    def __init__(self, database: Database, folder: Path):
        def service() -> IdentityService:
            settings, vault = IdentitySettings(password_cost=4), Vault.at(folder / "key")
            return IdentityService(database, Policy([RULES]), vault, settings, "https://cloud.test")

        self.processes = service(), service()
        self.database = database
        self.processes[0].bootstrap(SEED)
        self.key, self.secret = self._made()
        project = self.processes[0].principals.project_named(database.read(), "admin", "default", None)
        user = self.processes[0].principals.user_named(database.read(), "admin", "default", None)
        assert project is not None and user is not None
        self.project_id = project.id
        self.user = Caller(user_id=user.id, project_id=project.id, roles=frozenset({"admin", "member", "reader"}))

    def _made(self) -> tuple[str, str]:
        made = self.processes[0].consumers.create(SYSTEM, {})
        return made["id"], made["secret"]

    def call(self, path: str, token: Issued | None = None, verifier: str | None = None) -> SignedCall:
        at = str(int(self.database.clock.now().timestamp()))
        key, secret = (token[0], token[1]) if token else (None, None)
        client = oauth1.Client(self.key, self.secret, key, secret, verifier=verifier, timestamp=at)
        url, headers, _ = client.sign(f"{URL}{path}", "POST")
        return SignedCall("POST", f"https://{urlsplit(url).netloc}{urlsplit(url).path}", headers["Authorization"])

    def request_token(self) -> Issued:
        call = self.call("/OS-OAUTH1/request_token")
        return self.processes[0].oauth1.request_token(SYSTEM, call, self.project_id)

    def authorize(self, request: Issued) -> str:
        return self.processes[0].oauth1.authorize(self.user, request[0], [RoleRef(name="member")])

    def access_token(self) -> Issued:
        request = self.request_token()
        call = self.call("/OS-OAUTH1/access_token", request, self.authorize(request))
        return self.processes[0].oauth1.access_token(SYSTEM, call)


@pytest.fixture
def consumer(database: Database, tmp_path: Path) -> Consumer:
    return Consumer(database, tmp_path)


def test_a_signed_request_counts_once_whoever_answers_it(consumer: Consumer) -> None:
    call = consumer.call("/auth/tokens", consumer.access_token())
    proven, refused = together(6, lambda n: consumer.processes[n % 2].oauth1.prove(SYSTEM, call))
    assert len(proven) == 1 and len(refused) == 5
    assert all(isinstance(error, OAuthRefused) for error in refused)


def test_a_request_token_is_exchanged_once(consumer: Consumer) -> None:
    request = consumer.request_token()
    verifier = consumer.authorize(request)
    calls = [consumer.call("/OS-OAUTH1/access_token", request, verifier) for _ in range(4)]
    made, refused = together(4, lambda n: consumer.processes[n % 2].oauth1.access_token(SYSTEM, calls[n]))
    assert len(made) == 1 and all(isinstance(error, NotFound) for error in refused)
    assert len(consumer.processes[0].oauth1.list(consumer.user, consumer.user.user_id)) == 1


def test_no_access_token_outlives_its_consumer(consumer: Consumer) -> None:
    request = consumer.request_token()
    call = consumer.call("/OS-OAUTH1/access_token", request, consumer.authorize(request))

    def act(number: int) -> object:
        if number == 0:
            return consumer.processes[0].consumers.delete(SYSTEM, consumer.key)
        return consumer.processes[1].oauth1.access_token(SYSTEM, call)

    refused = together(2, act)[1]
    assert all(isinstance(error, OAuthRefused | NotFound | Conflict) for error in refused)
    assert consumer.processes[0].oauth1.list(consumer.user, consumer.user.user_id) == []


def test_secrets_are_sealed(consumer: Consumer) -> None:
    request, access = consumer.request_token(), consumer.access_token()
    store, sql = consumer.processes[0].oauth1.store, consumer.database.read()
    first, second = store.request_token(sql, request[0]), store.access_token(sql, access[0])
    assert first is not None and second is not None
    assert request[1].encode() not in first.sealed_secret and access[1].encode() not in second.sealed_secret
