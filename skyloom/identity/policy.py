"""Who may do what in the identity API: Keystone's action names and its present defaults.

The personas: the admin of anything; the reader of the system; the reader and the manager of the domain that the target
lies in; the owner; and the service user, who asks about others' tokens. What concerns the whole cloud takes a token of
the system or of a project, never one of a domain (`domain_id:None`), as Keystone's scope types have it.
"""

ADMIN = "rule:admin_required"
READ = f"{ADMIN} or (role:reader and system_scope:all)"
SERVICE = "rule:service_or_admin"
ANYONE = ""
OWNER = "user_id:%(user_id)s"
OF_CREDENTIAL = "user_id:%(target.credential.user_id)s"
TRUSTOR = "user_id:%(target.trust.trustor_user_id)s"
TRUSTEE = "user_id:%(target.trust.trustee_user_id)s"
PROJECT_IN_DOMAIN = "domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s"
READ_PROJECT = f"{READ} or (role:reader and {PROJECT_IN_DOMAIN}) or project_id:%(target.project.id)s"
WRITE_PROJECT = f"{ADMIN} or (role:manager and {PROJECT_IN_DOMAIN})"
READ_TRUST = f"{READ} or {TRUSTOR} or {TRUSTEE}"


def _in_domain(role: str, *nouns: str) -> str:
    """The `role` persona of the domain in which all of the targets lie."""
    return " and ".join([f"role:{role}", *(f"domain_id:%(target.{noun}.domain_id)s" for noun in nouns)])


def _granting(role: str) -> str:
    """The `role` persona of the domain in which both the user or group and the project or domain lie."""
    return " or ".join(
        f"({_in_domain(role, actor)} and domain_id:%(target.{place})s)"
        for actor in ("user", "group")
        for place in ("project.domain_id", "domain.id")
    )


def _verbs(noun: str, read: str = READ, write: str = ADMIN, plural: str = "") -> dict[str, str]:
    return {
        f"identity:get_{noun}": read,
        f"identity:list_{plural or noun + 's'}": read,
        f"identity:create_{noun}": write,
        f"identity:update_{noun}": write,
        f"identity:delete_{noun}": write,
    }


def _all(rule: str, *actions: str) -> dict[str, str]:
    return {f"identity:{action}": rule for action in actions}


def _cloud(rules: dict[str, str]) -> dict[str, str]:
    """No token of a domain does these."""
    return {action: f"({rule}) and domain_id:None" for action, rule in rules.items()}


ROLE_OF_DOMAIN = "(domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)"
GRANT = (
    f"{ADMIN} or ({_granting('admin')}) and {ROLE_OF_DOMAIN} "
    f"or ({_granting('manager')}) and rule:domain_managed_target_role"
)

