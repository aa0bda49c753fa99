"""Identity: what a user hands on to programs and to other users, each made, read, used and deleted by its owner."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tests.rules.walk import Call

OF_DEMO = {"user_id": "{demo_id}"}
OWN = "/v3/users/{user_id}/application_credentials"
OWN_ONE = {**OF_DEMO, "credential_id": "{application_credential_id}"}
RULES = "/v3/users/{user_id}/access_rules"
APPLICATION_CREDENTIAL = [
    Call(
        f"POST {OWN}",
        {
            "application_credential": {
                "name": "walk",
                "access_rules": [{"service": "compute", "method": "GET", "path": "/v2.1/servers"}],
            }
        },
        {
            "application_credential_id": "application_credential.id",
            "access_rule_id": "application_credential.access_rules.0.id",
        },
        at=OF_DEMO,
    ),
    Call(f"GET {OWN}", at=OF_DEMO),
    Call(f"GET {OWN}/{{credential_id}}", at=OWN_ONE),
    Call(f"DELETE {OWN}/{{credential_id}}", at=OWN_ONE),
    Call(f"GET {RULES}", at=OF_DEMO),
    Call(f"GET {RULES}/{{access_rule_id}}", at=OF_DEMO),
    Call(f"DELETE {RULES}/{{access_rule_id}}", at=OF_DEMO),
]

TRUSTS = "/v3/OS-TRUST/trusts"
TRUST = [
    Call(
        f"POST {TRUSTS}",
        {
            "trust": {
                "trustor_user_id": "{demo_id}",
                "trustee_user_id": "{reader_id}",
                "project_id": "{demo_project}",
                "impersonation": False,
                "roles": [{"name": "member"}],
            }
        },
        {"trust_id": "trust.id", "trust_role_id": "trust.roles.0.id"},
    ),
    Call(f"GET {TRUSTS}", query="?trustor_user_id={demo_id}"),
    Call(f"GET {TRUSTS}", query="?trustee_user_id={reader_id}", who="reader", variant="of-the-trustee"),
    Call(f"GET {TRUSTS}", who="admin", variant="all"),
    Call(f"GET {TRUSTS}/{{trust_id}}"),
    Call(f"GET {TRUSTS}/{{trust_id}}/roles"),
    Call(f"GET {TRUSTS}/{{trust_id}}/roles/{{role_id}}", at={"role_id": "{trust_role_id}"}),
    Call(f"DELETE {TRUSTS}/{{trust_id}}"),
]

EC2 = "/v3/users/{user_id}/credentials/OS-EC2"
KEY_PAIR = [
    Call(f"POST {EC2}", {"tenant_id": "{demo_project}"}, {"access": "credential.access"}, at=OF_DEMO),
    Call(f"GET {EC2}", at=OF_DEMO),
    Call(f"GET {EC2}/{{access}}", at=OF_DEMO),
    Call(f"DELETE {EC2}/{{access}}", at=OF_DEMO),
]

ACCESS, SECRET = "a-walk", "a secret of walks"
CHOSEN = {
    "user_id": "{demo_id}",
    "project_id": "{demo_project}",
    "type": "ec2",
    "blob": f'{{"access": "{ACCESS}", "secret": "{SECRET}"}}',
}


def _signed() -> dict[str, Any]:
    """An EC2 request of now, signed by version 2."""
    params = {
        "AWSAccessKeyId": ACCESS,
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(params.items()))
    text = f"GET\nwalk.test\n/\n{query}"
    sent = {"access": ACCESS, "host": "walk.test", "verb": "GET", "path": "/", "params": params}
    return {"ec2Credentials": {**sent, "signature": _signature(text.encode(), "sha256")}}


def _signature(text: bytes, digest: str) -> str:
    return base64.b64encode(hmac.new(SECRET.encode(), text, getattr(hashlib, digest)).digest()).decode()


S3_TEXT = b"GET\n\n\nSat, 31 Jan 2026 12:00:00 GMT\n/walk/"
S3 = {"access": ACCESS, "token": base64.b64encode(S3_TEXT).decode(), "signature": _signature(S3_TEXT, "sha1")}
CHOSEN_KEY = {"credential_id": "{chosen_credential_id}"}
SIGNATURES = [
    Call(
        "POST /v3/credentials", {"credential": CHOSEN}, {"chosen_credential_id": "credential.id"}, variant="by-its-user"
    ),
    Call("GET /v3/credentials", variant="own"),
    Call("POST /v3/ec2tokens", _signed, who="admin"),
    Call("POST /v3/s3tokens", {"credentials": S3}, who="admin"),
    Call("DELETE /v3/credentials/{credential_id}", at=CHOSEN_KEY, variant="by-its-user"),
]
CALLS = [*APPLICATION_CREDENTIAL, *TRUST, *KEY_PAIR, *SIGNATURES]
