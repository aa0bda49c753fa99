"""What a user hands on: application credentials, access rules, trusts, EC2 key pairs."""

from typing import Any

import msgspec

from skyloom.identity.api.views import Ctx, collection, listed, with_link
from skyloom.identity.model import Record, Trust
from skyloom.identity.service.application_credentials import NewApplicationCredential, shown_rules
from skyloom.identity.service.trusts import NewTrust
from skyloom.identity.times import shown_time
from skyloom.web.routes import Route


class CreateApplicationCredential(msgspec.Struct):
    application_credential: NewApplicationCredential


class CreateTrust(msgspec.Struct):
    trust: NewTrust


class CreateKeyPair(msgspec.Struct):
    tenant_id: str


# -- application credentials and access rules


def create_application_credential(ctx: Ctx, body: CreateApplicationCredential, user_id: str) -> Any:
    made = ctx.service.application_credentials.create(ctx.caller, user_id, body.application_credential)
    return {"application_credential": with_link(ctx, f"users/{user_id}/application_credentials", made)}


def list_application_credentials(ctx: Ctx, user_id: str) -> Any:
    found = ctx.service.application_credentials.list(ctx.caller, user_id, ctx.one("name"))
    return collection(ctx, "application_credentials", found, f"users/{user_id}/application_credentials")


def show_application_credential(ctx: Ctx, user_id: str, credential_id: str) -> Any:
    record = ctx.service.application_credentials.get(ctx.caller, user_id, credential_id)
    return {"application_credential": with_link(ctx, f"users/{user_id}/application_credentials", record)}


def delete_application_credential(ctx: Ctx, user_id: str, credential_id: str) -> None:
    ctx.service.application_credentials.delete(ctx.caller, user_id, credential_id)


def list_access_rules(ctx: Ctx, user_id: str) -> Any:
    rules = shown_rules(ctx.service.application_credentials.rules(ctx.caller, user_id))
    asked = [(name, value) for name, value in ctx.query if name in ("service", "path", "method")]
    found = [rule for rule in rules if all(rule[name] == value for name, value in asked)]
    return collection(ctx, "access_rules", found, f"users/{user_id}/access_rules")


def show_access_rule(ctx: Ctx, user_id: str, access_rule_id: str) -> Any:
    record = shown_rules([ctx.service.application_credentials.rule(ctx.caller, user_id, access_rule_id)])[0]
    return {"access_rule": with_link(ctx, f"users/{user_id}/access_rules", record)}


def delete_access_rule(ctx: Ctx, user_id: str, access_rule_id: str) -> None:
    ctx.service.application_credentials.delete_rule(ctx.caller, user_id, access_rule_id)


# -- trusts


def create_trust(ctx: Ctx, body: CreateTrust) -> Any:
    return {"trust": _whole_trust(ctx, ctx.service.trusts.create(ctx.caller, body.trust))}


def list_trusts(ctx: Ctx) -> Any:
    found = ctx.service.trusts.list(ctx.caller, ctx.one("trustor_user_id"), ctx.one("trustee_user_id"))
    return listed(ctx, "trusts", [_trust(ctx, trust) for trust in found])


def show_trust(ctx: Ctx, trust_id: str) -> Any:
    return {"trust": _whole_trust(ctx, ctx.service.trusts.get(ctx.caller, trust_id))}


def delete_trust(ctx: Ctx, trust_id: str) -> None:
    ctx.service.trusts.delete(ctx.caller, trust_id)


def list_trust_roles(ctx: Ctx, trust_id: str) -> Any:
    trust = ctx.service.trusts.get(ctx.caller, trust_id, "list_roles_for_trust")
    return collection(ctx, "roles", ctx.service.trusts.roles_of(trust))


def show_trust_role(ctx: Ctx, trust_id: str, role_id: str) -> Any:
    return {"role": with_link(ctx, "roles", ctx.service.trusts.role_of(ctx.caller, trust_id, role_id))}


