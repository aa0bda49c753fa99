"""The operator's settings: one TOML file with a table for each domain that has any, checked before anything starts.

It holds no secret: those stand in files and variables of their own.
"""

import tomllib
from pathlib import Path

import msgspec
from msgspec.structs import replace

from skyloom.errors import BadRequest
from skyloom.home import Home, Plan
from skyloom.identity import IdentitySettings
from skyloom.web.settings import WebSettings


class ConfigurationInvalid(BadRequest):
    """The configuration cannot be read, or a key in it is unknown or has a value that cannot be."""

    code = "cloud.configuration_invalid"


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field is a table, its fields are the keys. Without a file everything has its default."""

    identity: IdentitySettings = IdentitySettings()
    web: WebSettings = WebSettings()


def configuration(home: Home, plan: Plan) -> Configuration:
    """What the cloud's file says, and the options of its plan; raises ConfigurationInvalid with file, key and rule."""
    path, found = home.configuration(plan), Configuration()
    if path is not None:
        try:
            found = msgspec.convert(_tables(path), Configuration)
        except msgspec.ValidationError as error:
            raise ConfigurationInvalid(f"{path}: {_said(str(error))}") from error
    if plan.password_cost is not None:
        found = replace(found, identity=replace(found.identity, password_cost=plan.password_cost))
    return found


def _tables(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigurationInvalid(f"{path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise ConfigurationInvalid(f"{path} is no TOML: {error}.") from error


def _said(sentence: str) -> str:
    """msgspec's "Expected `int`, got `str` - at `$.identity.list_limit`" with the place first, as TOML writes it."""
    rule, _, at = sentence.replace("`", "").partition(" - at $.")
    table, _, key = at.partition(".")
    unknown = rule.removeprefix("Object contains unknown field ")
    if unknown != rule:
        place = f"[{table}] {unknown}" if table else unknown
        return f"{place}: there is no such {'key' if table else 'table'}; docs/configuration.md lists those there are."
    return f"[{table}]{f' {key}' if key else ''}: {rule[0].lower()}{rule[1:]}."
