"""The mapping engine: from what an identity provider has said of a user to who that is here. Pure.

The rule language is Keystone's ("Mapping Combinations" in its administrator guide), schema versions 1.0 to 3.0. A rule
matches when each of its remote conditions does; the local parts of all rules that match count together: the first
user, and every group and project. `{0}` stands for the values of the first remote condition that hands values on
(`any_one_of` and `not_any_of` hand on none).

What must stay true: nothing that the provider says is ever read as a part of the rules. A placeholder is filled once,
by values as they are. Where one word is wanted, several values, or none, make the mapping fail; where a list is wanted
(groups) each value makes an entry.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from skyloom.identity.errors import AttributeInvalid, NotMapped

Attributes = Mapping[str, Sequence[str]]
Word = Annotated[str, msgspec.Meta(min_length=1)]
SCHEMA_VERSIONS = ("1.0", "2.0", "3.0")
DEFAULT_VERSION = "1.0"
PLACEHOLDER = re.compile(r"\{([0-9]+)\}")
AS_JSON = "JSON:"
"""Begins a group that carries its own domain, as one cloud tells another of its user's groups."""


class Domain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    id: Word | None = None
    name: Word | None = None


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    id: Word | None = None
    name: Word | None = None
    email: Word | None = None
    domain: Domain | None = None
    type: Literal["ephemeral", "local"] | None = None


class Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Word


