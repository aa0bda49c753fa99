"""What a handler is given: the caller, the services, the parsed request."""

import re
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import parse_qsl

from skyloom.access import Caller
from skyloom.errors import BadRequest
from skyloom.web.http import Request

Version = tuple[int, int]
S = TypeVar("S")
WHOLE = re.compile("[0-9]{1,100}")
LARGEST = 2**63 - 1


class QueryInvalid(BadRequest):
    code = "request.query_invalid"


@dataclass(slots=True)
class Context(Generic[S]):
    """`service` is the face of the API's own domain. `base_url`: scheme, host and prefix, no slash at the end.

    `version` is the negotiated microversion, (0, 0) in an API that has none.
    """

    request: Request
    caller: Caller
    service: S
    base_url: str
    version: Version = (0, 0)
    _query: list[tuple[str, str]] | None = field(default=None, repr=False)

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query's pairs in order, blank values kept."""
        if self._query is None:
            self._query = parse_qsl(self.request.query, keep_blank_values=True)
        return self._query

    def one(self, name: str) -> str | None:
        """The last value of `name`, None if it is not there."""
        found = None
        for key, value in self.query:
            if key == name:
                found = value
        return found

    def many(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == name]

    def flag(self, name: str) -> bool | None:
        """A boolean parameter in any spelling OpenStack's services take; a bare name means true."""
        value = self.one(name)
        if value is None:
            return None
        match value.strip().lower():
            case "" | "1" | "true" | "t" | "yes" | "y" | "on":
                return True
            case "0" | "false" | "f" | "no" | "n" | "off":
                return False
        raise QueryInvalid(f"The query parameter {name} is {value!r}; use true or false.", field=name)

    def whole(self, name: str) -> int | None:
        """A whole number from zero to what a database can keep."""
        value = self.one(name)
        if value is None:
            return None
        number = int(value) if WHOLE.fullmatch(value) else None
        if number is None or number > LARGEST:
            sentence = f"The query parameter {name} is {value!r}; it takes a whole number up to {LARGEST}."
            raise QueryInvalid(sentence, field=name)
        return number
