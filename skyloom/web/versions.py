"""Microversion negotiation (API-SIG guideline "Microversion Specification")."""

import re

from skyloom.errors import BadRequest, NotAcceptable
from skyloom.web.context import Version
from skyloom.web.http import Request
from skyloom.web.routes import Microversions

VERSION = re.compile(r"([0-9]{1,9})\.(0|[1-9][0-9]{0,8})")


class VersionNotServed(NotAcceptable):
    code = "version.not_served"


class VersionInvalid(BadRequest):
    code = "version.invalid"


def negotiate(request: Request, offered: Microversions) -> Version:
    """The version the caller asks for by either header; the lowest one without a word of it."""
    asked = _asked(request, offered)
    if asked is None:
        return offered.lowest
    if asked == "latest":
        return offered.highest
    found = VERSION.fullmatch(asked)
    if found is None:
        raise VersionInvalid(f"The version {asked!r} is of invalid format; it must be of format MajorNum.MinorNum.")
    version = (int(found[1]), int(found[2]))
    if not offered.lowest <= version <= offered.highest:
        raise VersionNotServed(
            f"Version {asked} is not supported by the API. Minimum is {text(offered.lowest)} and "
            f"maximum is {text(offered.highest)}.",
            min_version=text(offered.lowest),
            max_version=text(offered.highest),
        )
    return version


def headers(offered: Microversions, version: Version) -> list[tuple[str, str]]:
    """What each reply says about its version, so that caches and clients know."""
    names = ["OpenStack-API-Version"]
    found = [("OpenStack-API-Version", f"{offered.service_type} {text(version)}")]
    if offered.legacy_header is not None:
        names.append(offered.legacy_header)
        found.append((offered.legacy_header, text(version)))
    return [*found, ("Vary", ", ".join(names))]


def text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def _asked(request: Request, offered: Microversions) -> str | None:
    for part in request.headers.get("openstack-api-version", "").split(","):
        service_type, _, value = part.strip().partition(" ")
        if service_type.lower() == offered.service_type and value.strip():
            return value.strip().lower()
    if offered.legacy_header is not None:
        value = request.headers.get(offered.legacy_header.lower(), "").strip()
        if value:
            return value.lower()
    return None