class Project(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    name: Word
    roles: tuple[Role, ...]
    domain: Domain | None = None


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """By its id, or by its name in a domain."""

    id: Word | None = None
    name: Word | None = None
    domain: Domain | None = None


class Local(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    user: User | None = None
    group: Group | None = None
    groups: Word | None = None
    group_ids: Word | None = None
    projects: tuple[Project, ...] | None = None
    projects_json: Word | None = None
    domain: Domain | None = None


class Remote(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    type: Word
    any_one_of: tuple[str, ...] | None = None
    not_any_of: tuple[str, ...] | None = None
    blacklist: tuple[str, ...] | None = None
    whitelist: tuple[str, ...] | None = None
    regex: bool = False

    @property
    def conditions(self) -> Sequence[tuple[str, ...]]:
        every = (self.any_one_of, self.not_any_of, self.blacklist, self.whitelist)
        return [condition for condition in every if condition is not None]

    @property
    def hands_on(self) -> bool:
        return self.any_one_of is None and self.not_any_of is None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    local: tuple[Local, ...]
    remote: Annotated[tuple[Remote, ...], msgspec.Meta(min_length=1)]


Rules = Annotated[tuple[Rule, ...], msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Mapped:
    """`group_ids` and `groups` (by name) without repetition. `projects_are_all`: the user keeps no roles on others."""

    user: User
    group_ids: Sequence[str]
    groups: Sequence[Group]
    projects: Sequence[Project]
    projects_are_all: bool = False


# -- rules as they are written


def read(rules: Any, version: str | None) -> tuple[Rule, ...]:
    """The rules of a mapping; raises AttributeInvalid, which names the place that cannot be."""
    if (version or DEFAULT_VERSION) not in SCHEMA_VERSIONS:
        raise AttributeInvalid(
            f"Invalid input for field/attribute schema_version: it is one of {', '.join(SCHEMA_VERSIONS)}.",
            field="schema_version",
        )
    try:
        found: tuple[Rule, ...] = msgspec.convert(rules, Rules)
    except msgspec.ValidationError as error:
        told, _, place = str(error).replace("`", "'").partition(" - at '$")
        name = f"rules{place.rstrip(chr(39))}"
        raise _invalid(name, f"{told[0].lower()}{told[1:]}") from error
    for at, rule in enumerate(found):
        for number, remote in enumerate(rule.remote):
            _check_remote(remote, f"rules[{at}].remote[{number}]")
        count = sum(remote.hands_on for remote in rule.remote)
        for number, local in enumerate(rule.local):
            _check_local(local, count, version or DEFAULT_VERSION, f"rules[{at}].local[{number}]")
    return found


def _check_remote(remote: Remote, name: str) -> None:
    if len(remote.conditions) > 1:
        raise _invalid(name, "it has one of any_one_of, not_any_of, blacklist and whitelist, not more")
    if remote.regex:
        for pattern in remote.conditions[0] if remote.conditions else ():
            try:
                re.compile(pattern)
            except (re.error, RecursionError, OverflowError) as error:
                raise _invalid(name, f"{pattern!r} is no regular expression") from error


def _check_local(local: Local, count: int, version: str, name: str) -> None:
    group = local.group
    if group is not None and [group.id is None, group.name is None, group.domain is None].count(True) != (
        2 if group.id is not None else 1
    ):
        raise _invalid(f"{name}.group", "it has an id alone, or a name and a domain")
    if version == "1.0" and any(project.domain for project in local.projects or ()):
        raise _invalid(f"{name}.projects", "a domain of a project takes schema_version 2.0")
    if local.projects_json is not None:
        if version != "3.0":
            raise _invalid(f"{name}.projects_json", "it takes schema_version 3.0")
        if PLACEHOLDER.fullmatch(local.projects_json) is None:
            raise _invalid(f"{name}.projects_json", "it is a placeholder such as {0}")
    for text in _texts(msgspec.to_builtins(local)):
        for index in PLACEHOLDER.findall(text):
            if len(index) > 6 or int(index) >= count:
                raise _invalid(name, f"{{{index}}} refers to nothing: {count} remote conditions hand their values on")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _invalid(name: str, rule: str) -> AttributeInvalid:
    return AttributeInvalid(f"Invalid input for field/attribute {name}: {rule}.", field=name)


# -- rules as they are applied


def evaluate(rules: Sequence[Rule], version: str, attributes: Attributes) -> Mapped:
    """Whom the attributes stand for; raises NotMapped."""
    locals_: list[_Filled] = []
    for rule in rules:
        values = _matched(rule.remote, attributes)
        if values is not None:
            locals_ += [_Filled(local, values) for local in rule.local]
    if not locals_:
        raise NotMapped("no rule of the mapping matches")
    default = next((filled.domain() for filled in locals_ if filled.local.domain), None) if version != "1.0" else None
    user = next((filled.user() for filled in locals_ if filled.local.user), User())
    groups = [group for filled in locals_ for group in filled.groups()]
    return Mapped(
        user=msgspec.structs.replace(user, type=user.type or "ephemeral", domain=user.domain or default),
        group_ids=list(dict.fromkeys(group.id for group in groups if group.id is not None)),
        groups=list(dict.fromkeys(group for group in groups if group.id is None)),
        projects=list(dict.fromkeys(project for filled in locals_ for project in filled.projects(default))),
        projects_are_all=version == "3.0",
    )


def _matched(remotes: Sequence[Remote], attributes: Attributes) -> list[Sequence[str]] | None:
    """The values that are handed on, by placeholder; None where a condition does not hold."""
    handed: list[Sequence[str]] = []
    for remote in remotes:
        values = attributes.get(remote.type)
        if not values:
            return None
        if remote.any_one_of is not None:
            if not any(_is_named(value, remote.any_one_of, remote.regex) for value in values):
                return None
        elif remote.not_any_of is not None:
            if any(_is_named(value, remote.not_any_of, remote.regex) for value in values):
                return None
        elif remote.blacklist is not None:
            handed.append([value for value in values if not _is_named(value, remote.blacklist, remote.regex)])
        elif remote.whitelist is not None:
            handed.append([value for value in values if _is_named(value, remote.whitelist, remote.regex)])
        else:
            handed.append(list(values))
    return handed


def _is_named(value: str, names: Sequence[str], regex: bool) -> bool:
    return any(re.search(pattern, value) for pattern in names) if regex else value in names


@dataclass(frozen=True, slots=True)
class _Filled:
    """A local part with the values for its placeholders."""

    local: Local
    values: Sequence[Sequence[str]]

    def domain(self, own: Domain | None = None) -> Domain | None:
        found = own or self.local.domain
        return None if found is None else Domain(self._one(found.id), self._one(found.name))

    def user(self) -> User:
        user = self.local.user
        assert user is not None
        domain = self.domain(user.domain) if user.domain else None
        return User(self._one(user.id), self._one(user.name), self._one(user.email), domain, user.type)

    def groups(self) -> Iterator[Group]:
        local = self.local
        if local.group is not None and local.group.id is not None:
            yield from (Group(id=group_id) for group_id in self._each(local.group.id))
        elif local.group is not None and local.group.name is not None:
            domain = self.domain(local.group.domain)
            yield from (Group(name=name, domain=domain) for name in self._each(local.group.name))
        if local.group_ids is not None:
            yield from (Group(id=group_id) for group_id in self._list(local.group_ids))
        if local.groups is not None:
            for name in self._list(local.groups):
                if local.domain is not None:
                    yield Group(name=name, domain=self.domain())
                elif name.startswith(AS_JSON):
                    yield _group_of(name.removeprefix(AS_JSON))
                else:
                    raise NotMapped(f"the group {name!r} has no domain: give the rule one beside 'groups'")

    def projects(self, default: Domain | None) -> Iterator[Project]:
        for project in self.local.projects or ():
            roles = tuple(Role(self._must(role.name)) for role in project.roles)
            domain = self.domain(project.domain) if project.domain else default
            yield Project(self._must(project.name), roles, domain)
        for text in self._each(self.local.projects_json) if self.local.projects_json else ():
            for project in _projects_of(text):
                yield msgspec.structs.replace(project, domain=project.domain or default)

    def _one(self, template: str | None) -> str | None:
        return None if template is None else self._must(template)

    def _must(self, template: str) -> str:
        found = self._each(template)
        if len(found) != 1:
            raise NotMapped(f"{template!r} takes one value, and {len(found)} came")
        return found[0]

    def _list(self, template: str) -> Sequence[str]:
        """Of a text without placeholders the names in it: "a;b", or a list as Python writes it."""
        return self._each(template) if PLACEHOLDER.search(template) else _names_in(template)

    def _each(self, template: str) -> Sequence[str]:
        """The template once for each value, if one of its placeholders has several."""
        used = {int(index) for index in PLACEHOLDER.findall(template)}
        several = [index for index in used if len(self.values[index]) != 1]
        if len(several) > 1:
            raise NotMapped(f"{template!r} has more than one placeholder with several values")
        turns = len(self.values[several[0]]) if several else 1

        def filled(turn: int) -> str:
            return PLACEHOLDER.sub(lambda at: self._value(int(at[1]), turn), template)

        return [text for turn in range(turns) if (text := filled(turn))]

    def _value(self, index: int, turn: int) -> str:
        values = self.values[index]
        return values[0] if len(values) == 1 else values[turn]


def _names_in(text: str) -> Sequence[str]:
    if text.startswith("["):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            found = None
        if isinstance(found, list) and all(isinstance(name, str) for name in found):
            return [name for name in found if name]
    return [name for part in text.split(";") if (name := part.strip())]


def _group_of(text: str) -> Group:
    try:
        group = msgspec.json.decode(text, type=Group)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotMapped("a group that the identity provider tells as JSON cannot be read") from error
    if group.id is not None or group.name is None or group.domain is None:
        raise NotMapped("a group that the identity provider tells as JSON lacks its name or domain")
    return group


def _projects_of(text: str) -> tuple[Project, ...]:
    try:
        return msgspec.json.decode(text, type=tuple[Project, ...])
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotMapped("the projects that the identity provider tells as JSON cannot be read") from error
