"""What identity costs in process, in microseconds of CPU a call: python tests/bench/identity.py"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from skyloom.access import Policy
from skyloom.access.vault import Vault
from skyloom.db import Database, metadata
from skyloom.identity import RULES, IdentityService, IdentitySettings
from skyloom.identity.api import api
from skyloom.identity.service.bootstrap import Bootstrap, CatalogEntry, FirstUser
from skyloom.web.app import Application
from skyloom.web.http import Body, Request

SERVICES = ("identity", "compute", "image", "network", "volume", "placement", "object-store", "orchestration")
LOGIN = (
    b'{"auth":{"identity":{"methods":["password"],"password":{"user":'
    b'{"name":"root","domain":{"id":"default"},"password":"word"}}}}}'
)


def cpu_us(call: Callable[[], object], times: int) -> float:
    for _ in range(times // 10 + 1):
        call()
    begun = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begun) / times * 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/bench.db")
        metadata.create_all(database.engine)
        settings = IdentitySettings(password_cost=4)
        service = IdentityService(database, Policy([RULES]), Vault.at(Path(folder) / "key"), settings, "https://cloud")
        catalog = [CatalogEntry(name, name, f"/{name}/v1/$(project_id)s") for name in SERVICES]
        service.bootstrap(Bootstrap("R", ["admin"], [FirstUser("root", "word", "admin", "admin", True)], catalog))
        application = Application(
            [api(service)],
            lambda token, request: service.authenticate(token, request.method, request.path, request.certificate),
            "https",
            "S",
        )
        host = {"host": "cloud", "content-type": "application/json"}

        def login() -> str:
            body = Body.of(LOGIN)
            reply = application(Request("POST", "/identity/v3/auth/tokens", headers=host, body=body))
            return dict(reply.headers)["X-Subject-Token"]

        token = login()
        validate = Request(
            "GET", "/identity/v3/auth/tokens", headers={**host, "x-auth-token": token, "x-subject-token": token}
        )
        hashing = cpu_us(lambda: service.passwords.verify("word", service.passwords.hash("word")), 200) / 2
        print(f"validate, whole call  {cpu_us(lambda: application(validate), 5000):8.1f} us")
        print(f"authenticate          {cpu_us(lambda: service.authenticate(token), 10000):8.1f} us")
        print(f"issue, without hash   {cpu_us(login, 500) - hashing:8.1f} us")
        database.close()


if __name__ == "__main__":
    main()
