"""JSON bodies into typed objects; what is wrong is told by field and rule."""

import re
from functools import cache
from typing import Any

import msgspec

from skyloom.errors import BadRequest, UnsupportedMedia
from skyloom.web.http import Request


class BodyInvalid(BadRequest):
    code = "request.body_invalid"


class BodyMissing(BadRequest):
    code = "request.body_missing"


class NotJson(UnsupportedMedia):
    code = "request.not_json"


NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""Which no database keeps in a text, nor may a name hold it."""
DEEPEST = 100
"""What is kept of a body is read and written by code that recurses, at any depth of its own."""
BRACKET = re.compile(rb'"(?:[^"\\]|\\.?)*+"?|[\[\]{}]', re.DOTALL)
"""A bracket, or a whole text, which may hold some. One without an end is taken, too: no byte is read twice."""
AT = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def decode(request: Request, kind: Any, limit_bytes: int) -> Any:
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media and not (media == "application/json" or media.endswith("+json")):
        raise NotJson(f"The body's Content-Type is {media}; this call reads application/json.")
    raw = request.body.read(limit_bytes)
    if not raw:
        raise BodyMissing("The request has no body; this call needs a JSON object.")
    return parsed(raw, kind)


def parsed(raw: bytes, kind: Any) -> Any:
    """For calls that read their body themselves. Raises BodyInvalid."""
    if b"\\u0000" in raw and NUL.search(raw):
        raise BodyInvalid("The body holds a NUL byte (\\u0000); no text may.")
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _depth(raw) > DEEPEST:
        raise BodyInvalid(f"The body's objects and lists lie in more than {DEEPEST} others.")
    try:
        return _decoder(kind).decode(raw)
    except msgspec.ValidationError as error:
        raise BodyInvalid(_sentence(str(error)), field=_field(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BodyInvalid("The body is not well-formed JSON.") from error


def _depth(raw: bytes) -> int:
    deepest = depth = 0
    for found in BRACKET.finditer(raw):
        if found[0] in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in (b"]", b"}"):
            depth -= 1
    return deepest


def _field(text: str) -> str:
    found = AT.search(text)
    return found[1] if found else ""


def _sentence(text: str) -> str:
    """msgspec says `Expected `str`, got `int` - at `$.server.name``; OpenStack names the field first."""
    rule = AT.sub("", text).replace("`", "'")
    name = _field(text)
    missing = re.fullmatch(r"Object missing required field '(.*)'", rule)
    if missing:
        return f"Invalid input: '{missing[1]}' is a required property{f' of {name}' if name else ''}."
    unknown = re.fullmatch(r"Object contains unknown field '(.*)'", rule)
    if unknown:
        where = f" in {name}" if name else ""
        return f"Invalid input: additional properties are not allowed{where} ('{unknown[1]}' was unexpected)."
    return f"Invalid input for field/attribute {name or 'body'}: {rule[0].lower()}{rule[1:]}."