BASE = {
    "admin_required": "role:admin or is_admin:1",
    "service_role": "role:service",
    "service_or_admin": "rule:admin_required or rule:service_role",
    "owner": OWNER,
    "admin_or_owner": "rule:admin_required or rule:owner",
    "token_subject": "user_id:%(target.token.user_id)s",
    "domain_managed_target_role": "'manager':%(target.role.name)s or 'member':%(target.role.name)s "
    "or 'reader':%(target.role.name)s",
}
AUTHENTICATION = {
    **_all(ANYONE, "get_auth_catalog", "get_auth_projects", "get_auth_domains", "get_auth_system"),
    "identity:check_token": f"{READ} or rule:token_subject",
    "identity:validate_token": f"{READ} or rule:service_role or rule:token_subject",
    "identity:revoke_token": f"{ADMIN} or rule:token_subject",
    **_all(SERVICE, "ec2tokens_validate", "s3tokens_validate"),
    **_cloud(_all(SERVICE, "list_revoke_events")),
}
DIRECTORY = {
    **_cloud(_verbs("domain")),
    "identity:get_domain": f"{READ} or token.domain.id:%(target.domain.id)s "
    "or token.project.domain.id:%(target.domain.id)s",
    "identity:list_domains": f"{READ} or (role:reader and domain_id:%(target.domain.id)s)",
    **_verbs("project", READ_PROJECT, WRITE_PROJECT),
    "identity:list_projects": f"{READ} or (role:reader and domain_id:%(target.domain_id)s)",
    "identity:list_user_projects": f"{READ} or ({_in_domain('reader', 'user')}) or user_id:%(target.user.id)s",
    **_all(READ_PROJECT, "list_project_tags", "get_project_tag"),
    **_all(WRITE_PROJECT, "update_project_tags", "create_project_tag", "delete_project_tags", "delete_project_tag"),
    **_verbs(
        "user",
        f"{READ} or (role:reader and token.domain.id:%(target.user.domain_id)s) or user_id:%(target.user.id)s",
        f"{ADMIN} or (role:manager and token.domain.id:%(target.user.domain_id)s)",
    ),
    "identity:list_users": f"{READ} or (role:reader and domain_id:%(target.domain_id)s)",
    **_verbs("group", f"{READ} or ({_in_domain('reader', 'group')})", f"{ADMIN} or ({_in_domain('manager', 'group')})"),
    "identity:list_groups_for_user": f"{READ} or ({_in_domain('reader', 'user')}) or user_id:%(user_id)s",
    "identity:list_users_in_group": f"{READ} or ({_in_domain('reader', 'group')})",
    "identity:check_user_in_group": f"{READ} or ({_in_domain('reader', 'group', 'user')})",
    **_all(f"{ADMIN} or ({_in_domain('manager', 'group', 'user')})", "add_user_to_group", "remove_user_from_group"),
    **_cloud(_all(READ, "get_domain_config", "get_domain_config_default")),
    **_cloud(_all(ADMIN, "create_domain_config", "update_domain_config", "delete_domain_config")),
    "identity:get_security_compliance_domain_config": ANYONE,
}
ASSIGNMENT = {
    **_cloud(_verbs("role")),
    "identity:get_role": f"{READ} or (role:manager and rule:domain_managed_target_role)",
    "identity:list_roles": f"{READ} or (role:manager and not domain_id:None)",
    **_cloud(_verbs("domain_role")),
    "identity:check_grant": f"{READ} or ({_granting('reader')}) and {ROLE_OF_DOMAIN}",
    "identity:list_grants": f"{READ} or {_granting('reader')}",
    **_all(GRANT, "create_grant", "revoke_grant"),
    **{
        f"identity:{verb}_system_{grants}_for_{actor}": f"({rule}) and domain_id:None"
        for actor in ("user", "group")
        for verb, grants, rule in (
            ("list", "grants", READ),
            ("check", "grant", READ),
            ("create", "grant", ADMIN),
            ("revoke", "grant", ADMIN),
        )
    },
    **_all(
        f"{READ} or (role:reader and domain_id:%(target.domain_id)s)",
        "list_role_assignments",
        "list_role_assignments_for_tree",
    ),
    **_cloud(_all(READ, "get_implied_role", "list_implied_roles", "check_implied_role", "list_role_inference_rules")),
    **_cloud(_all(ADMIN, "create_implied_role", "delete_implied_role")),
}
CLOUD_CATALOG = {
    **_verbs("region"),
    **_verbs("service"),
    **_verbs("endpoint"),
    **_verbs("policy", plural="policies"),
    **_verbs("endpoint_group"),
    **_all(
        READ,
        "list_projects_associated_with_endpoint_group",
        "list_endpoints_associated_with_endpoint_group",
        "get_endpoint_group_in_project",
        "list_endpoint_groups_for_project",
        "list_projects_for_endpoint",
        "check_endpoint_in_project",
        "list_endpoints_for_project",
        "get_policy_for_endpoint",
        "list_endpoints_for_policy",
    ),
    **_all(
        ADMIN,
        "add_endpoint_group_to_project",
        "remove_endpoint_group_from_project",
        "add_endpoint_to_project",
        "remove_endpoint_from_project",
    ),
    **{
        f"identity:{verb}_policy_association_for_{place}": READ if verb == "check" else ADMIN
        for verb in ("create", "check", "delete")
        for place in ("endpoint", "service", "region_and_service")
    },
    **_all(ADMIN, "create_limits", "update_limit", "delete_limit"),
    **_all(ADMIN, "create_registered_limits", "update_registered_limit", "delete_registered_limit"),
}
CATALOG = {
    **_cloud(CLOUD_CATALOG),
    **_all(ANYONE, "get_region", "list_regions"),
    **_all(ANYONE, "get_limit_model", "list_limits", "get_registered_limit", "list_registered_limits"),
    "identity:get_limit": f"{READ} or domain_id:%(target.limit.domain.id)s "
    "or domain_id:%(target.limit.project.domain_id)s "
    "or (project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)",
}
CLOUD_DELEGATION = {
    "identity:ec2_get_credential": f"{READ} or {OF_CREDENTIAL}",
    "identity:ec2_list_credentials": f"{READ} or rule:owner",
    **_all(f"{ADMIN} or (role:member and {OF_CREDENTIAL})", "ec2_create_credential", "ec2_delete_credential"),
    **_all(f"{READ} or rule:owner", "get_application_credential", "list_application_credentials"),
    "identity:delete_application_credential": "rule:admin_or_owner",
    **_all("(role:reader and system_scope:all) or user_id:%(target.user.id)s", "get_access_rule", "list_access_rules"),
    "identity:delete_access_rule": "(role:admin and system_scope:all) or user_id:%(target.user.id)s",
    "identity:list_trusts": READ,
    "identity:list_trusts_for_trustor": f"{READ} or {TRUSTOR}",
    "identity:list_trusts_for_trustee": f"{READ} or {TRUSTEE}",
    **_all(READ_TRUST, "get_trust", "list_roles_for_trust", "get_role_for_trust"),
    "identity:delete_trust": f"{ADMIN} or {TRUSTOR}",
}
DELEGATION = {
    **_cloud(CLOUD_DELEGATION),
    **_verbs("credential", f"{READ} or {OF_CREDENTIAL}", f"{ADMIN} or {OF_CREDENTIAL}"),
    "identity:create_application_credential": f"{OWNER} and domain_id:None and system_scope:None",
    "identity:create_trust": f"{TRUSTOR} and domain_id:None and system_scope:None",
}
FEDERATION = {
    **_verbs("identity_provider"),
    **_verbs("protocol"),
    **_verbs("mapping"),
    **_verbs("service_provider"),
    **_verbs("consumer"),
}
OAUTH = _all(
    f"{ADMIN} and domain_id:None and system_scope:None",
    "authorize_request_token",
    "get_access_token",
    "get_access_token_role",
    "list_access_tokens",
    "list_access_token_roles",
    "delete_access_token",
)
"""A consumer acts in a project, so whoever has to do with it comes with a token of one."""
RULES = {**BASE, **AUTHENTICATION, **DIRECTORY, **ASSIGNMENT, **CATALOG, **DELEGATION, **_cloud(FEDERATION), **OAUTH}
