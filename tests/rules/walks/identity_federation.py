"""Identity: providers that say who somebody is, what they say mapped, and clouds that trust this one.

Nobody signs in on the walk: that takes a provider, which the tests of drivers start.
"""

from typing import Any

from tests.rules.walk import Call, Walk

FEDERATION = "/v3/OS-FEDERATION"
PROVIDER = f"{FEDERATION}/identity_providers/{{identity_provider_id}}"
PROTOCOL = f"{PROVIDER}/protocols/{{protocol_id}}"
WEBSSO = "/v3/auth/OS-FEDERATION"
AT = {
    "identity_provider_id": "walk",
    "protocol_id": "openid",
    "mapping_id": "walk",
    "service_provider_id": "walk",
}
RULES = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "OIDC-preferred_username"}]}]
OPTIONS = {"issuer": "https://walk.test/", "client_id": "walk", "client_secret": "a word of the walk"}
BURST = {
    "auth": {
        "identity": {"methods": ["token"], "token": {"id": "{demo_token}"}},
        "scope": {"service_provider": {"id": "walk"}},
    }
}
CONFIG = {"config": {"driver": "oidc", "options": OPTIONS}}


def _named(noun: str, body: dict[str, Any], change: dict[str, Any]) -> list[Call]:
    many = f"{FEDERATION}/{noun}s"
    one = f"{many}/{{{noun}_id}}"
    return [
        Call(f"PUT {one}", {noun: body}, at=AT, who="admin"),
        Call(f"GET {many}", who="admin"),
        Call(f"GET {one}", at=AT, who="admin"),
        Call(f"PATCH {one}", {noun: change}, at=AT, who="admin"),
    ]


SHIBBOLETH = Walk("shibboleth", [Call("POST /SAML2/ECP", who="", status=400)])
CALLS = [
    *_named("identity_provider", {"enabled": True, "remote_ids": ["https://walk.test"]}, {"authorization_ttl": 60}),
    *_named("mapping", {"rules": RULES}, {"rules": RULES, "schema_version": "2.0"}),
    *_named(
        "service_provider",
        {"auth_url": "https://walk.test/v3/auth", "sp_url": "https://walk.test/sp"},
        {"description": "changed"},
    ),
    Call(f"PUT {PROTOCOL}", {"protocol": {"mapping_id": "walk"}}, at=AT, who="admin"),
    Call(f"GET {PROVIDER}/protocols", at=AT, who="admin"),
    Call(f"GET {PROTOCOL}", at=AT, who="admin"),
    Call(f"PATCH {PROTOCOL}", {"protocol": {"mapping_id": "walk"}}, at=AT, who="admin"),
    Call(f"PUT {PROTOCOL}/config", CONFIG, at=AT, who="admin"),
    Call(f"GET {PROTOCOL}/config", at=AT, who="admin"),
    Call(f"GET {FEDERATION}/projects"),
    Call(f"GET {FEDERATION}/domains"),
    Call(f"GET {PROTOCOL}/auth", at=AT, who="", status=401),
    Call(f"POST {PROTOCOL}/auth", at=AT, who="", status=401),
    Call(f"GET {WEBSSO}/websso/{{protocol_id}}", query="?origin=https://walk.test", at=AT, who="", status=401),
    Call(f"POST {WEBSSO}/websso/{{protocol_id}}", query="?origin=https://walk.test", at=AT, who="", status=401),
    *(
        Call(
            f"{method} {WEBSSO}/identity_providers/{{identity_provider_id}}/protocols/{{protocol_id}}/websso",
            query="?origin=https://walk.test",
            at=AT,
            who="",
            status=401,
        )
        for method in ("GET", "POST")
    ),
    # the cloud that is to be burst to is disabled
    Call(f"POST {WEBSSO}/saml2", BURST, who="", status=403),
    Call(f"POST {WEBSSO}/saml2/ecp", BURST, who="", status=403),
    Call(f"GET {FEDERATION}/saml2/metadata", who=""),
    Call(f"DELETE {PROTOCOL}/config", at=AT, who="admin"),
    Call(f"DELETE {PROTOCOL}", at=AT, who="admin"),
    *(
        Call(f"DELETE {FEDERATION}/{noun}s/{{{noun}_id}}", at=AT, who="admin")
        for noun in ("service_provider", "mapping", "identity_provider")
    ),
]
