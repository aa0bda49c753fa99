"""The 401 that asks for more methods: with a receipt in its body and header, which comes back with the rest."""

import msgspec

from skyloom.identity.errors import MethodsMissing
from skyloom.identity.model import Receipt
from skyloom.identity.times import shown_time
from skyloom.web.http import Reply

HEADER = "Openstack-Auth-Receipt"


def refusal(status: int, error: MethodsMissing) -> Reply:
    headers = [("Content-Type", "application/json"), (HEADER, error.receipt.text)]
    return Reply(status, headers, msgspec.json.encode(_shown(error.receipt)))


def _shown(receipt: Receipt) -> dict[str, object]:
    user = receipt.user
    return {
        "receipt": {
            "methods": receipt.methods,
            "user": {
                "id": user.id,
                "name": user.name,
                "domain": {"id": user.domain_id, "name": user.domain_name},
            },
            "expires_at": shown_time(receipt.expires_at),
            "issued_at": shown_time(receipt.issued_at),
        },
        "required_auth_methods": receipt.required,
    }
