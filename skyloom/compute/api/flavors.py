"""/flavors with extra specs and access."""

import re
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from skyloom.compute.api.links import links
from skyloom.compute.api.server_bodies import Key, Name, Value, flag_of, whole_of
from skyloom.compute.compute import ComputeService
from skyloom.compute.errors import RequestInvalid
from skyloom.compute.model import Flavor
from skyloom.compute.service.flavors import NewFlavor
from skyloom.compute.store.flavors import SORTS
from skyloom.db.listing import Page, Sort
from skyloom.web.bodies import BodyInvalid
from skyloom.web.context import Context
from skyloom.web.paging import next_url, page_of
from skyloom.web.routes import Route

Ctx = Context[ComputeService]
View = dict[str, Any]
MOST = 2**31 - 1
Amount = Annotated[int, Meta(ge=0, le=MOST)]
Some = Annotated[int, Meta(ge=1, le=MOST)]
Text = Annotated[str, Meta(max_length=65535)]
FlavorId = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9_-][a-zA-Z0-9. _-]*(?<! )\Z")]
Specs = dict[Key, Value]
PROJECT = re.compile(r"[a-zA-Z0-9-]{1,255}")


class FlavorBody(Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name
    ram: Some | str
    vcpus: Some | str
    disk: Amount | str
    id: FlavorId | Amount | None = None
    ephemeral: Amount | str = field(name="OS-FLV-EXT-DATA:ephemeral", default=0)
    swap: Amount | str = 0
    rxtx_factor: float | str = 1.0
    is_public: bool | str = field(name="os-flavor-access:is_public", default=True)
    description: Text | UnsetType | None = UNSET


class CreateFlavor(Struct, forbid_unknown_fields=True):
    flavor: FlavorBody


class Described(Struct, forbid_unknown_fields=True):
    description: Text | None


class UpdateFlavor(Struct, forbid_unknown_fields=True):
    flavor: Described


class SpecsBody(Struct, forbid_unknown_fields=True):
    extra_specs: Specs


def brief(ctx: Ctx, flavor: Flavor) -> View:
    view: View = {"id": flavor.id, "name": flavor.name, "links": links(ctx, f"flavors/{flavor.id}")}
    return view | ({"description": flavor.description} if ctx.version >= (2, 55) else {})


def full(ctx: Ctx, flavor: Flavor) -> View:
    view = brief(ctx, flavor) | {
        "ram": flavor.memory_mib,
        "disk": flavor.disk_gib,
        "vcpus": flavor.vcpus,
        "swap": flavor.swap_mib if flavor.swap_mib or ctx.version >= (2, 75) else "",
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gib,
        "OS-FLV-DISABLED:disabled": flavor.is_disabled,
        "os-flavor-access:is_public": flavor.is_public,
        "rxtx_factor": flavor.rxtx_factor,
    }
    if ctx.version >= (2, 61) and ctx.service.flavors.sees_extra_specs(ctx.caller):
        view["extra_specs"] = dict(flavor.extra_specs)
    return view


def _page(ctx: Ctx) -> tuple[list[Flavor], Page]:
    page = page_of(ctx, SORTS, (Sort("flavorid"),), 1000)
    text = (ctx.one("is_public") or "").lower()
    is_public = None if text == "none" else flag_of("is_public", ctx.one("is_public") or "true")
    return ctx.service.flavors.list(ctx.caller, page, is_public, _least(ctx, "minRam"), _least(ctx, "minDisk")), page


def _least(ctx: Ctx, name: str) -> int:
    text = ctx.one(name)
    if text is None:
        return 0
    try:
        return int(text)
    except ValueError as error:
        raise RequestInvalid(f"Invalid {name} filter [{text}]", field=name) from error


def _listed(ctx: Ctx, shown: list[View], page: Page, path: str) -> View:
    found: View = {"flavors": shown}
    if shown and len(shown) == page.limit:
        found["flavors_links"] = [{"rel": "next", "href": next_url(ctx, path, shown[-1]["id"])}]
    return found


def index(ctx: Ctx) -> View:
    flavors, page = _page(ctx)
    return _listed(ctx, [brief(ctx, flavor) for flavor in flavors], page, "/v2.1/flavors")


def detail(ctx: Ctx) -> View:
    flavors, page = _page(ctx)
    return _listed(ctx, [full(ctx, flavor) for flavor in flavors], page, "/v2.1/flavors/detail")


def show(ctx: Ctx, flavor_id: str) -> View:
    return {"flavor": full(ctx, ctx.service.flavors.get(ctx.caller, flavor_id))}


def create(ctx: Ctx, body: CreateFlavor) -> View:
    new = body.flavor
    if new.description is not UNSET and ctx.version < (2, 55):
        raise BodyInvalid("Invalid input for field/attribute flavor: 'description' came with version 2.55.")
    made = NewFlavor(
        id=None if new.id is None else str(new.id),
        name=new.name,
        vcpus=whole_of("vcpus", new.vcpus, 1, MOST),
        memory_mib=whole_of("ram", new.ram, 1, MOST),
        disk_gib=whole_of("disk", new.disk, 0, MOST),
        ephemeral_gib=whole_of("OS-FLV-EXT-DATA:ephemeral", new.ephemeral, 0, MOST),
        swap_mib=whole_of("swap", new.swap, 0, MOST),
        rxtx_factor=_factor(new.rxtx_factor),
        is_public=flag_of("os-flavor-access:is_public", new.is_public),
        description=None if new.description is UNSET else new.description,
    )
    return {"flavor": full(ctx, ctx.service.flavors.create(ctx.caller, made))}


def _factor(value: float | str) -> float:
    try:
        factor = float(value)
    except ValueError as error:
        raise RequestInvalid(f"Invalid input for field/attribute rxtx_factor: {value!r} is no number.") from error
    if not 0 < factor <= 3.4e38:
        raise RequestInvalid("Invalid input for field/attribute rxtx_factor: it must be greater than 0.")
    return factor


def update(ctx: Ctx, body: UpdateFlavor, flavor_id: str) -> View:
    return {"flavor": full(ctx, ctx.service.flavors.describe(ctx.caller, flavor_id, body.flavor.description))}


def delete(ctx: Ctx, flavor_id: str) -> None:
    ctx.service.flavors.delete(ctx.caller, flavor_id)


def access(ctx: Ctx, flavor_id: str) -> View:
    return _access(flavor_id, ctx.service.flavors.access(ctx.caller, flavor_id))


def _access(flavor_id: str, projects: Any) -> View:
    return {"flavor_access": [{"flavor_id": flavor_id, "tenant_id": project_id} for project_id in projects]}


def act(ctx: Ctx, body: dict[str, Any], flavor_id: str) -> View:
    verbs = {
        "addTenantAccess": ctx.service.flavors.add_access,
        "removeTenantAccess": ctx.service.flavors.remove_access,
    }
    name, content = next(iter(body.items()), ("", None))
    project_id = content.get("tenant") if isinstance(content, dict) and len(content) == 1 else None
    if len(body) != 1 or name not in verbs or not isinstance(project_id, str) or not PROJECT.fullmatch(project_id):
        raise BodyInvalid("The body must be addTenantAccess or removeTenantAccess with a tenant (a project's id).")
    return _access(flavor_id, verbs[name](ctx.caller, flavor_id, project_id))


def specs(ctx: Ctx, flavor_id: str) -> View:
    return {"extra_specs": ctx.service.flavors.extra_specs(ctx.caller, flavor_id)}


def add_specs(ctx: Ctx, body: SpecsBody, flavor_id: str) -> View:
    action = "os_compute_api:os-flavor-extra-specs:create"
    ctx.service.flavors.set_extra_specs(ctx.caller, flavor_id, body.extra_specs, action)
    return {"extra_specs": body.extra_specs}


def spec(ctx: Ctx, flavor_id: str, key: str) -> View:
    return {key: ctx.service.flavors.extra_spec(ctx.caller, flavor_id, key)}


def update_spec(ctx: Ctx, body: Specs, flavor_id: str, key: str) -> View:
    if list(body) != [key]:
        raise RequestInvalid("Request body and URI mismatch", field=key)
    ctx.service.flavors.set_extra_specs(ctx.caller, flavor_id, body, "os_compute_api:os-flavor-extra-specs:update")
    return dict(body)


def delete_spec(ctx: Ctx, flavor_id: str, key: str) -> None:
    ctx.service.flavors.remove_extra_spec(ctx.caller, flavor_id, key)


ONE = "/v2.1/flavors/{flavor_id}"
SPECS = f"{ONE}/os-extra_specs"
EXTRA = "os_compute_api:os-flavor-extra-specs"
MANAGE = "os_compute_api:os-flavor-manage"
ROUTES = [
    Route("GET", "/v2.1/flavors", index, "os_compute_api:flavors"),
    Route("GET", "/v2.1/flavors/detail", detail, "os_compute_api:flavors"),
    Route("POST", "/v2.1/flavors", create, f"{MANAGE}:create", CreateFlavor),
    Route("GET", ONE, show, "os_compute_api:flavors"),
    Route("PUT", ONE, update, f"{MANAGE}:update", UpdateFlavor, since=(2, 55)),
    Route("DELETE", ONE, delete, f"{MANAGE}:delete", status=202),
    Route("GET", f"{ONE}/os-flavor-access", access, "os_compute_api:os-flavor-access"),
    Route("POST", f"{ONE}/action", act, "os_compute_api:os-flavor-access:add_tenant_access", dict[str, Any]),
    Route("GET", SPECS, specs, f"{EXTRA}:index"),
    Route("POST", SPECS, add_specs, f"{EXTRA}:create", SpecsBody),
    Route("GET", f"{SPECS}/{{key}}", spec, f"{EXTRA}:show"),
    Route("PUT", f"{SPECS}/{{key}}", update_spec, f"{EXTRA}:update", Specs),
    Route("DELETE", f"{SPECS}/{{key}}", delete_spec, f"{EXTRA}:delete"),
]
