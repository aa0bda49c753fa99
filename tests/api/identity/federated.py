"""A cloud with an identity provider whose word is taken: `accept` says what a driver would have proven."""

from collections.abc import Mapping, Sequence
from typing import Any

from skyloom.access import Caller
from skyloom.identity.service.tokens.sessions import Granted
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud

PREFIX = "/OS-FEDERATION"
RULES: list[dict[str, Any]] = [
    {
        "local": [{"user": {"name": "{0}", "id": "{1}", "email": "{2}"}}],
        "remote": [{"type": "name"}, {"type": "sub"}, {"type": "email"}],
    },
    {
        "local": [{"groups": "{0}", "domain": {"id": "default"}}],
        "remote": [{"type": "groups", "whitelist": ["staff", "crew", "ghosts"]}],
    },
]
ANNA = {"name": ["Anna"], "sub": ["a-1"], "email": ["anna@example.org"], "groups": ["staff"]}
NOBODY = Caller(user_id="", request_id="req-test")


class Federated:
    """An identity provider `acme` with a protocol `oidc`, and groups `staff` (a member of demo) and `crew`."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.groups = {name: self._group(name) for name in ("staff", "crew")}
        role = f"/projects/{cloud.ids['project:demo']}/groups/{self.groups['staff']}/roles/{cloud.ids['member']}"
        cloud.ok("PUT", role, cloud.root)
        self.provider = self.put("identity_providers/acme", {"identity_provider": {"enabled": True}})[
            "identity_provider"
        ]
        self.put("mappings/acme", {"mapping": {"rules": RULES}})
        self.put("identity_providers/acme/protocols/oidc", {"protocol": {"mapping_id": "acme"}})

    def _group(self, name: str) -> str:
        body = {"group": {"name": name, "domain_id": "default"}}
        found: str = self.cloud.ok("POST", "/groups", self.cloud.root, body)["group"]["id"]
        return found

    def put(self, path: str, body: Any) -> Any:
        return self.cloud.ok("PUT", f"{PREFIX}/{path}", self.cloud.root, body)

    def change(self, path: str, body: Any) -> Any:
        return self.cloud.ok("PATCH", f"{PREFIX}/{path}", self.cloud.root, body)

    def map(self, rules: Any, version: str = "1.0") -> None:
        self.change("mappings/acme", {"mapping": {"rules": rules, "schema_version": version}})

    def accept(self, attributes: Mapping[str, Sequence[str]] = ANNA, protocol: str = "oidc") -> Granted:
        return self.cloud.service.federation.accept(NOBODY, "acme", protocol, attributes)

    def token(self, attributes: Mapping[str, Sequence[str]] = ANNA) -> str:
        return self.accept(attributes).text

    def shown(self, token: str) -> Any:
        return self.validate(token).json["token"]

    def validate(self, token: str) -> Answer:
        return self.cloud.v3("GET", "/auth/tokens", self.cloud.root, x_subject_token=token)

    def scoped(self, token: str, project: str = "demo") -> Answer:
        return self.cloud.exchange(token, {"project": {"id": self.cloud.ids[f"project:{project}"]}})
