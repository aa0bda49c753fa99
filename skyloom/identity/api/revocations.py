"""OS-REVOKE: the events by which tokens were revoked."""

from collections.abc import Mapping
from typing import Any

from skyloom.identity.api.views import Ctx
from skyloom.identity.times import shown_time, time_of
from skyloom.web.routes import Route

IDS = ("user_id", "role_id", "domain_id", "project_id", "audit_id", "audit_chain_id")
EXTENSIONS = {
    "trust_id": "OS-TRUST:trust_id",
    "consumer_id": "OS-OAUTH1:consumer_id",
    "access_token_id": "OS-OAUTH1:access_token_id",
}
TIMES = ("issued_before", "revoked_at")


def events(ctx: Ctx) -> Any:
    since = ctx.one("since")
    found = ctx.service.revocations.list(ctx.caller, time_of(since, "since") if since else None)
    links = {"next": None, "self": f"{ctx.base_url}/v3/OS-REVOKE/events", "previous": None}
    return {"events": [_event(event) for event in found], "links": links}


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    """What the event says nothing of is left out."""
    named = {name: event[name] for name in IDS} | {shown: event[name] for name, shown in EXTENSIONS.items()}
    times = {name: shown_time(event[name]) for name in TIMES}
    return {name: value for name, value in {**named, **times}.items() if value is not None}


ROUTES = [Route("GET", "/v3/OS-REVOKE/events", events, "identity:list_revoke_events")]
