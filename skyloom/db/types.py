"""Column types that mean the same on SQLite and PostgreSQL.

What a value is read by is given as one function: lists read ten thousands of values, and each call between counts.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, String, Text
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
Read = Callable[[Any], Any]
encode = msgspec.json.Encoder().encode


class Timestamp(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as whole microseconds so that both engines sort and compare it alike."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // MICROSECOND

    def result_processor(self, dialect: Dialect, coltype: object) -> Read:
        return _moment


class Word(TypeDecorator[StrEnum]):
    """A member of one StrEnum, kept as its word. A word that the enum lacks raises ValueError."""

    impl = String(64)
    cache_ok = True

    def __init__(self, words: type[StrEnum]):
        super().__init__()
        self.words = words

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:
        return None if value is None else self.words(value).value

    def result_processor(self, dialect: Dialect, coltype: object) -> Read:
        words = self.words
        return lambda value: None if value is None else words(value)


class Json(TypeDecorator[Any]):
    """A JSON document kept as text, read as `kind`; what is searched by has a column of its own."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any = Any):
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else encode(value).decode()

    def result_processor(self, dialect: Dialect, coltype: object) -> Read:
        decode = msgspec.json.Decoder(self.kind).decode
        return lambda value: None if value is None else decode(value)


def _moment(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + MICROSECOND * value