def _trust(ctx: Ctx, trust: Trust) -> Record:
    record = {
        "id": trust.id,
        "trustor_user_id": trust.trustor_user_id,
        "trustee_user_id": trust.trustee_user_id,
        "project_id": trust.project_id,
        "impersonation": trust.impersonation,
        "expires_at": shown_time(trust.expires_at),
        "deleted_at": None,
        "remaining_uses": trust.remaining_uses,
        "redelegated_trust_id": trust.redelegated_trust_id,
        "redelegation_count": trust.redelegation_count,
    }
    return with_link(ctx, "OS-TRUST/trusts", record)


def _whole_trust(ctx: Ctx, trust: Trust) -> Record:
    own = f"{ctx.base_url}/v3/OS-TRUST/trusts/{trust.id}/roles"
    return {
        **_trust(ctx, trust),
        "roles": [with_link(ctx, "roles", role) for role in ctx.service.trusts.roles_of(trust)],
        "roles_links": {"self": own, "next": None, "previous": None},
    }


# -- EC2 key pairs


def create_key_pair(ctx: Ctx, body: CreateKeyPair, user_id: str) -> Any:
    made = ctx.service.credentials.create_ec2(ctx.caller, user_id, body.tenant_id)
    return {"credential": _key_pair(ctx, user_id, made)}


def list_key_pairs(ctx: Ctx, user_id: str) -> Any:
    found = ctx.service.credentials.list_ec2(ctx.caller, user_id)
    return listed(ctx, "credentials", [_key_pair(ctx, user_id, record) for record in found])


def show_key_pair(ctx: Ctx, user_id: str, access: str) -> Any:
    return {"credential": _key_pair(ctx, user_id, ctx.service.credentials.get_ec2(ctx.caller, access))}


def delete_key_pair(ctx: Ctx, user_id: str, access: str) -> None:
    ctx.service.credentials.delete_ec2(ctx.caller, access)


def _key_pair(ctx: Ctx, user_id: str, record: Record) -> Record:
    own = f"{ctx.base_url}/v3/users/{user_id}/credentials/OS-EC2/{record['access']}"
    return {**record, "links": {"self": own}}


APPLICATION = "/v3/users/{user_id}/application_credentials"
APPLICATION_ONE = f"{APPLICATION}/{{credential_id}}"
RULES = "/v3/users/{user_id}/access_rules"
TRUSTS = "/v3/OS-TRUST/trusts"
EC2 = "/v3/users/{user_id}/credentials/OS-EC2"
ROUTES = [
    Route(
        "POST",
        APPLICATION,
        create_application_credential,
        "identity:create_application_credential",
        body=CreateApplicationCredential,
        status=201,
    ),
    Route("GET", APPLICATION, list_application_credentials, "identity:list_application_credentials"),
    Route("GET", APPLICATION_ONE, show_application_credential, "identity:get_application_credential"),
    Route(
        "DELETE", APPLICATION_ONE, delete_application_credential, "identity:delete_application_credential", status=204
    ),
    Route("GET", RULES, list_access_rules, "identity:list_access_rules"),
    Route("GET", f"{RULES}/{{access_rule_id}}", show_access_rule, "identity:get_access_rule"),
    Route("DELETE", f"{RULES}/{{access_rule_id}}", delete_access_rule, "identity:delete_access_rule", status=204),
    Route("POST", TRUSTS, create_trust, "identity:create_trust", body=CreateTrust, status=201),
    Route("GET", TRUSTS, list_trusts, "identity:list_trusts"),
    Route("GET", f"{TRUSTS}/{{trust_id}}", show_trust, "identity:get_trust"),
    Route("DELETE", f"{TRUSTS}/{{trust_id}}", delete_trust, "identity:delete_trust", status=204),
    Route("GET", f"{TRUSTS}/{{trust_id}}/roles", list_trust_roles, "identity:list_roles_for_trust"),
    Route("GET", f"{TRUSTS}/{{trust_id}}/roles/{{role_id}}", show_trust_role, "identity:get_role_for_trust"),
    Route("POST", EC2, create_key_pair, "identity:ec2_create_credential", body=CreateKeyPair, status=201),
    Route("GET", EC2, list_key_pairs, "identity:ec2_list_credentials"),
    Route("GET", f"{EC2}/{{access}}", show_key_pair, "identity:ec2_get_credential"),
    Route("DELETE", f"{EC2}/{{access}}", delete_key_pair, "identity:ec2_delete_credential", status=204),
]
