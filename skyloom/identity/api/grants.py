"""Who may what: assignments in one place, and the list of all."""

from typing import Any

from skyloom.identity.api.views import Ctx, collection, listed
from skyloom.identity.model import Assignment, Grant
from skyloom.identity.service.assignments import Found, Wanted
from skyloom.web.routes import Route


def _grant(at: dict[str, str], inherited: bool) -> Grant:
    actor_kind = "user" if "user_id" in at else "group"
    target_kind = "project" if "project_id" in at else "domain" if "domain_id" in at else "system"
    return Grant(
        actor_kind,
        at[f"{actor_kind}_id"],
        target_kind,
        at.get(f"{target_kind}_id", "system"),
        at.get("role_id", ""),
        inherited,
    )


class Assigned:
    """The routes of grants in one place, plain or inherited. `path`: /v3/projects/{project_id}/users/{user_id}/roles"""

    def __init__(self, path: str, inherited: bool = False):
        self.path = path
        self.inherited = inherited

    def create(self, ctx: Ctx, **at: str) -> None:
        ctx.service.grants.create(ctx.caller, _grant(at, self.inherited))

    def check(self, ctx: Ctx, **at: str) -> None:
        ctx.service.grants.check(ctx.caller, _grant(at, self.inherited))

    def revoke(self, ctx: Ctx, **at: str) -> None:
        ctx.service.grants.revoke(ctx.caller, _grant(at, self.inherited))

    def roles(self, ctx: Ctx, **at: str) -> Any:
        return collection(ctx, "roles", ctx.service.grants.roles_of(ctx.caller, _grant(at, self.inherited)))

    def routes(self) -> list[Route]:
        tail = "/inherited_to_projects" if self.inherited else ""
        of_system = f"_for_{'user' if 'user_id' in self.path else 'group'}" if "/system/" in self.path else ""
        one = f"{self.path}/{{role_id}}{tail}"
        grant = "system_grant" if of_system else "grant"
        return [
            Route("GET", self.path + tail, self.roles, f"identity:list_{grant}s{of_system}"),
            Route("PUT", one, self.create, f"identity:create_{grant}{of_system}", status=204),
            Route("GET", one, self.check, f"identity:check_{grant}{of_system}", status=204),
            Route("DELETE", one, self.revoke, f"identity:revoke_{grant}{of_system}", status=204),
        ]


def assignments(ctx: Ctx) -> Any:
    inherited = ctx.one("scope.OS-INHERIT:inherited_to")
    wanted = Wanted(
        user_id=ctx.one("user.id"),
        group_id=ctx.one("group.id"),
        role_id=ctx.one("role.id"),
        project_id=ctx.one("scope.project.id"),
        domain_id=ctx.one("scope.domain.id"),
        system=ctx.one("scope.system") is not None,
        inherited=None if inherited is None else inherited == "projects",
        effective=bool(ctx.flag("effective")),
        include_subtree=bool(ctx.flag("include_subtree")),
        include_names=bool(ctx.flag("include_names")),
    )
    found = ctx.service.assignments.find(ctx.caller, wanted)
    return listed(ctx, "role_assignments", [_shown(ctx, one, found) for one in found.assignments])


def _shown(ctx: Ctx, one: Assignment, found: Found) -> dict[str, Any]:
    grant = one.grant
    scope: dict[str, Any] = {"system": {"all": True}}
    if grant.target_kind != "system":
        scope = {grant.target_kind: _named(found, "project", grant.target_id, grant.target_kind == "domain")}
    if grant.inherited or one.inherited_from:
        scope["OS-INHERIT:inherited_to"] = "projects"
    links = {"assignment": f"{ctx.base_url}/v3{_link(one)}"}
    if one.group_id is not None:
        links["membership"] = f"{ctx.base_url}/v3/groups/{one.group_id}/users/{grant.actor_id}"
    if one.prior_role_id is not None:
        links["prior_role"] = f"{ctx.base_url}/v3/prior_role/{one.prior_role_id}/implies/{grant.role_id}"
    return {
        "role": _named(found, "role", grant.role_id),
        grant.actor_kind: _named(found, grant.actor_kind, grant.actor_id),
        "scope": scope,
        "links": links,
    }


def _named(found: Found, kind: str, thing_id: str, is_domain: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": thing_id}
    if thing_id in found.names.get(kind, {}):
        shown["name"], domain_id = found.names[kind][thing_id]
        if domain_id and not is_domain:
            shown["domain"] = {"id": domain_id, "name": found.names["domain"].get(domain_id, ("", ""))[0]}
    return shown


def _link(one: Assignment) -> str:
    """Where the assignment was made."""
    grant = one.grant
    kind, place = one.inherited_from or (grant.target_kind, grant.target_id)
    target = "/system" if kind == "system" else f"/{kind}s/{place}"
    actor = f"groups/{one.group_id}" if one.group_id is not None else f"{grant.actor_kind}s/{grant.actor_id}"
    path = f"{target}/{actor}/roles/{one.prior_role_id or grant.role_id}"
    is_inherited = grant.inherited or one.inherited_from is not None
    return f"/OS-INHERIT{path}/inherited_to_projects" if is_inherited else path


PLACES = [
    f"{target}/{actor}/roles"
    for target in ("/projects/{project_id}", "/domains/{domain_id}", "/system")
    for actor in ("users/{user_id}", "groups/{group_id}")
]
ROUTES = [
    *[route for path in PLACES for route in Assigned(f"/v3{path}").routes()],
    *[
        route
        for path in PLACES
        if "system" not in path
        for route in Assigned(f"/v3/OS-INHERIT{path}", inherited=True).routes()
    ],
    Route("GET", "/v3/role_assignments", assignments, "identity:list_role_assignments"),
]
