"""Identity: what clients of OAuth do, by signed requests and by secrets, and what users do with their tokens."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from oauthlib import oauth1

from tests.rules.walk import Call

OAUTH = "/v3/OS-OAUTH1"
HOST = "https://cloud.test/identity"


def _signed(path: str, token: str = "", verifier: str = "") -> Callable[[Mapping[str, Any]], Mapping[str, str]]:
    """`token`: what begins the names of the token's id and secret; `verifier` is the name of that."""

    def headers(known: Mapping[str, Any]) -> Mapping[str, str]:
        client = oauth1.Client(
            known["oauth_consumer_id"],
            known["oauth_consumer_secret"],
            resource_owner_key=known.get(f"{token}_token"),
            resource_owner_secret=known.get(f"{token}_secret"),
            verifier=known.get(verifier),
        )
        signed = client.sign(f"{HOST}{path}", "POST")[1]["Authorization"]
        return {"authorization": signed, "requested-project-id": known["admin_project"]}

    return headers


def _client_of_oauth2(known: Mapping[str, Any]) -> Mapping[str, str]:
    secret = f"{known['oauth2_client_id']}:{known['oauth2_client_secret']}"
    basic = f"Basic {base64.b64encode(secret.encode()).decode()}"
    return {"authorization": basic, "content-type": "application/x-www-form-urlencoded"}


OWN = "/v3/users/{user_id}/application_credentials"
OF_DEMO = {"user_id": "{demo_id}", "credential_id": "{oauth2_client_id}"}
OAUTH2 = [
    Call(
        f"POST {OWN}",
        {"application_credential": {"name": "of OAuth 2"}},
        {"oauth2_client_id": "application_credential.id", "oauth2_client_secret": "application_credential.secret"},
        at=OF_DEMO,
        variant="of-oauth2",
    ),
    Call("POST /v3/OS-OAUTH2/token", b"grant_type=client_credentials", headers=_client_of_oauth2, who=""),
    Call(f"DELETE {OWN}/{{credential_id}}", at=OF_DEMO, variant="of-oauth2"),
]
MANY = "/v3/users/{user_id}/OS-OAUTH1/access_tokens"
ONE = f"{MANY}/{{access_token_id}}"
AT = {"user_id": "{admin_id}", "access_token_id": "{access_token}", "role_id": "{oauth_role_id}"}
CALLS = [
    *OAUTH2,
    Call(
        f"POST {OAUTH}/consumers",
        {"consumer": {"description": "of OAuth"}},
        {"oauth_consumer_id": "consumer.id", "oauth_consumer_secret": "consumer.secret"},
        who="admin",
        variant="of-oauth",
    ),
    Call(
        f"POST {OAUTH}/request_token",
        headers=_signed(f"{OAUTH}/request_token"),
        keep={"request_token": "form:oauth_token", "request_secret": "form:oauth_token_secret"},
        who="",
    ),
    Call(
        f"PUT {OAUTH}/authorize/{{request_token_id}}",
        {"roles": [{"name": "member"}]},
        {"oauth_verifier": "token.oauth_verifier"},
        at={"request_token_id": "{request_token}"},
        who="admin",
    ),
    Call(
        f"POST {OAUTH}/access_token",
        headers=_signed(f"{OAUTH}/access_token", "request", "oauth_verifier"),
        keep={"access_token": "form:oauth_token", "access_secret": "form:oauth_token_secret"},
        who="",
    ),
    Call(
        "POST /v3/auth/tokens",
        {"auth": {"identity": {"methods": ["oauth1"], "oauth1": {}}}},
        headers=_signed("/v3/auth/tokens", "access"),
        who="",
        variant="oauth1",
    ),
    Call(f"GET {MANY}", at=AT, who="admin"),
    Call(f"GET {ONE}", at=AT, who="admin"),
    Call(f"GET {ONE}/roles", None, {"oauth_role_id": "roles.0.id"}, at=AT, who="admin"),
    Call(f"GET {ONE}/roles/{{role_id}}", at=AT, who="admin"),
    Call(f"DELETE {ONE}", at=AT, who="admin"),
    Call(
        f"DELETE {OAUTH}/consumers/{{consumer_id}}",
        at={"consumer_id": "{oauth_consumer_id}"},
        who="admin",
        variant="of-oauth",
    ),
]
