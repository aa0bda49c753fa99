"""Resources of the Network API as data: which attributes a noun has, of which kind, who may give and see each.

One description serves decoding, defaults, policy, filters, sorting and rendering, so that they cannot disagree.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from skyloom.access import Caller, Policy
from skyloom.errors import NotFound
from skyloom.network.errors import HTTPBadRequest
from skyloom.network.kinds import Kind, read_only

REQUIRED: Any = object()
LATER: Any = object()
"""No default here: the verb works it out from other things."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """`field` is its name in the model. `asks`: giving it (one of the values of `asks_for`) needs the policy
    create_/update_NOUN:NAME as well. `guarded`: it is shown only to those whom get_NOUN:NAME allows.

    `show` makes the shown value from the whole thing. `column`: there is a column to sort by, and with `filters` also
    to filter by.
    """

    name: str
    kind: Kind = read_only
    field: str = ""
    default: Any = LATER
    create: bool = False
    update: bool = False
    asks: bool = False
    asks_for: Callable[[Any], bool] = lambda value: True
    guarded: bool = False
    hidden: bool = False
    column: bool = True
    filters: bool = True
    show: Callable[[Any], Any] | None = None

    @property
    def key(self) -> str:
        return self.field or self.name

    def parse(self, value: Any) -> Any:
        try:
            return self.kind(value)
        except ValueError as error:
            raise HTTPBadRequest(f"Invalid input for {self.name}. Reason: {error}.", field=self.name) from error


@dataclass(frozen=True)
class Resource:
    """`name` and `plural` as in bodies; `path` as in the URL."""

    name: str
    plural: str
    path: str
    not_found: type[NotFound]
    attributes: Sequence[Attribute]
    by_name: Mapping[str, Attribute] = field(init=False)
    visible: Sequence[Attribute] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {attribute.name: attribute for attribute in self.attributes})
        object.__setattr__(self, "visible", tuple(a for a in self.attributes if not a.hidden))

    def parse_new(self, body: Any) -> dict[str, Any]:
        """field -> value of what was given. Raises HTTPBadRequest that names the attribute and the rule."""
        values = self._parse(body, lambda attribute: attribute.create, "Attribute '{}' not allowed in POST")
        for attribute in self.attributes:
            if attribute.default is REQUIRED and attribute.key not in values:
                sentence = f"Failed to parse request. Required attribute '{attribute.name}' not specified."
                raise HTTPBadRequest(sentence, field=attribute.name)
        return values

    def parse_changes(self, body: Any) -> dict[str, Any]:
        return self._parse(body, lambda attribute: attribute.update, "Cannot update read-only attribute {}")

    def with_defaults(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """`values` and the defaults of all attributes that can be given and have one."""
        defaults = {a.key: a.default for a in self.attributes if a.create and a.default not in (REQUIRED, LATER)}
        return {**{key: list(v) if isinstance(v, list) else v for key, v in defaults.items()}, **values}

    def require_new(self, policy: Policy, caller: Caller, values: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        policy.require(caller, f"create_{self.name}", target)
        for attribute in self.attributes:
            given = values.get(attribute.key, attribute.default)
            if attribute.asks and given != attribute.default and attribute.asks_for(given):
                policy.require(caller, f"create_{self.name}:{attribute.name}", target)

    def require_changes(
        self, policy: Policy, caller: Caller, values: Mapping[str, Any], target: Mapping[str, Any]
    ) -> None:
        policy.require(caller, f"update_{self.name}", target)
        for attribute in self.attributes:
            if attribute.asks and attribute.key in values and attribute.asks_for(values[attribute.key]):
                policy.require(caller, f"update_{self.name}:{attribute.name}", target)

    def shown_to(self, policy: Policy, caller: Caller, fields: Iterable[str] = ()) -> "View":
        """How things of this noun are shown to the caller, all attributes or those asked for."""
        target = {"project_id": caller.project_id, "network:project_id": caller.project_id}
        wanted = frozenset(name for name in fields if name)
        return View(
            [
                attribute
                for attribute in self.visible
                if (not wanted or attribute.name in wanted)
                and not (attribute.guarded and not policy.allows(caller, f"get_{self.name}:{attribute.name}", target))
            ]
        )

    def _parse(self, body: Any, allowed: Callable[[Attribute], bool], refusal: str) -> dict[str, Any]:
        if not isinstance(body, dict):
            raise HTTPBadRequest(f"Invalid input for {self.name}: it takes an object of attributes.", field=self.name)
        values: dict[str, Any] = {}
        for name, value in body.items():
            attribute = self.by_name.get(name)
            if attribute is None or (attribute.hidden and not (attribute.create or attribute.update)):
                raise HTTPBadRequest(f"Unrecognized attribute(s) '{name}'.", field=name)
            if not allowed(attribute):
                raise HTTPBadRequest(f"{refusal.format(name)}.", field=name)
            parsed = attribute.parse(value)
            if values.setdefault(attribute.key, parsed) != parsed:
                raise HTTPBadRequest(f"{name} contradicts another attribute of the same meaning.", field=name)
        return values


class View:
    """Writes things as these attributes show them; the plain ones are read in one go, for lists are long."""

    def __init__(self, attributes: Sequence[Attribute]):
        plain = [attribute for attribute in attributes if attribute.show is None]
        self._names = [attribute.name for attribute in plain]
        # With one key attrgetter gives no tuple, with none it fails: the id is read once more and dropped by zip.
        self._read = attrgetter(*(attribute.key for attribute in plain), "id", "id")
        self._made = [(attribute.name, attribute.show) for attribute in attributes if attribute.show is not None]

    def __call__(self, thing: Any) -> dict[str, Any]:
        shown = dict(zip(self._names, self._read(thing), strict=False))
        for name, show in self._made:
            shown[name] = show(thing)
        return shown
